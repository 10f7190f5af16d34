"""Holds: the port, and what it promises.

A claim asks for units of a pool; an accepted claim is a hold: the units are kept for one buyer until a deadline.
The hold book (``holds_redis.py``) decides in one atomic step per batch, by its own server's clock. What it decides is
written down once more, without a server, in ``book.py``: the oracle of the tests.

Promises:

* ``allocated = available + held + sold`` after every call, ``held`` and ``sold`` at least 0. ``available`` is below 0
  only after a loss, when the book has promised more than there is: nobody gets a unit then, and it is 0 again once
  Postgres has refused those who came too late.
* The same ``claim_id`` of the same buyer always gets the acceptance it got first, as long as the book is not lost.
* A buyer's live holds plus what they bought never pass ``per_buyer_limit``; a hold that is over stands in nobody's way.
* A hold ends exactly once: ``sold``, ``released`` or ``expired``; whoever comes second is told which. Except that
  Postgres's sale wins over an earlier end: it counts, whatever the book remembers of the hold.
* Units that come back go to who waits, first come first served, never to more people than there are units. As long as
  somebody waits, a claim gets none.
* Units are given away only by a book of the epoch that the caller names, on the server process that began this epoch:
  a book that was lost, is older, or was copied elsewhere answers ``recovering``. Calls about a hold that is there need
  neither: the worst they can do to an older book is undone by its rebuilding.
* A deadline that has passed counts, whether or not the sweeper has been there.
"""

from collections.abc import Container, Sequence
from typing import Literal, Protocol

import msgspec

from kit.errors import UnavailableError

HoldEvent = Literal["promoted", "released", "expired"]
SellingMode = Literal["first_come", "draw"]
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
        waitlist_hold_ttl_ms: how long the hold of somebody who waited lasts.
        mode: how units find their buyers; in a draw nobody claims, all who entered are lined up (decision 0025).
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
    waitlist_hold_ttl_ms: int
    mode: SellingMode = "first_come"


class ClaimRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One buyer's wish for ``quantity`` units of a pool."""

    pool_id: str
    claim_id: str
    buyer_id: str
    quantity: int


class HoldAsked(msgspec.Struct, frozen=True, kw_only=True):
    """A hold that its buyer wants something with."""

    pool_id: str
    hold_id: str
    buyer_id: str


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
    """A hold as the book has it.

    Attributes:
        claim_id: what it was claimed with; its own ULID if it came from the waiting list.
        quantity: units kept now; fewer than were claimed when some were given back.
        extensions: how often its buyer got more time.
    """

    hold_id: str
    pool_id: str
    buyer_id: str
    claim_id: str
    quantity: int
    expires_at_ms: int
    status: HoldStatus
    extensions: int = 0


