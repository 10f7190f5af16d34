"""A crowd that asks and is answered: the crowd's loop, and the frames of answers found on the way."""

import time
from abc import ABC, abstractmethod
from multiprocessing.connection import Connection
from typing import Generic, Protocol, TypeVar

from loadtests.bench.board import Board
from loadtests.bench.claim_frames import payloads
from loadtests.bench.client_frames import after_headers
from loadtests.bench.crowd import Coming, CrowdLoop, CrowdPlan
from loadtests.bench.markers import HEAD
from loadtests.bench.target import Entrance

_PATIENCE_S = 0.05
_PATIENCE_PACED_S = 0.001


class Round(Protocol):
    """Who asks when, and what came back; the clock's readings are arguments."""

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        ...

    def is_late(self, now_ns: int) -> bool:
        """Tell whether the round has to end as it is."""
        ...

    def next(self, now_ns: int) -> tuple[int, bytes] | None:
        """Return a viewer who is to write now, and what; None when nobody is."""
        ...

    def report(self) -> object:
        """Return what came of it."""
        ...


AnyRound = TypeVar("AnyRound", bound=Round)


class AnswerLoop(CrowdLoop, ABC, Generic[AnyRound]):
    """A crowd whose owner may begin rounds; the report of one is sent back when it is over.

    Args:
        target: where to connect to.
        plan: what to do.
        board: where everything is noted.
        owner: begins rounds, besides what it says to any crowd.
    """

    def __init__(self, target: Entrance, plan: CrowdPlan, board: Board, owner: Connection) -> None:
        super().__init__(target, plan, board, owner)
        self._take = self._take_answers
        self._fds = [-1] * plan.viewers
        self._rests: dict[int, bytes] = {}  # by viewer, the beginning of a frame
        self._round: AnyRound | None = None

    def _begin(self, new: AnyRound, *, paced: bool) -> None:
        self._round = new
        self._patience_s = _PATIENCE_PACED_S if paced else _PATIENCE_S

    def _enter(self, coming: Coming) -> None:
        data = after_headers(bytes(coming.received)) or b""
        _, rest = payloads(data, 0, len(data))
        if rest < len(data):
            self._rests[coming.viewer] = data[rest:]
        self._fds[coming.viewer] = coming.sock.fileno()
        super()._enter(coming)

    def _turn(self) -> bool:
        if self._round is not None:
            self._ask(self._round)
        alive = super()._turn()
        under_way = self._round
        if under_way is not None and (under_way.is_over or under_way.is_late(time.monotonic_ns())):
            self._round = None
            self._patience_s = _PATIENCE_S
            self._owner.send(under_way.report())
        return alive

    def _ask(self, under_way: AnyRound) -> None:
        """Send everything that is due."""
        while (due := under_way.next(time.monotonic_ns())) is not None:
            self._write(*due)

    def _write(self, viewer: int, frames: bytes) -> None:
        fd = self._fds[viewer]
        if fd in self._readers:  # else it was cut: it stays unanswered, and is told
            try:
                self._socks[fd].send(frames)
            except OSError:
                self._lose(fd)

    def _take_answers(self, viewer: int, size: int, at_ns: int) -> None:
        """Take what a viewer has read: ``size`` bytes from ``HEAD`` on, at ``at_ns``."""
        data: bytes | bytearray = self._markers.buffer
        at, end = HEAD, HEAD + size
        if self._rests and (rest := self._rests.pop(viewer, b"")):
            data = rest + data[at:end]
            at, end = 0, len(data)
        found, rest_at = payloads(data, at, end)
        if rest_at < end:
            self._rests[viewer] = bytes(data[rest_at:end])
        if self._read(viewer, data, found, at_ns) and self._round is not None:
            self._ask(self._round)

    @abstractmethod
    def _read(self, viewer: int, data: bytes | bytearray, found: list[tuple[int, int]], at_ns: int) -> bool:
        """Read messages that stand at these places; return whether somebody may ask now who could not before."""
