"""The crowd that claims, against a server that answers as it likes."""

import socket
import threading
from collections.abc import Iterator
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import pytest

from live import wire
from live.frames import JSON, frame_of
from loadtests.bench.board import Board, new_clock
from loadtests.bench.claim_frames import around_id
from loadtests.bench.claim_loop import ClaimLoop
from loadtests.bench.claim_round import ClaimOrder, ClaimReport
from loadtests.bench.crowd import CrowdPlan

OFFER = "offer_1"
HELLO = b"hello"
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
STOCK = frame_of(wire.encode_json(wire.OfferStock(offer_id=OFFER, available=7, held=1, sold=0)), JSON)
PATIENCE_S = 5.0


class Puppet:
    """A target whose server is the test itself; viewers are in with the first answer."""

    def __init__(self) -> None:
        self.name = "puppet"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE_S)
        self.port = int(self.listener.getsockname()[1])

    def pids(self) -> list[int]:
        return []

    def greeting(self, viewer: int) -> list[bytes]:
        return [HELLO, b"%d" % viewer]

    def greeted(self, received: bytes) -> int:
        return 1 if not received else 3

    def publish(self, payload: bytes, count: int = 1) -> None:
        raise AssertionError(payload, count)

    def start(self) -> None:
        raise AssertionError

    def stop(self) -> None:
        self.listener.close()

    def let_in(self, early: bytes = b"") -> socket.socket:
        """Greet one viewer; ``early`` comes with the greeting."""
        sock, _ = self.listener.accept()
        sock.settimeout(PATIENCE_S)
        assert sock.recv(len(HELLO)) == HELLO
        sock.sendall(UPGRADED + early)
        return sock


@pytest.fixture
def puppet() -> Iterator[Puppet]:
    puppet = Puppet()
    yield puppet
    puppet.stop()


@pytest.fixture
def owner(puppet: Puppet) -> Iterator[Connection]:
    """Two viewers in a thread; here their process is ours."""
    plan = CrowdPlan(viewers=2)
    ours, theirs = Pipe()
    thread = threading.Thread(target=ClaimLoop(puppet, plan, Board(plan.viewers, new_clock()), theirs).run)
    thread.start()
    yield ours
    ours.send(None)
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    ours.close()
    theirs.close()


def accepted(claim_id: str, hold_id: str) -> bytes:
    answer = wire.ClaimAccepted(claim_id=claim_id, hold_id=hold_id, offer_id=OFFER, quantity=1, expires_at_ms=17)
    return frame_of(wire.encode_json(answer), JSON)


def refused(claim_id: str) -> bytes:
    answer = wire.ClaimRefused(claim_id=claim_id, offer_id=OFFER, reason="sold_out", temporary=True)
    return frame_of(wire.encode_json(answer), JSON)


def claims(sock: socket.socket, count: int) -> list[str]:
    """Read claims; return their ids."""
    before, after = around_id(OFFER)
    data = b""
    while data.count(after) < count:
        data += sock.recv(65_536)
    return [part.removesuffix(after).decode() for part in data.split(before)[1:]]


def report_of(owner: Connection) -> ClaimReport:
    assert owner.poll(PATIENCE_S), "no report"
    report = owner.recv()
    assert isinstance(report, ClaimReport)
    return report


def enter(puppet: Puppet, early: bytes = b"") -> dict[bytes, socket.socket]:
    socks = [puppet.let_in(early) for _ in range(2)]
    return {sock.recv(10): sock for sock in socks}


def test_answers_among_counts_and_in_pieces_are_read(puppet: Puppet, owner: Connection) -> None:
    viewers = enter(puppet, early=STOCK[:9])  # the rest of it comes later
    owner.send(ClaimOrder(offers=[OFFER], each=3, in_flight=2))
    [one] = claims(viewers[b"0"], 1)
    [two] = claims(viewers[b"1"], 1)
    viewers[b"0"].sendall(STOCK[9:] + STOCK + accepted(one, "hold_1") + STOCK)
    [three] = claims(viewers[b"0"], 1)
    answer = STOCK[9:] + refused(two)
    for at in range(len(answer)):
        viewers[b"1"].sendall(answer[at : at + 1])
    viewers[b"0"].sendall(accepted(three, "hold_2"))
    report = report_of(owner)
    assert (report.accepted, report.holds, report.refused) == (2, 2, {"sold_out": 1})
    assert (report.unanswered, report.strange) == (0, 0)
    for sock in viewers.values():
        sock.close()


def test_a_claim_whose_viewer_is_cut_stays_unanswered_and_is_told(puppet: Puppet, owner: Connection) -> None:
    viewers = enter(puppet)
    owner.send(ClaimOrder(offers=[OFFER], each=2, in_flight=2, timeout_s=0.5))
    [one] = claims(viewers[b"0"], 1)
    claims(viewers[b"1"], 1)
    viewers[b"1"].close()
    viewers[b"0"].sendall(refused(one))
    report = report_of(owner)
    assert (report.answered, report.unanswered) == (1, 1)
    viewers[b"0"].close()


def test_watchers_note_counts_and_deadlines(puppet: Puppet, owner: Connection) -> None:
    viewers = enter(puppet)
    owner.send(ClaimOrder(offers=[OFFER], each=1, in_flight=1, watchers=1, until_available=7))
    [one] = claims(viewers[b"0"], 1)
    viewers[b"0"].sendall(accepted(one, "hold_1"))
    viewers[b"1"].sendall(STOCK)
    report = report_of(owner)
    assert report.expires_at_ms == [17]
    assert [[one.available for one in seen] for seen in report.seen] == [[7]]
    for sock in viewers.values():
        sock.close()
