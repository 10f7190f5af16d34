"""One show's frames on their way to its viewers: the same bytes to everyone, in slices, in order (D3).

An event leaves in the next turn of the loop; state waits until whoever read it has read all of it (``flush``), or for
an event that takes it along. What is due while a broadcast runs waits for its end. What leaves together is one write
per viewer.

A broadcast writes to a slice of the viewers and lets the event loop do other work before it goes on, so a claim that
comes meanwhile is answered between two slices. While one waits, or a tick reads the next state, slices of state are
small; those of events are not: there are few events, and whoever waits for one is the whole audience. After a broadcast
in which claims waited for half of the time or more, state rests for as long as that took, half a second at most, unless
what waits fills a broadcast: on a machine that is quick enough until the next tick, on another one claims have half of
the time for themselves (decisions 0036, 0037, 0038).

A viewer whose socket takes everything is *direct*: its bytes go straight to the descriptor, which costs what the
system call costs (decision 0021). A viewer with bytes that the socket did not take is *behind*: its transport keeps
them in order, and the connection decides what it is still sent.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Generic, Protocol, TypeVar

from live.frames import VARIANTS, Frame, Variant
from live.gateway_figures import GatewayFigures
from live.limits import BATCH_MOST_FRAMES, SLICE_VIEWERS, SLICE_VIEWERS_BUSY, STATE_REST_MOST_S


class Seat(Protocol):
    """What a fan-out needs of a viewer."""

    @property
    def variant(self) -> Variant:
        """Which bytes this viewer reads."""
        ...

    @property
    def fd(self) -> int:
        """The socket's descriptor; it stays this viewer's until the seat has left."""
        ...

    @property
    def is_behind(self) -> bool:
        """Whether bytes wait that the socket did not take: then nothing may be written past them."""
        ...

    def write(self, data: bytes | memoryview) -> None:
        """Send complete frames, or the rest of some, in order behind everything written before."""
        ...

    def write_behind(self, data: bytes, log: bytes) -> None:
        """Send ``data``, or only ``log``, the log events in it, when too much waits already."""
        ...


Someone = TypeVar("Someone", bound=Seat)


class _Group(Generic[Someone]):
    """The viewers of one variant, in the order in which they came."""

    def __init__(self, variant: Variant) -> None:
        self.variant = variant
        self.direct: dict[int, Someone] = {}
        self.behind: dict[Someone, None] = {}

    def __len__(self) -> int:
        return len(self.direct) + len(self.behind)

    def admit(self, seat: Someone) -> None:
        if seat.is_behind:
            self.behind[seat] = None
        else:
            self.direct[seat.fd] = seat

    def discard(self, seat: Someone) -> None:
        if self.direct.get(seat.fd) is seat:
            del self.direct[seat.fd]
        self.behind.pop(seat, None)


class _Part(Generic[Someone]):
    """A broadcast's way through one group: who was there when it began gets it, nobody else."""

    def __init__(self, group: _Group[Someone], frames: list[Frame]) -> None:
        self.group = group
        self._frames = frames
        self._data = b"".join([frame.of(group.variant) for frame in frames])
        self.size = len(self._data)
        self._fds = list(group.direct)
        self._at = 0
        self._gone: set[int] = set()
        self._turns: dict[int, int] | None = None  # whose turn is when; made when somebody falls behind
        self._behind: dict[Someone, None] = dict(group.behind)

    def write(self, most: int) -> int:
        """Write to at most so many viewers; return to how many, 0 when everyone has it."""
        fds = self._fds[self._at : self._at + most]
        if not fds:
            return self._write_behind(most)
        self._at += len(fds)
        written = len(fds)
        if self._gone:
            fds = [fd for fd in fds if fd not in self._gone]
        data, size, write = self._data, self.size, os.write
        for fd in fds:
            try:
                sent = write(fd, data)
            except OSError:
                # Full, or broken: the transport keeps the bytes, or ends the connection.
                self.group.direct[fd].write(data)
                continue
            if sent != size:
                self.group.direct[fd].write(memoryview(data)[sent:])
        return written

    def fell_behind(self, seat: Someone) -> None:
        """Write to this viewer through its transport, if its turn is still to come."""
        if seat.fd in self._gone:
            return  # it is told already, or it is another viewer with a descriptor of one who left
        if self._turns is None:
            self._turns = {fd: turn for turn, fd in enumerate(self._fds)}
        if self._turns.get(seat.fd, -1) >= self._at:
            self._gone.add(seat.fd)
            self._behind[seat] = None

    def leave(self, seat: Someone) -> None:
        """Pass this viewer over: its descriptor may soon be another viewer's."""
        self._gone.add(seat.fd)
        self._behind.pop(seat, None)

    def _write_behind(self, most: int) -> int:
        if not self._behind:
            return 0
        log = self._data
        if not all(frame.is_log for frame in self._frames):
            log = b"".join([frame.of(self.group.variant) for frame in self._frames if frame.is_log])
        seats = list(islice(self._behind, most))
        for seat in seats:
            if self._behind.pop(seat, seat) is None:  # else it left meanwhile
                seat.write_behind(self._data, log)
        return len(seats)


