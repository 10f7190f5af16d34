"""The floor: a bare loop of non-blocking ``send`` of the same bytes to the same number of readers, on one core.

No handshake, no protocol, no event loop: what is left is the price of the system call. It is a target like any other,
so the crowd and the ways of measuring are the same.
"""

import contextlib
import gc
import multiprocessing
import os
import select
import socket
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

from loadtests.bench.cores import Cores
from loadtests.bench.limits import OTHER_FILES, STOP_TIMEOUT_S
from loadtests.bench.server_frames import text_frame
from loadtests.bench.target import numbered
from loadtests.errors import LoadError

_fork = multiprocessing.get_context("fork")


class Floor:
    """The floor's server: a process that accepts readers and runs the loop when it is told to.

    Args:
        cores: its core is the server's.
        sent_at_ns: by number, when the loop of each event began; shared with the crowd.

    Attributes:
        loops_ns: how long each loop took, on the clock.
        not_taken: sends that would have blocked, so far: a reader was too slow.
    """

    def __init__(self, cores: Cores, sent_at_ns: memoryview) -> None:
        self.name = "floor"
        self.port = 0
        self.loops_ns: list[int] = []
        self.not_taken = 0
        self._cores = cores
        self._sent_at_ns = sent_at_ns
        self._number = 0
        self._pipe, self._theirs = _fork.Pipe()
        self._process: multiprocessing.process.BaseProcess | None = None

    def pids(self) -> list[int]:
        """Return the process of the loop."""
        return [] if self._process is None or self._process.pid is None else [self._process.pid]

    def greeting(self, viewer: int) -> list[bytes]:  # noqa: ARG002 - all readers are alike
        """Return nothing: a reader only connects."""
        return []

    def greeted(self, received: bytes) -> int:  # noqa: ARG002 - nothing is ever awaited
        """Let everyone in at once."""
        return 1

    def publish(self, payload: bytes, count: int = 1) -> None:
        """Run the loop ``count`` times and return when it is over."""
        frames = [text_frame(numbered(payload, self._number + one)) for one in range(1, count + 1)]
        self._pipe.send((self._number + 1, frames))
        self._number += count
        try:
            took_ns, self.not_taken = self._pipe.recv()
        except EOFError as error:
            raise LoadError("the floor's process has ended") from error
        self.loops_ns.append(took_ns // count)

    def start(self) -> None:
        """Listen and fork."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = int(listener.getsockname()[1])
        self._process = _fork.Process(
            target=_serve, args=(listener, self._theirs, self._sent_at_ns, self._cores.server), daemon=True
        )
        self._process.start()
        listener.close()

    def stop(self) -> None:
        """End the process."""
        if self._process is None:
            return
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(STOP_TIMEOUT_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process = None


def send_to_all(socks: Sequence[socket.socket], frame: bytes) -> int:
    """Send to everyone, and return how many would not take it. This is the floor."""
    not_taken = 0
    for sock in socks:
        try:
            sock.send(frame)
        except BlockingIOError:
            not_taken += 1
        except OSError:
            continue  # the reader has gone
    return not_taken


def _serve(listener: socket.socket, owner: Connection, sent_at_ns: memoryview, core: frozenset[int]) -> None:
    if core:
        os.sched_setaffinity(0, core)
    gc.disable()
    listener.setblocking(False)
    socks: list[socket.socket] = []
    not_taken = 0
    poller = select.epoll()
    poller.register(listener.fileno(), select.EPOLLIN)
    poller.register(owner.fileno(), select.EPOLLIN)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for fd, _mask in poller.poll():
                if fd == listener.fileno():
                    socks += _accept(listener)
                    continue
                try:
                    order: tuple[int, list[bytes]] | None = owner.recv()
                except EOFError:
                    return
                if order is None:
                    return
                number, frames = order
                began_ns = time.monotonic_ns()
                for place, frame in enumerate(frames):
                    sent_at_ns[number + place] = time.monotonic_ns()
                    not_taken += send_to_all(socks, frame)
                owner.send((time.monotonic_ns() - began_ns, not_taken))


def _accept(listener: socket.socket) -> list[socket.socket]:
    accepted = []
    for _ in range(OTHER_FILES):
        try:
            sock, _address = listener.accept()
        except BlockingIOError:
            break
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        accepted.append(sock)
    return accepted
