"""A crowd that buys: claims, pays for the holds, and hears what becomes of the orders."""

import time
from multiprocessing.connection import Connection

from loadtests.bench.answer_loop import AnswerLoop
from loadtests.bench.board import Board
from loadtests.bench.claim_frames import ACCEPTED, ID_BYTES, REFUSED, ClaimIds, field_of
from loadtests.bench.crowd import CrowdPlan
from loadtests.bench.purchase_frames import CONFIRMED, ERROR, OTHER_NEWS, SUBMITTED
from loadtests.bench.purchase_round import PurchasePlan, PurchaseRound
from loadtests.bench.target import Entrance


class PurchaseLoop(AnswerLoop[PurchaseRound]):
    """A crowd whose owner may send a ``PurchasePlan``; a ``PurchaseReport`` comes back when the round is over.

    News that a buyer was told before counts in ``Count.DOUBLES``, also between rounds.

    Args:
        target: where to connect to.
        plan: what to do.
        board: where everything is noted.
        owner: says what to buy, besides what it says to any crowd.
    """

    def __init__(self, target: Entrance, plan: CrowdPlan, board: Board, owner: Connection) -> None:
        super().__init__(target, plan, board, owner)
        self._ids = ClaimIds()
        self._news: dict[bytes, set[bytes]] = {SUBMITTED: set(), CONFIRMED: set()}  # the holds of which it was told

    def _told(self, word: object) -> None:
        if isinstance(word, PurchasePlan):
            new = PurchaseRound(word, self._plan.viewers, self._ids, time.monotonic_ns())
            self._begin(new, paced=word.over_s > 0)
        else:
            super()._told(word)

    def _read(self, viewer: int, data: bytes | bytearray, found: list[tuple[int, int]], at_ns: int) -> bool:
        under_way = self._round
        ended = False
        for start, stop in found:
            if data.startswith(CONFIRMED, start):
                ended = self._order(viewer, data, (start, stop), at_ns, CONFIRMED) or ended
            elif data.startswith(SUBMITTED, start):
                self._order(viewer, data, (start, stop), at_ns, SUBMITTED)
            elif under_way is None:
                continue
            elif data.startswith(ACCEPTED, start):
                id_at = start + len(ACCEPTED)
                hold_id = field_of(data, b"hold_id", id_at, stop)
                frame = under_way.held(viewer, bytes(data[id_at : id_at + ID_BYTES]), hold_id, at_ns)
                if frame is not None:
                    self._write(viewer, frame)
            elif (why := _failure(data, start, stop)) is not None:
                under_way.failed(viewer, why, at_ns)
                ended = True
        return ended

    def _order(self, viewer: int, data: bytes | bytearray, place: tuple[int, int], at_ns: int, what: bytes) -> bool:
        """Take the news of an order; return whether it ended a purchase."""
        hold_id = field_of(data, b"hold_id", *place)
        if hold_id in self._news[what]:
            self._markers.doubles += 1
            return False
        self._news[what].add(hold_id)
        if self._round is None:
            return False
        if what == SUBMITTED:
            self._round.submitted(viewer, hold_id, at_ns)
            return False
        self._round.confirmed(viewer, hold_id, field_of(data, b"order_id", *place), at_ns)
        return True


def _failure(data: bytes | bytearray, start: int, stop: int) -> bytes | None:
    """Return why a purchase comes to nothing, when a message says so."""
    if data.startswith(REFUSED, start):
        return field_of(data, b"reason", start, stop)
    if data.startswith(ERROR, start):
        return field_of(data, b"code", start, stop)
    if data.startswith(OTHER_NEWS, start):
        return field_of(data, b"type", start, stop)
    return None
