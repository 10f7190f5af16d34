"""The crowd against a server that lies: what it must find out, it does find out."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import Pipe

import pytest

from loadtests.bench.board import Board, Count, new_clock
from loadtests.bench.crowd import CrowdLoop, CrowdPlan, address_of
from loadtests.bench.target import MARKER, numbered

HELLO = b"hello"
WELCOME = b"welcome\n"
REFUSAL = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\n\r\n"
BEAT = b"here"
PATIENCE_S = 5.0


class Puppet:
    """An entrance whose server is the test itself."""

    def __init__(self) -> None:
        self.name = "puppet"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE_S)
        self.port = int(self.listener.getsockname()[1])

    def greeting(self, viewer: int) -> list[bytes]:
        return [HELLO, b"%d" % viewer]

    def greeted(self, received: bytes) -> int:
        return 1 + received.count(b"\n")

    def heartbeat(self) -> bytes:
        return BEAT

    def stop(self) -> None:
        self.listener.close()

    def let_in(self) -> tuple[int, socket.socket]:
        """Greet one viewer; return who it is."""
        sock, _ = self.listener.accept()
        sock.settimeout(PATIENCE_S)
        assert sock.recv(100) == HELLO
        sock.sendall(b"go on\n")
        viewer = int(sock.recv(100))
        sock.sendall(WELCOME)
        return viewer, sock


@pytest.fixture
def puppet() -> Iterator[Puppet]:
    puppet = Puppet()
    yield puppet
    puppet.stop()


StartCrowd = Callable[[CrowdPlan], Board]


@pytest.fixture
def start_crowd(puppet: Puppet) -> Iterator[StartCrowd]:
    """Run crowds in threads; here their process is ours."""
    running = []

    def start(plan: CrowdPlan) -> Board:
        board = Board(plan.viewers, new_clock())
        ours, theirs = Pipe()
        thread = threading.Thread(target=CrowdLoop(puppet, plan, board, theirs).run)
        thread.start()
        running.append((ours, theirs, thread))
        return board

    yield start
    for ours, theirs, thread in running:
        ours.send(None)
        thread.join(PATIENCE_S)
        ours.close()
        theirs.close()
        assert not thread.is_alive()


def event(number: int) -> bytes:
    return numbered(MARKER, number)


def fill(sock: socket.socket) -> None:
    """Send ten megabytes: more than any socket takes whose other end does not read."""
    for _ in range(10_000):
        sock.send(b"x" * 1024)


def wait_for(board: Board, which: Count, count: int) -> None:
    gives_up_at = time.monotonic() + PATIENCE_S
    while board.count(which) < count and time.monotonic() < gives_up_at:
        time.sleep(0.005)
    assert board.count(which) == count


def test_losses_doubles_and_cuts_are_found(puppet: Puppet, start_crowd: StartCrowd) -> None:
    board = start_crowd(CrowdPlan(viewers=4, first=10))
    viewers = dict(puppet.let_in() for _ in range(4))
    assert sorted(viewers) == [10, 11, 12, 13]
    wait_for(board, Count.JOINED, 4)
    viewers[10].sendall(event(1) + event(2) + event(3))
    viewers[11].sendall(event(1) + event(3))
    viewers[12].sendall(event(1) + event(1) + event(2) + event(3))
    viewers[13].sendall(event(1))
    viewers[13].close()
    wait_for(board, Count.LOST, 1)
    wait_for(board, Count.DELIVERIES, 9)
    assert list(board.newest) == [3, 3, 3, 1]
    assert (board.count(Count.MISSED), board.count(Count.DOUBLES)) == (1, 1)
    for sock in viewers.values():
        sock.close()


def test_who_is_refused_comes_again(puppet: Puppet, start_crowd: StartCrowd) -> None:
    board = start_crowd(CrowdPlan(viewers=1))
    sock, _ = puppet.listener.accept()
    sock.sendall(REFUSAL)
    wait_for(board, Count.REFUSED, 1)
    sock.close()
    _, sock = puppet.let_in()
    wait_for(board, Count.JOINED, 1)
    sock.close()


def test_events_behind_the_greeting_count_for_those_who_resume_only(puppet: Puppet, start_crowd: StartCrowd) -> None:
    for resumes in (False, True):
        board = start_crowd(CrowdPlan(viewers=1, had=0, counts_greeting=resumes, look_for=b"welcome"))
        sock, _ = puppet.listener.accept()
        sock.recv(100)
        sock.sendall(b"go on\n" + WELCOME + event(1))
        wait_for(board, Count.JOINED, 1)
        assert (board.count(Count.DELIVERIES), board.count(Count.FOUND)) == (int(resumes), 1)
        sock.close()


def test_a_stalled_viewer_reads_nothing_after_its_greeting(puppet: Puppet, start_crowd: StartCrowd) -> None:
    board = start_crowd(CrowdPlan(viewers=2, stalled=1))
    viewers = dict(puppet.let_in() for _ in range(2))
    wait_for(board, Count.JOINED, 2)
    for sock in viewers.values():
        sock.sendall(event(1))
    wait_for(board, Count.DELIVERIES, 1)
    assert list(board.newest) == [1, 0]
    viewers[1].setblocking(False)
    with pytest.raises(BlockingIOError):
        fill(viewers[1])
    for sock in viewers.values():
        sock.close()


def test_everyone_sends_heartbeats_also_who_never_reads(puppet: Puppet) -> None:
    ours, theirs = Pipe()
    board = Board(4, new_clock())
    thread = threading.Thread(target=CrowdLoop(puppet, CrowdPlan(viewers=4, stalled=2), board, theirs).run)
    thread.start()
    viewers = dict(puppet.let_in() for _ in range(4))
    wait_for(board, Count.JOINED, 4)
    for sock in (viewers[1], viewers[3]):  # one who reads and one who does not are cut, and nobody else minds
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    wait_for(board, Count.LOST, 1)
    for over_s in (0.01, 0.01):
        ours.send(over_s)
        assert [viewers[one].recv(100) for one in (0, 2)] == [BEAT, BEAT]
    assert board.count(Count.LOST) == 1
    ours.send(None)
    thread.join(PATIENCE_S)
    for end in (ours, theirs):
        end.close()
    for sock in viewers.values():
        sock.close()


def test_the_end_of_the_crowd_cuts_everyone_with_a_reset(puppet: Puppet) -> None:
    ours, theirs = Pipe()
    board = Board(1, new_clock())
    thread = threading.Thread(target=CrowdLoop(puppet, CrowdPlan(viewers=1), board, theirs).run)
    thread.start()
    _, sock = puppet.let_in()
    wait_for(board, Count.JOINED, 1)
    ours.send(None)
    with pytest.raises(ConnectionResetError):
        sock.recv(1)
    thread.join(PATIENCE_S)
    for end in (ours, theirs, sock):
        end.close()


def test_a_few_viewers_share_an_address() -> None:
    addresses = [address_of(viewer) for viewer in range(20_000)]
    assert addresses[0] == addresses[49] != addresses[50]
    assert all(1 <= int(part) <= 254 for one in set(addresses) for part in one.split(".")[3:])
    assert len(set(addresses)) == 400
