"""The life of one hold, pure: which state follows which, and who may bring it about.

=========== ============================ ====================================================
action      who may                      what it does to whom
=========== ============================ ====================================================
``extend``  its buyer                    a held one lasts longer
``submit``  its buyer                    a held one is being paid: it cannot expire any more
``give``    its buyer                    a held one keeps fewer units
``release`` its buyer                    a held one ends
``expire``  the clock, at its deadline   a held one ends
``void``    who closes the pool for good a held one ends
``sell``    Postgres                     one held or being paid ends; one that ended without a sale is sold after all
``cancel``  Postgres                     one held or being paid ends
``drop``    a book that is rebuilt       one held or being paid has no room: it ends
=========== ============================ ====================================================

What the table leaves out changes nothing: the caller is told what the hold is. So a hold ends once, with one
exception, because Postgres is the judge: a sale counts also when the hold had ended another way.
"""

from typing import Final, Literal

import msgspec

from inventory.hold_ids import born_ms_of
from inventory.holds import Hold, HoldStatus, OpenOrder
from inventory.limits import HOLD_EXTENSIONS_MOST, HOLD_LIFE_MOST_TTLS

DEADLINE_STEP_MS: Final = 20
"""Milliseconds that deadlines are multiples of, so that holds which end together are kept together (decision 0024)."""

Action = Literal["extend", "submit", "give", "release", "expire", "void", "sell", "cancel", "drop"]

TRANSITIONS: Final[dict[tuple[HoldStatus, Action], HoldStatus]] = {
    ("held", "extend"): "held",
    ("held", "submit"): "submitted",
    ("held", "give"): "held",
    ("held", "release"): "released",
    ("held", "expire"): "expired",
    ("held", "void"): "released",
    ("held", "sell"): "sold",
    ("held", "cancel"): "released",
    ("held", "drop"): "released",
    ("submitted", "sell"): "sold",
    ("submitted", "cancel"): "released",
    ("submitted", "drop"): "released",
    ("released", "sell"): "sold",
    ("expired", "sell"): "sold",
}

LIVE: Final[frozenset[HoldStatus]] = frozenset({"held", "submitted"})
"""States in which units are kept for the buyer."""


def deadline_ms(at_ms: int) -> int:
    """Return the deadline of what shall last until ``at_ms``: a multiple of ``DEADLINE_STEP_MS``, rounded up."""
    return -(-at_ms // DEADLINE_STEP_MS) * DEADLINE_STEP_MS


class HoldRecord(msgspec.Struct, kw_only=True):
    """A hold in the book, the only thing of this module that changes.

    Attributes:
        claim_id: None when the book does not know it: the hold comes from the waiting list, or from Postgres alone.
        asked: units of the claim; ``quantity`` is what is left of them.
        submitted_at_ms: when it was submitted, 0 before.
        ends: every end it had, in order.
        ended_at_ms: when it had the last of them.
        beyond_limit: Postgres gave it where the book would have refused: the buyer had their share.
    """

    hold_id: str
    buyer_id: str
    claim_id: str | None
    quantity: int
    asked: int
    born_ms: int
    deadline_ms: int
    status: HoldStatus = "held"
    extensions: int = 0
    submitted_at_ms: int = 0
    ends: list[HoldStatus] = []
    ended_at_ms: int = 0
    beyond_limit: bool = False

    def is_live(self) -> bool:
        """Whether units are kept: not once it ended, but still when it is overdue and nobody noticed."""
        return self.status in LIVE

    def is_overdue(self, now_ms: int) -> bool:
        """Whether the deadline of a hold that is not being paid has passed: at the deadline it has."""
        return self.status == "held" and self.deadline_ms <= now_ms

    def act(self, action: Action, now_ms: int) -> bool:
        """Take an action; returns whether the state allows it. Else nothing changes."""
        after = TRANSITIONS.get((self.status, action))
        if after is None:
            return False
        if after not in LIVE:
            self.ends.append(after)
            self.ended_at_ms = now_ms
        elif after == "submitted":
            self.submitted_at_ms = now_ms
        self.status = after
        return True

    def prolong(self, nth: int, ttl_ms: int, now_ms: int) -> bool:
        """Extend a live hold for the ``nth`` time; returns whether it counted.

        It counts when it is the next one and within ``HOLD_EXTENSIONS_MOST``. Then the hold lasts one hold time from
        now, at most ``HOLD_LIFE_MOST_TTLS`` hold times in all, and never shorter than before.
        """
        if nth != self.extensions + 1 or nth > HOLD_EXTENSIONS_MOST or not self.act("extend", now_ms):
            return False
        last_ms = min(now_ms + ttl_ms, self.born_ms + HOLD_LIFE_MOST_TTLS * ttl_ms)
        self.deadline_ms = max(self.deadline_ms, deadline_ms(last_ms))
        self.extensions = nth
        return True

    def seen(self, pool_id: str) -> Hold:
        """Return the hold as the port shows it."""
        return Hold(
            hold_id=self.hold_id,
            pool_id=pool_id,
            buyer_id=self.buyer_id,
            claim_id=self.hold_id.removeprefix("hold_") if self.claim_id is None else self.claim_id,
            quantity=self.quantity,
            expires_at_ms=self.deadline_ms,
            status=self.status,
            extensions=self.extensions,
        )


def ordered(order: OpenOrder, known: HoldRecord | None, now_ms: int) -> HoldRecord:
    """Return the hold of an order that Postgres knows; ``known`` is what the book remembers of it, if anything.

    Postgres is right about whose it is, how much, and whether it is sold. That a sale was noted here after the orders
    were read stands: nobody will say it again. The book is right about the claim.
    """
    status = "sold" if known is not None and known.status == "sold" else order.status
    hold = HoldRecord(
        hold_id=order.hold_id,
        buyer_id=order.buyer_id,
        claim_id=None,
        quantity=order.quantity,
        asked=order.quantity,
        born_ms=born_ms_of(order.hold_id),
        deadline_ms=now_ms,
        status=status,
        submitted_at_ms=now_ms,
        ends=["sold"] if status == "sold" else [],
        ended_at_ms=now_ms,
    )
    if known is not None:
        hold.claim_id, hold.asked = known.claim_id, known.asked
        hold.deadline_ms, hold.extensions = known.deadline_ms, known.extensions
    return hold
