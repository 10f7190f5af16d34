"""A crowd that claims: answers to claims, read on the way."""

import time
from multiprocessing.connection import Connection

from loadtests.bench.answer_loop import AnswerLoop
from loadtests.bench.board import Board, Count
from loadtests.bench.claim_frames import ACCEPTED, ID_BYTES, REFUSED, STOCK, ClaimIds, field_of, number_of_field
from loadtests.bench.claim_round import ClaimOrder, ClaimRound, Sighting
from loadtests.bench.crowd import CrowdPlan
from loadtests.bench.target import Entrance


class ClaimLoop(AnswerLoop[ClaimRound]):
    """A crowd whose owner may send a ``ClaimOrder``; a ``ClaimReport`` comes back when the round is over.

    Args:
        target: where to connect to.
        plan: what to do.
        board: where everything is noted.
        owner: says what to claim, besides what it says to any crowd.
    """

    def __init__(self, target: Entrance, plan: CrowdPlan, board: Board, owner: Connection) -> None:
        super().__init__(target, plan, board, owner)
        self._ids = ClaimIds()
        self._given: dict[int, tuple[bytes, bytes]] = {}

    def _told(self, word: object) -> None:
        if isinstance(word, ClaimOrder):
            new = ClaimRound(word, self._plan.viewers, self._ids, time.monotonic_ns(), self._given)
            self._begin(new, paced=word.over_s > 0)
        else:
            super()._told(word)

    def _read(self, viewer: int, data: bytes | bytearray, found: list[tuple[int, int]], at_ns: int) -> bool:
        under_way = self._round
        answers = 0
        for start, stop in found:
            if data.startswith(STOCK, start):
                self._counts[Count.STOCK_COUNTS] += 1
                if under_way is not None and viewer in under_way.seen:
                    sighting = Sighting(
                        at_ms=time.time() * 1000, available=number_of_field(data, b"available", start, stop)
                    )
                    under_way.seen[viewer].append(sighting)
            elif under_way is None:
                continue
            elif data.startswith(ACCEPTED, start):
                self._accepted(under_way, viewer, data, (start, stop), at_ns)
                answers += 1
            elif data.startswith(REFUSED, start):
                id_at = start + len(REFUSED)
                reason = field_of(data, b"reason", id_at, stop)
                under_way.refused(viewer, bytes(data[id_at : id_at + ID_BYTES]), reason, at_ns)
                answers += 1
        return answers > 0

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
