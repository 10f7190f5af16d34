"""A crowd that claims: the crowd's loop, and answers read on the way."""

import time
from multiprocessing.connection import Connection

from loadtests.bench.board import Board
from loadtests.bench.claim_frames import (
    ACCEPTED,
    ID_BYTES,
    REFUSED,
    STOCK,
    ClaimIds,
    field_of,
    number_of_field,
    payloads,
)
from loadtests.bench.claim_round import ClaimOrder, ClaimRound, Sighting
from loadtests.bench.client_frames import after_headers
from loadtests.bench.crowd import Coming, CrowdLoop, CrowdPlan
from loadtests.bench.markers import HEAD
from loadtests.bench.target import Target

_PATIENCE_S = 0.05
_PATIENCE_PACED_S = 0.001


class ClaimLoop(CrowdLoop):
    """A crowd whose owner may send a ``ClaimOrder``; a ``ClaimReport`` comes back when the round is over.

    Args:
        target: where to connect to.
        plan: what to do.
        board: where everything is noted.
        owner: says what to claim, besides what it says to any crowd.
    """

    def __init__(self, target: Target, plan: CrowdPlan, board: Board, owner: Connection) -> None:
        super().__init__(target, plan, board, owner)
        self._take = self._take_answers
        self._fds = [-1] * plan.viewers
        self._rests: dict[int, bytes] = {}  # by viewer, the beginning of a frame
        self._ids = ClaimIds()
        self._round: ClaimRound | None = None

    def _told(self, word: object) -> None:
        if isinstance(word, ClaimOrder):
            self._round = ClaimRound(word, self._plan.viewers, self._ids, time.monotonic_ns())
            self._patience_s = _PATIENCE_PACED_S if word.over_s else _PATIENCE_S
        else:
            super()._told(word)

    def _enter(self, coming: Coming) -> None:
        data = after_headers(bytes(coming.received)) or b""
        _, rest = payloads(data, 0, len(data))
        if rest < len(data):
            self._rests[coming.viewer] = data[rest:]
        self._fds[coming.viewer] = coming.sock.fileno()
        super()._enter(coming)

    def _turn(self) -> bool:
        if self._round is not None:
            self._claim(self._round)
        alive = super()._turn()
        under_way = self._round
        if under_way is not None and (under_way.is_over or under_way.is_late(time.monotonic_ns())):
            self._round = None
            self._patience_s = _PATIENCE_S
            self._owner.send(under_way.report())
        return alive

    def _claim(self, under_way: ClaimRound) -> None:
        """Send every claim that is due."""
        while (due := under_way.next(time.monotonic_ns())) is not None:
            fd = self._fds[due[0]]
            if fd in self._readers:  # else it was cut: its claim stays unanswered, and is told
                try:
                    self._socks[fd].send(due[1])
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
        under_way = self._round
        if under_way is None:
            return
        answers = 0
        for start, stop in found:
            if data.startswith(ACCEPTED, start):
                self._accepted(under_way, viewer, data, (start, stop), at_ns)
                answers += 1
            elif data.startswith(REFUSED, start):
                id_at = start + len(REFUSED)
                reason = field_of(data, b"reason", id_at, stop)
                under_way.refused(viewer, bytes(data[id_at : id_at + ID_BYTES]), reason, at_ns)
                answers += 1
            elif viewer in under_way.seen and data.startswith(STOCK, start):
                sighting = Sighting(
                    at_ms=time.time() * 1000, available=number_of_field(data, b"available", start, stop)
                )
                under_way.seen[viewer].append(sighting)
        if answers:
            self._claim(under_way)

    @staticmethod
    def _accepted(
        under_way: ClaimRound, viewer: int, data: bytes | bytearray, place: tuple[int, int], at_ns: int
    ) -> None:
        start, stop = place
        id_at = start + len(ACCEPTED)
        hold_id = field_of(data, b"hold_id", id_at, stop)
        under_way.accepted(viewer, bytes(data[id_at : id_at + ID_BYTES]), hold_id, at_ns)
        if under_way.seen:
            under_way.expires_at_ms.append(number_of_field(data, b"expires_at_ms", id_at, stop))