class HoldNews(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to a hold and its buyer was not told yet: it ended, or it came from the waiting list."""

    hold_id: str
    pool_id: str
    buyer_id: str
    what: HoldEvent
    quantity: int
    expires_at_ms: int


class InLine(msgspec.Struct, frozen=True, kw_only=True):
    """The buyer waits.

    Attributes:
        place: 1 is next; 0 when a unit was free, so that the buyer has a hold already.
    """

    place: int


LineUp = Literal["more", "done", "recovering"]
JoinRefusal = Literal["recovering", "not_open", "ended", "buyer_limit", "waitlist_full"]


class PoolCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The counters of a pool's book; ``epoch`` 0 and zeros when there is none.

    Attributes:
        current: whether the server process is the one that began this epoch; else its memory cannot be trusted.
        waiting: buyers on the waiting list.
        drawn: whether it is the book of a draw whose line is complete.
    """

    epoch: int = 0
    allocated: int = 0
    available: int = 0
    held: int = 0
    sold: int = 0
    current: bool = False
    waiting: int = 0
    drawn: bool = False


class OpenOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that Postgres knows: what a rebuilt book has to contain whatever Redis remembers.

    ``status`` is ``submitted`` while it is not settled, ``sold`` once it is.
    """

    hold_id: str
    buyer_id: str
    quantity: int
    status: Literal["submitted", "sold"]


class OrderEnd(msgspec.Struct, frozen=True, kw_only=True):
    """How an order ended, as Postgres decided it; ``buyer_id`` and ``quantity`` are the order's."""

    hold_id: str
    buyer_id: str
    quantity: int
    outcome: Literal["sold", "released"]


class Holds(Protocol):
    """The hold book."""

    async def open(self, pool: Pool) -> None:
        """Begin the book of a new pool; calling it again changes nothing."""
        ...

    async def prolong(self, pool: Pool) -> None:
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

    async def submit_many(self, asked: Sequence[HoldAsked]) -> list[Hold | UnavailableError | None]:
        """Do as ``submit`` for many holds at a time; each has its own answer, or its own error."""
        ...

    async def extend(self, pool_id: str, hold_id: str, buyer_id: str, *, nth: int) -> Hold | None:
        """Give a live hold one hold time from now, as the buyer's ``nth`` extension, within the limits.

        The same one again changes nothing. Returns as ``submit`` does; with fewer ``extensions`` than ``nth`` the
        limit was reached.
        """
        ...

    async def release(self, pool_id: str, hold_id: str, buyer_id: str, *, keep: int = 0) -> Hold | None:
        """Give a live hold's units back, all but ``keep``; one being paid stays. Returns as ``submit`` does.

        To keep fewer than none is to keep none.
        """
        ...

    async def resolve(self, pool_id: str, ends: Sequence[OrderEnd]) -> None:
        """End holds as their orders ended; repeating it changes nothing.

        A sale counts also when its hold had ended, or is one that the book does not know: ``available`` may fall below
        0 by that. The release of such a hold changes nothing.
        """
        ...

    async def join(self, pool: Pool, buyer_id: str) -> InLine | JoinRefusal:
        """Let a buyer wait for one unit; who waits already keeps their place."""
        ...

    async def join_many(self, pool: Pool, buyer_ids: Sequence[str]) -> list[InLine | JoinRefusal]:
        """Do as ``join`` for many buyers, in order; one answer each."""
        ...

    async def leave(self, pool_id: str, buyer_id: str) -> bool:
        """Let a buyer wait no more; returns whether they waited."""
        ...

    async def line_up(self, pool: Pool, buyer_ids: Sequence[str], *, first: int, last: bool) -> LineUp:
        """Let those who entered a draw wait in the drawn order, a page at a time; a page may be repeated.

        The last page completes the line; free units go to it, many at a time. Once it is complete pages change
        nothing but go on with that.

        Args:
            pool: of a draw.
            buyer_ids: the page, at most ``LINE_UP_MOST_PER_CALL``.
            first: the rank of the page's first buyer, from 1.
            last: whether no page comes after this one.

        Returns:
            ``more`` while there is more to do, ``done``, or ``recovering``: the book is not there, or closed.
        """
        ...

    async def sweep(self, pool_ids: Sequence[str], *, releasing: Container[str] = ()) -> list[HoldNews]:
        """Expire overdue holds of these pools; return what buyers have not been told yet.

        Pools whose own server does not answer are passed over, where there are several.

        Args:
            pool_ids: of the pools, none twice.
            releasing: those of them whose live holds end too, once they are frozen.
        """
        ...

    async def overdue_ms(self, pool_ids: Sequence[str]) -> int:
        """Return for how many milliseconds the longest overdue hold of these pools should have ended; 0 if none is.

        Raises:
            UnavailableError: nobody answers for any of them.
        """
        ...

    async def told(self, news: Sequence[HoldNews]) -> None:
        """Forget what buyers have been told."""
        ...

    async def freeze(self, pool_id: str) -> None:
        """Take no more claims, for good, and let those who wait go; holds stay good."""
        ...

    async def rebuild(self, pool: Pool, orders: Sequence[OpenOrder], *, closed: bool) -> None:
        """Begin ``pool.epoch``: keep what survived and agrees with Postgres, take the rest from ``orders``.

        A sale that survived stays also when its order is not among them: it was written and settled after they were
        read. A book that is of this epoch or of a later one stays as it is.
        """
        ...

    async def counts(self, pool_ids: Sequence[str]) -> list[PoolCounts]:
        """Return the counters of these pools, in one round trip."""
        ...

    async def counts_each(self, pool_ids: Sequence[str]) -> list[PoolCounts | None]:
        """Do as ``counts``; None for a pool whose own server does not answer, where there are several.

        Raises:
            UnavailableError: no server answers.
        """
        ...

    async def holds_of(self, pool_ids: Sequence[str], buyer_ids: Sequence[str]) -> dict[str, list[Hold]]:
        """Return the live and submitted holds that these buyers have in these pools; who has none is left out.

        However many they are, it takes a few round trips. A buyer's holds come in the order of the pools, and within
        a pool the oldest first. Neither list names anything twice.
        """
        ...

    async def stale_submissions(self, pool_id: str, *, older_than_ms: int) -> list[Hold]:
        """Return holds submitted that long ago and not resolved: their order may never have been written."""
        ...

    async def retire(self, pool_id: str) -> None:
        """Let the book of a closed pool vanish a day from now."""
        ...
