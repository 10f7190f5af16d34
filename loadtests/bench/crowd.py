"""The crowd: thousands of viewers in one process, cheap enough to be out of the way.

Raw non-blocking sockets and one epoll. A viewer writes its greeting, piece by piece as the server answers; after that
it only reads. Everything that is found out goes to the board; the owner's side is ``crowd_process.py``.
"""

import heapq
import random
import select
import socket
import struct
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Final

import msgspec

from loadtests.bench.board import Board, Count
from loadtests.bench.client_frames import retry_after_s, status_of
from loadtests.bench.limits import (
    CONNECTING_MOST,
    RECEIVE_BYTES,
    RETRY_AFTER_S,
    SETTLE_S,
    STALLED_RECEIVE_BYTES,
    STALLED_SEGMENT_BYTES,
    VIEWERS_PER_ADDRESS,
)
from loadtests.bench.markers import HEAD, Markers
from loadtests.bench.target import Entrance, HasHeartbeat

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_READY_AT_ONCE: Final = 1024
_TICK_S: Final = 0.05
_GREETING_READ: Final = 64 * 1024


class CrowdPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a crowd does.

    Attributes:
        viewers: how many; they are numbered from ``first``.
        stalled: how many of them, the last ones, never read once they are in.
        first: number of the first viewer, so that two crowds of one target are different people.
        had: number of the newest event that all of them have already.
        connecting: most viewers who are on their way in at the same time.
        counts_greeting: whether events right behind the greeting count: yes for viewers who resume. Not for others:
            their snapshot shows the last event.
        look_for: viewers whose greeting holds these bytes are counted in ``Count.FOUND``; empty looks for nothing.
        settle_s: seconds of rest before anything is measured with it.
        cores: where the crowd's process runs; empty leaves it to the system.
    """

    viewers: int
    stalled: int = 0
    first: int = 0
    had: int = 0
    connecting: int = CONNECTING_MOST
    counts_greeting: bool = False
    look_for: bytes = b""
    settle_s: float = SETTLE_S
    cores: frozenset[int] = frozenset()


class Coming:
    """A viewer on its way in."""

    __slots__ = ("connected", "pieces", "received", "sent", "sock", "viewer")

    def __init__(self, sock: socket.socket, viewer: int, pieces: list[bytes]) -> None:
        self.sock = sock
        self.viewer = viewer  # from 0, whatever ``first`` is
        self.pieces = pieces
        self.sent = 0
        self.received = bytearray()
        self.connected = False


class CrowdLoop:
    """One crowd, from the first connect until its owner hangs up; runs in a process of its own.

    Args:
        target: where to connect to.
        plan: what to do.
        board: where everything is noted.
        owner: says over how many seconds heartbeats are due, or None: the end of the crowd.
    """

    def __init__(self, target: Entrance, plan: CrowdPlan, board: Board, owner: Connection) -> None:
        self._target = target
        self._plan = plan
        self._counts = board.counts
        self._owner = owner
        self._epoll = select.epoll()
        self._markers = Markers(board, RECEIVE_BYTES)
        self._window = memoryview(self._markers.buffer)[HEAD:]
        self._take: Callable[[int, int, int], None] = self._markers.take
        self._patience_s = _TICK_S
        self._outside = list(range(plan.viewers - 1, -1, -1))
        self._later: list[tuple[float, int]] = []
        self._coming: dict[int, Coming] = {}
        self._readers: dict[int, tuple[Callable[[memoryview], int], int]] = {}
        self._stalled: set[int] = set()
        self._socks: dict[int, socket.socket] = {}
        self._beats: list[int] = []
        self._beat_per_s = 0.0
        self._beat_due = 0.0
        self._random = random.Random(plan.first)  # noqa: S311 - jitter, no secret

    def run(self) -> None:
        """Connect everyone, read until the owner ends it, then cut all connections with a reset."""
        self._epoll.register(self._owner.fileno(), select.EPOLLIN)
        try:
            while True:
                self._connect_more()
                if not self._turn():
                    return
                self._beat()
        finally:
            for sock in self._socks.values():
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
                sock.close()

    # --- the hot path -------------------------------------------------------------------------------------------

    def _turn(self) -> bool:
        """Handle what is ready; return whether the owner is still there."""
        readers, window, take, counts = self._readers, self._window, self._take, self._counts
        now_ns = time.monotonic_ns
        size = reads = 0
        for fd, mask in self._epoll.poll(self._patience_s, _READY_AT_ONCE):
            reader = readers.get(fd)
            if reader is None:
                if fd == self._owner.fileno():
                    if not self._hear():
                        return False
                else:
                    self._greet(fd, mask)
                continue
            # Edge-triggered: a read that leaves room in the buffer has emptied the socket.
            got = RECEIVE_BYTES
            while got == RECEIVE_BYTES or (got and mask != select.EPOLLIN):
                try:
                    got = reader[0](window)
                except BlockingIOError:
                    break
                except OSError:
                    got = 0
                if got:
                    take(reader[1], got, now_ns())
                    size += got
                    reads += 1
                else:
                    self._lose(fd)
        if reads:
            counts[Count.READS] += reads
            counts[Count.READ_BYTES] += size
            self._note_deliveries(now_ns())
        return True

    def _note_deliveries(self, at_ns: int) -> None:
        counts, markers = self._counts, self._markers
        counts[Count.DOUBLES] = markers.doubles
        counts[Count.MISSED] = markers.missed
        if counts[Count.DELIVERIES] != markers.deliveries:
            counts[Count.DELIVERED_AT_NS] = at_ns
            counts[Count.DELIVERIES] = markers.deliveries

    # --- coming in ----------------------------------------------------------------------------------------------

    def _connect_more(self) -> None:
        while self._later and self._later[0][0] <= time.monotonic():
            self._outside.append(heapq.heappop(self._later)[1])
        while self._outside and len(self._coming) < self._plan.connecting:
            self._connect(self._outside.pop())

    def _connect(self, viewer: int) -> None:
        sock = socket.socket()
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if viewer >= self._plan.viewers - self._plan.stalled:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STALLED_RECEIVE_BYTES)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, STALLED_SEGMENT_BYTES)
        sock.bind((address_of(self._plan.first + viewer), 0))
        try:
            sock.connect(("127.0.0.1", self._target.port))
        except BlockingIOError:
            pass
        except OSError:
            sock.close()
            self._again(viewer, Count.FAILED, None)
            return
        self._socks[sock.fileno()] = sock
        self._coming[sock.fileno()] = Coming(sock, viewer, self._target.greeting(self._plan.first + viewer))
        self._epoll.register(sock.fileno(), select.EPOLLOUT)

    def _greet(self, fd: int, mask: int) -> None:
        coming = self._coming.get(fd)
        if coming is None:  # a stalled viewer: whatever happens to it, it does not care
            return
        try:
            if not coming.connected and mask & select.EPOLLOUT and not self._connected(coming):
                return
            if mask & select.EPOLLIN:
                data = coming.sock.recv(_GREETING_READ)
                if not data:
                    raise ConnectionResetError
                coming.received += data
            elif mask & (select.EPOLLERR | select.EPOLLHUP):
                raise ConnectionResetError
            self._go_on(coming)
        except BlockingIOError:
            return
        except OSError:
            self._turned_away(coming)

    def _connected(self, coming: Coming) -> bool:
        if coming.sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise ConnectionRefusedError
        coming.connected = True
        self._counts[Count.CONNECTED_AT_NS] = time.monotonic_ns()
        self._epoll.modify(coming.sock.fileno(), select.EPOLLIN)
        return True

    def _go_on(self, coming: Coming) -> None:
        status = status_of(bytes(coming.received))
        if status is not None and status not in (200, 101):
            self._turned_away(coming)
            return
        allowed = self._target.greeted(bytes(coming.received))
        while coming.sent < min(allowed, len(coming.pieces)):
            coming.sock.sendall(coming.pieces[coming.sent])
            coming.sent += 1
        if allowed > len(coming.pieces):
            self._enter(coming)

    def _enter(self, coming: Coming) -> None:
        fd, plan, counts = coming.sock.fileno(), self._plan, self._counts
        del self._coming[fd]
        counts[Count.JOINED_AT_NS] = time.monotonic_ns()
        if plan.look_for and plan.look_for in coming.received:
            counts[Count.FOUND] += 1
        if plan.counts_greeting:
            self._window[: len(coming.received)] = coming.received
            self._markers.take(coming.viewer, len(coming.received), counts[Count.JOINED_AT_NS])
            self._note_deliveries(counts[Count.JOINED_AT_NS])
        if coming.viewer >= plan.viewers - plan.stalled:
            self._epoll.unregister(fd)
            self._stalled.add(fd)
        else:
            self._epoll.modify(fd, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLET)
            self._readers[fd] = (coming.sock.recv_into, coming.viewer)
        counts[Count.JOINED] += 1

    def _turned_away(self, coming: Coming) -> None:
        refused = status_of(bytes(coming.received)) is not None
        fd = coming.sock.fileno()
        del self._coming[fd]
        del self._socks[fd]
        coming.sock.close()
        self._again(coming.viewer, Count.REFUSED if refused else Count.FAILED, retry_after_s(bytes(coming.received)))

    def _again(self, viewer: int, why: Count, after_s: float | None) -> None:
        self._counts[why] += 1
        wait_s = RETRY_AFTER_S if after_s is None else after_s
        heapq.heappush(self._later, (time.monotonic() + wait_s + self._random.random() * wait_s, viewer))

    def _lose(self, fd: int) -> None:
        if fd in self._stalled:  # as it should be
            self._stalled.remove(fd)
        else:
            self._counts[Count.LOST] += 1
            del self._readers[fd]
        self._socks.pop(fd).close()

    # --- the owner ----------------------------------------------------------------------------------------------

    def _hear(self) -> bool:
        try:
            word: object = self._owner.recv()
        except EOFError:
            return False
        if word is None:
            return False
        self._told(word)
        return True

    def _told(self, word: object) -> None:
        """Do what the owner says: let everyone be heard, over so many seconds."""
        assert isinstance(word, float)
        self._beats = [*self._readers, *self._stalled]  # who does not read may well write
        self._beat_per_s = len(self._beats) / word
        self._beat_due = time.monotonic()

    def _beat(self) -> None:
        """Send the heartbeats that are due: spread over time, as viewers who joined at different times do."""
        if not self._beats or not isinstance(self._target, HasHeartbeat):
            return
        beat, now = self._target.heartbeat(), time.monotonic()
        while self._beats and self._beat_due <= now:
            fd = self._beats.pop()
            self._beat_due += 1 / self._beat_per_s
            if fd in self._readers or fd in self._stalled:
                try:
                    self._socks[fd].send(beat)
                except OSError:
                    self._lose(fd)


def address_of(viewer: int) -> str:
    """Return the loopback address of a viewer: ``VIEWERS_PER_ADDRESS`` share one."""
    home = 1 + viewer // VIEWERS_PER_ADDRESS
    return f"127.1.{home // 250}.{1 + home % 250}"
