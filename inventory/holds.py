"""Holds: the port, and what it promises.

A claim asks for units of a pool; an accepted claim is a hold: the units are kept for one buyer until a deadline.
The hold book (``holds_redis.py``) decides in one atomic step per batch, by its own server's clock.

Promises:

* ``allocated = available + held + sold`` after every call, every term at least 0.
* The same ``claim_id`` of the same buyer always gets the acceptance it got first, as long as the book is not lost.
* A buyer's live holds plus what they bought never pass ``per_buyer_limit``.
* A hold ends exactly once: ``sold``, ``released`` or ``expired``; whoever comes second is told which.
* A claim carries the pool's epoch; a book that was lost or is older answers ``recovering`` and gives nothing away.
  Calls about a hold that is there need none: the worst they can do to an older book is undone by its rebuilding.
* A deadline that has passed counts, whether or not the sweeper has been there.
"""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

HoldEnd = Literal["sold", "released", "expired"]
HoldStatus = Literal["held", "submitted", "sold", "released", "expired"]
Refusal = Literal["sold_out", "not_open", "ended", "buyer_limit", "recovering", "unknown_offer", "invalid"]


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """What the hold book has to know of a pool.

    Attributes:
        pool_id: the offer's id; the hash tag of all its keys.
        pool_no: the number inside its hold ids.
        epoch: names this life of the pool's book; Postgres holds the true one.
        starts_at_ms: first moment at which a claim counts, by the book's clock.
        ends_at_ms: the published end.
        grace_ms: a claim that arrives this much after the end still counts.
        hold_ttl_ms: how long a hold lasts.
    """

    pool_id: str
    pool_no: int
    epoch: int
    sku: str
    allocated: int
    per_buyer_limit: int
    starts_at_ms: int
    ends_at_ms: int
    grace_ms: int
    hold_ttl_ms: int


class ClaimRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One buyer's wish for ``quantity`` units of a pool."""

    pool_id: str
    claim_id: str
    buyer_id: str
    quantity: int


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """The claim became a hold."""

    hold_id: str
    expires_at_ms: int


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The claim did not become a hold; ``temporary`` tells whether asking again makes sense."""

    reason: Refusal
    temporary: bool


ClaimAnswer = Accepted | Refused


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold as the book has it."""

    hold_id: str
    pool_id: str
    buyer_id: str
    claim_id: str
    quantity: int
    expires_at_ms: int
    status: HoldStatus


class EndedHold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold whose buyer has not been told of its end yet."""

    hold_id: str
    pool_id: str
    buyer_id: str
    end: HoldEnd


class PoolCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The counters of a pool's book; ``epoch`` 0 and zeros when there is none."""

    epoch: int = 0
    allocated: int = 0
    available: int = 0
    held: int = 0
    sold: int = 0


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that Postgres knows: what a rebuilt book has to contain whatever Redis remembers.

    ``status`` is ``submitted`` while it is not settled, ``sold`` once it is.
    """

    hold_id: str
    buyer_id: str
    quantity: int
    status: Literal["submitted", "sold"]


class Holds(Protocol):
    """The hold book."""

    async def open(self, pool: Pool) -> None:
        """Begin the book of a new pool; calling it again changes nothing."""
        ...

    async def extend(self, pool: Pool) -> None:
        """Let the book know the pool's new ``ends_at_ms``."""
        ...

    async def claim_many(self, pool: Pool, claims: Sequence[ClaimRequest]) -> list[ClaimAnswer]:
        """Decide claims in order; one answer per claim."""
        ...

    async def submit(self, pool_id: str, hold_id: str, buyer_id: str) -> Hold | None:
        """Turn a live hold into ``submitted``, so that it cannot expire while it is being paid.

        Returns:
            The hold as it is afterwards: ``submitted``, or the end it already had. None when there is no such hold
            of this buyer.
        """
        ...

    async def release(self, pool_id: str, hold_id: str, buyer_id: str) -> Hold | None:
        """Give a live hold back. Returns as ``submit`` does; a submitted hold stays submitted."""
        ...

    async def resolve(self, pool_id: str, ends: Sequence[tuple[str, Literal["sold", "released"]]]) -> None:
        """End submitted holds as their orders ended, by hold id; those that ended before stay as they are."""
        ...

    async def sweep(self, pool_ids: Sequence[str]) -> list[EndedHold]:
        """Expire overdue holds of these pools; return the ends that buyers have not been told yet."""
        ...

    async def told(self, ends: Sequence[EndedHold]) -> None:
        """Forget ends that buyers have been told."""
        ...

    async def close(self, pool_id: str, *, release_holds: bool) -> PoolCounts:
        """Take no more claims, for good; with ``release_holds`` also end live holds that are not submitted."""
        ...

    async def rebuild(self, pool: Pool, orders: Sequence[OpenOrder], *, closed: bool) -> PoolCounts:
        """Begin ``pool.epoch``: keep what survived and agrees with Postgres, take the rest from ``orders``."""
        ...

    async def counts(self, pool_ids: Sequence[str]) -> list[PoolCounts]:
        """Return the counters of these pools, in one round trip."""
        ...

    async def holds_of(self, pool_ids: Sequence[str], buyer_ids: Sequence[str]) -> dict[str, list[Hold]]:
        """Return the live and submitted holds that these buyers have in these pools; who has none is left out.

        However many they are, it takes a few round trips. A buyer's holds come in the order of the pools, and within
        a pool in the order of their claims. Neither list names anything twice.
        """
        ...

    async def stale_submissions(self, pool_id: str, *, older_than_ms: int) -> list[Hold]:
        """Return holds submitted that long ago and not resolved: their order may never have been written."""
        ...

    async def retire(self, pool_id: str) -> None:
        """Let the book of a closed pool vanish a day from now."""
        ...

    async def run_id(self) -> str:
        """Return what names this life of the book's server: another one may have forgotten something."""
        ...
