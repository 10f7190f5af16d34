"""An entrance whose server is the test itself, and two viewers of it."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from multiprocessing.connection import Connection

from loadtests.bench.board import Board, new_clock
from loadtests.bench.crowd import CrowdLoop, CrowdPlan

HELLO = b"hello"
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
PATIENCE_S = 5.0


class Puppet:
    """Viewers are in with the first answer."""

    def __init__(self) -> None:
        self.name = "puppet"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE_S)
        self.port = int(self.listener.getsockname()[1])

    def greeting(self, viewer: int) -> list[bytes]:
        return [HELLO, b"%d" % viewer]

    def greeted(self, received: bytes) -> int:
        return 1 if not received else 3

    def stop(self) -> None:
        self.listener.close()

    def let_in(self, early: bytes = b"") -> socket.socket:
        """Greet one viewer; ``early`` comes with the greeting."""
        sock, _ = self.listener.accept()
        sock.settimeout(PATIENCE_S)
        assert sock.recv(len(HELLO)) == HELLO
        sock.sendall(UPGRADED + early)
        return sock

    def enter(self, early: bytes = b"") -> dict[bytes, socket.socket]:
        """Let both viewers in; return their sockets by number."""
        socks = [self.let_in(early) for _ in range(2)]
        return {sock.recv(10): sock for sock in socks}


@contextmanager
def crowd_of_two(puppet: Puppet, loop: type[CrowdLoop]) -> Iterator[tuple[Connection, Board]]:
    """Run two viewers in a thread; here their process is ours."""
    plan = CrowdPlan(viewers=2)
    board = Board(plan.viewers, new_clock())
    ours, theirs = Pipe()
    thread = threading.Thread(target=loop(puppet, plan, board, theirs).run)
    thread.start()
    yield ours, board
    ours.send(None)
    thread.join(PATIENCE_S)
    assert not thread.is_alive()
    ours.close()
    theirs.close()