def _never() -> bool:
    return False


class FanOut(Generic[Someone]):
    """Sends frames to the seats of one show. Everything here runs on the event loop without awaiting.

    Args:
        busy: tells whether claims wait for the event loop: then slices of state are small, and state may rest.
        figures: counts what is sent.
    """

    def __init__(self, busy: Callable[[], bool] = _never, figures: GatewayFigures | None = None) -> None:
        self._busy = busy
        self._figures = GatewayFigures() if figures is None else figures
        self._began_s = 0.0
        self._made_at_ms: list[int] = []  # of the events in the broadcast that runs
        self._groups = {variant: _Group[Someone](variant) for variant in VARIANTS}
        self._waiting: list[Frame] = []
        self._late: list[tuple[int, Someone]] = []  # came while frames waited; and how many of those they know
        self._parts: deque[_Part[Someone]] = deque()
        self._running = False
        self._due = False  # whether what waits is to leave
        self._waited_s = self._waits_since_s = 0.0  # how long claims waited in the broadcast that runs, and since when
        self._rests_until_s = 0.0
        self._makes_way = False  # for somebody who reads state
        self._with_events = False  # whether an event is on its way, or waits

    def __len__(self) -> int:
        """Return how many seats there are."""
        return sum(len(group) for group in self._groups.values()) + len(self._late)

    def __iter__(self) -> Iterator[Someone]:
        """Iterate over the seats as they are now."""
        seats = [seat for group in self._groups.values() for seat in (*group.direct.values(), *group.behind)]
        return iter(seats + [seat for _, seat in self._late])

    @property
    def behind(self) -> int:
        """How many seats are behind."""
        return sum(len(group.behind) for group in self._groups.values())

    @property
    def busy(self) -> bool:
        """Whether frames are still on their way."""
        return self._running

    def join(self, seat: Someone) -> None:
        """Bring this seat every frame that is sent from now on, and none that was sent before."""
        if self._waiting:
            self._late.append((len(self._waiting), seat))
        else:
            self._groups[seat.variant].admit(seat)

    def leave(self, seat: Someone) -> None:
        """Bring this seat nothing more; one that never joined may leave too."""
        self._groups[seat.variant].discard(seat)
        if self._late:
            self._late = [(skipped, one) for skipped, one in self._late if one is not seat]
        for part in self._parts:
            if part.group.variant == seat.variant:
                part.leave(seat)

    def fell_behind(self, seat: Someone) -> None:
        """The seat's socket is full: write to it through its transport."""
        group = self._groups[seat.variant]
        if group.direct.get(seat.fd) is not seat:
            return
        del group.direct[seat.fd]
        group.behind[seat] = None
        for part in self._parts:
            if part.group is group:
                part.fell_behind(seat)

    def caught_up(self, seat: Someone) -> None:
        """The seat's socket took everything: write to it directly again."""
        group = self._groups[seat.variant]
        if seat in group.behind:
            del group.behind[seat]
            group.direct[seat.fd] = seat

    def send(self, frame: Frame) -> None:
        """Send a frame to every seat: an event now, behind all that waits; state with the next event or ``flush``."""
        self._waiting.append(frame)
        if frame.is_log:
            self._with_events = True
            self._leave()

    def make_way(self) -> None:
        """Let whoever reads state now do so between small slices, until all of it is there (``flush``)."""
        self._makes_way = True

    def flush(self) -> None:
        """Let leave what waits: in the next turn of the loop, or after the broadcast that runs.

        While state rests it stays for the next ``flush``. Broadcasts make way no longer.
        """
        self._makes_way = False
        if self._waiting and not self._rests():
            self._leave()

    def _leave(self) -> None:
        self._due = True
        if not self._running:
            self._running = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _rests(self) -> bool:
        if self._with_events or len(self._waiting) >= BATCH_MOST_FRAMES:
            return False  # what fills a broadcast leaves: else more would come with each tick than leaves after a rest
        return time.perf_counter() < self._rests_until_s

    def _turn(self) -> None:
        began_s = time.perf_counter()
        try:
            if not self._parts:
                self._begin()
            busy = self._busy()
            self._note_waiting(began_s, busy)
            small = (busy or self._makes_way) and not self._with_events
            left = SLICE_VIEWERS_BUSY if small else SLICE_VIEWERS
            while self._parts and left > 0:
                written = self._parts[0].write(left)
                if written == 0:
                    self._parts.popleft()
                left -= written
        finally:
            self._turned(began_s)
            # Whatever happens here, the show's next frames leave.
            if not self._parts:
                self._with_events = any(frame.is_log for frame in self._waiting)
                self._due = self._due and not self._rests()
            self._running = bool(self._parts) or self._due
            if self._running:
                asyncio.get_running_loop().call_soon(self._turn)

    def _note_waiting(self, now_s: float, busy: bool) -> None:
        """Add the time since the turn before, if claims waited in it."""
        if self._waits_since_s:
            self._waited_s += now_s - self._waits_since_s
        self._waits_since_s = now_s if busy else 0.0

    def _turned(self, began_s: float) -> None:
        """Count the turn, and the broadcast if it has ended."""
        now_s = time.perf_counter()
        self._figures.write_loop.add(now_s - began_s)
        if self._began_s and not self._parts:
            took_s = now_s - self._began_s
            self._figures.broadcast.add(took_s)
            self._note_waiting(now_s, busy=False)
            rest_s = min(took_s, STATE_REST_MOST_S) if self._waited_s * 2 >= took_s else 0.0
            self._rests_until_s = now_s + rest_s
            self._began_s = 0.0
            for made_at_ms in self._made_at_ms:
                self._figures.written(made_at_ms)

    def _begin(self) -> None:
        """Start a broadcast of what waits, at most ``BATCH_MOST_FRAMES`` of it."""
        frames, self._waiting = self._waiting[:BATCH_MOST_FRAMES], self._waiting[BATCH_MOST_FRAMES:]
        self._due = bool(self._waiting)
        for group in self._groups.values():
            if viewers := len(group):
                part = _Part(group, frames)
                self._parts.append(part)
                self._figures.deliveries += viewers * len(frames)
                self._figures.sent_bytes += viewers * part.size
        if self._parts:
            self._began_s = time.perf_counter()
            self._waited_s = self._waits_since_s = 0.0
            self._made_at_ms = [frame.made_at_ms for frame in frames if frame.made_at_ms]
        late, self._late = self._late, []
        for skipped, seat in late:
            if skipped > len(frames):
                self._late.append((skipped - len(frames), seat))
                continue
            # Seated before it is written to: should that be too much for it, it can fall behind or leave.
            self._groups[seat.variant].admit(seat)
            if missing := frames[skipped:]:
                seat.write(b"".join([frame.of(seat.variant) for frame in missing]))
