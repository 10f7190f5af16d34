"""The floor: a bare loop of non-blocking ``send`` of the same bytes to the same number of readers, on one core.

No handshake, no protocol, no event loop: what is left is the price of the system call. It is a target like any other,
so the crowd and the ways of measuring are the same.
"""

import gc
import select
import socket
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

from loadtests.bench.bare_server import BareServer, accept_waiting
from loadtests.bench.cores import Cores
from loadtests.bench.server_frames import text_frame
from loadtests.bench.target import numbered
from loadtests.errors import LoadError


class Floor(BareServer):
    """The floor's server: a process that accepts readers and runs the loop when it is told to.

    Args:
        cores: its core is the server's.
        sent_at_ns: by number, when the loop of each event began; shared with the crowd.

    Attributes:
        loops_ns: how long each loop took, on the clock.
        not_taken: sends that would have blocked, so far: a reader was too slow.
    """

    def __init__(self, cores: Cores, sent_at_ns: memoryview) -> None:
        super().__init__("floor", cores)
        self.loops_ns: list[int] = []
        self.not_taken = 0
        self._sent_at_ns = sent_at_ns
        self._number = 0

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

    def _serve(self, listener: socket.socket, owner: Connection) -> None:
        gc.disable()
        socks: list[socket.socket] = []
        not_taken = 0
        poller = select.epoll()
        poller.register(listener.fileno(), select.EPOLLIN)
        poller.register(owner.fileno(), select.EPOLLIN)
        while True:
            for fd, _mask in poller.poll():
                if fd == listener.fileno():
                    socks += accept_waiting(listener)
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
                    self._sent_at_ns[number + place] = time.monotonic_ns()
                    not_taken += send_to_all(socks, frame)
                owner.send((time.monotonic_ns() - began_ns, not_taken))


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
