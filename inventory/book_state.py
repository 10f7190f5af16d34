"""What a hold book knows, pure: its holds, counted by looking at each, and what is true of them at any time."""

from collections import Counter
from typing import Final

from inventory.hold import LIVE, HoldRecord
from inventory.hold_ids import born_ms_of, key_of
from inventory.holds import Hold, HoldEvent, HoldNews, HoldStatus, Pool, PoolCounts

_SECOND_ENDS: Final[frozenset[tuple[HoldStatus, HoldStatus]]] = frozenset({("released", "sold"), ("expired", "sold")})
"""The only ends that follow an end, because Postgres says so; see ``hold.py``."""


class BookState:
    """A pool's book, to be read.

    Attributes:
        pool: its terms; None while there is no book.
        current: whether this server process began the epoch.
        frozen: whether it takes no more claims.
        holds: by key, in the order of their making.
        line: buyers who wait; the first is next.
        news: what buyers have not been told.
        unrecorded: units sold, by buyer, in a hold whose key another hold has.
        overdrawn: units that Postgres had sold or promised beyond those that there are, when it last said anything.
        unnamed: holds made for people who waited; the next one gets this number plus 1.
    """

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self.current = False
        self.frozen = False
        self.holds: dict[str, HoldRecord] = {}
        self.line: list[str] = []
        self.news: dict[tuple[str, HoldEvent], HoldNews] = {}
        self.unrecorded: Counter[str] = Counter()
        self.overdrawn = 0
        self.unnamed = 0

    def terms(self) -> Pool:
        """Return the pool of a book that there is."""
        assert self.pool is not None, "there is no book"
        return self.pool

    def available(self) -> int:
        """Return units that nobody has."""
        return self.terms().allocated - self.held() - self.sold()

    def held(self) -> int:
        """Return units of holds that did not end."""
        return sum(hold.quantity for hold in self.holds.values() if hold.is_live())

    def sold(self) -> int:
        """Return units sold."""
        recorded = sum(hold.quantity for hold in self.holds.values() if hold.status == "sold")
        return recorded + self.unrecorded.total()

    def units_of(self, buyer_id: str, now_ms: int) -> int:
        """Return a buyer's live units and those they bought; an overdue hold stands in nobody's way."""
        theirs = (hold for hold in self.holds.values() if hold.buyer_id == buyer_id and not hold.is_overdue(now_ms))
        units = sum(hold.quantity for hold in theirs if hold.is_live() or hold.status == "sold")
        return units + self.unrecorded[buyer_id]

    def is_over(self, now_ms: int) -> bool:
        """Whether no claim counts any more."""
        return self.frozen or now_ms >= self.terms().ends_at_ms + self.terms().grace_ms

    def counts(self) -> PoolCounts:
        """Return the counters; ``held`` counts overdue holds that nobody noticed."""
        if self.pool is None:
            return PoolCounts()
        return PoolCounts(
            epoch=self.pool.epoch,
            current=self.current,
            allocated=self.pool.allocated,
            available=self.available(),
            held=self.held(),
            sold=self.sold(),
            waiting=len(self.line),
        )

    def holds_of(self, buyer_id: str, now_ms: int) -> list[Hold]:
        """Return a buyer's live and submitted holds, oldest first."""
        found = [one for one in self.holds.values() if one.buyer_id == buyer_id and one.is_live()]
        found.sort(key=lambda one: born_ms_of(one.hold_id))
        return [one.seen(self.terms().pool_id) for one in found if not one.is_overdue(now_ms)]

    def stale_submissions(self, older_than_ms: int, now_ms: int) -> list[Hold]:
        """Return holds submitted that long ago and not resolved."""
        paying = [one for one in self.holds.values() if one.status == "submitted"]
        return [one.seen(self.terms().pool_id) for one in paying if one.submitted_at_ms <= now_ms - older_than_ms]

    def check(self, now_ms: int) -> None:
        """Assert what is true after every call.

        Raises:
            AssertionError: naming the invariant of the research notes that does not hold.
        """
        if self.pool is None:
            assert not self.holds, "I1: no pool, no holds"
            return
        assert self.available() >= -self.overdrawn, "I1: more units given than there are"
        for key, hold in self.holds.items():
            assert key == key_of(hold.hold_id), "I2: a hold is where it is looked for"
            assert 1 <= hold.quantity <= hold.asked, "I2: a hold keeps some of what was asked"
            assert hold.ends[-1:] == ([] if hold.status in LIVE else [hold.status]), "I4: a hold is what it ended as"
            assert set(zip(hold.ends, hold.ends[1:], strict=False)) <= _SECOND_ENDS, "I4: a hold ended twice"
            if hold.status == "expired":
                assert hold.ended_at_ms >= hold.deadline_ms, "I10: a hold expired before its deadline"
        for buyer_id in {hold.buyer_id for hold in self.holds.values()}:
            excused = sum(
                hold.quantity
                for hold in self.holds.values()
                if hold.buyer_id == buyer_id and hold.beyond_limit and (hold.is_live() or hold.status == "sold")
            )
            units = self.units_of(buyer_id, now_ms) - self.unrecorded[buyer_id] - excused
            assert units <= self.pool.per_buyer_limit, "I9: a buyer has more than the limit"
        assert len(set(self.line)) == len(self.line), "I14: a buyer waits once"
        if self.current and not self.is_over(now_ms):
            assert not self.line or self.available() <= 0, "I12: somebody waits for a unit that is free"
