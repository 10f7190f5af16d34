"""A draw, pure: who may enter, and in which order those who entered are served (decision 0025).

The order is ascending SHA-256 of ``seed:buyer_id``. The sale computes it in SQL, when an entry is written; whoever
checks a draw computes it here or by themselves.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final

import msgspec

from inventory.holds import ClaimRequest, Refused, SellingMode

INVALID: Final = Refused(reason="invalid", temporary=False)
TWICE: Final = Refused(reason="buyer_limit", temporary=False)
TOO_EARLY: Final = Refused(reason="not_open", temporary=True)
TOO_LATE: Final = Refused(reason="ended", temporary=False)
UNKNOWN_OFFER: Final = Refused(reason="unknown_offer", temporary=False)


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """The buyer is in; ``drawn_at_ms`` is when entries stop counting, as far as is known now."""

    drawn_at_ms: int


EntryAnswer = Entered | Refused


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about an entry.

    Attributes:
        open: whether entries count now.
        begun: whether they ever did.
        drawn_at_ms: the published end and its grace; the draw follows.
    """

    mode: SellingMode
    open: bool
    begun: bool
    drawn_at_ms: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who entered."""

    pool_id: str
    buyer_id: str
    claim_id: str


def seed_hash(seed: str) -> str:
    """Return what is published of a seed before the draw: its SHA-256, hexadecimal."""
    return sha256(seed.encode()).hexdigest()


def digest_of(seed: str, buyer_id: str) -> str:
    """Return what a buyer's place depends on, hexadecimal."""
    return sha256(f"{seed}:{buyer_id}".encode()).hexdigest()


def drawn_order(seed: str, buyer_ids: Iterable[str]) -> list[str]:
    """Return the buyers in the order in which they are served."""
    return sorted(buyer_ids, key=lambda buyer_id: digest_of(seed, buyer_id))


def decide(
    wishes: Sequence[ClaimRequest], windows: Mapping[str, Window], there: Iterable[Entry]
) -> tuple[list[EntryAnswer], list[Entry]]:
    """Decide about entries, in order.

    Args:
        wishes: who wants to enter.
        windows: by pool; those that are unknown are missing.
        there: the entries of these buyers, and under these claim ids, that are there already.

    Returns:
        One answer per wish, and the entries that are new.
    """
    fresh: list[Entry] = []
    by_claim: dict[tuple[str, str], str] = {}
    entered: set[tuple[str, str]] = set()

    def note(entry: Entry) -> None:
        by_claim[entry.pool_id, entry.claim_id] = entry.buyer_id
        entered.add((entry.pool_id, entry.buyer_id))

    def answer(wish: ClaimRequest) -> EntryAnswer:
        window = windows.get(wish.pool_id)
        if window is None:
            return UNKNOWN_OFFER
        known = by_claim.get((wish.pool_id, wish.claim_id))
        if window.mode != "draw" or wish.quantity != 1 or known not in (None, wish.buyer_id):
            return INVALID
        if known is not None:
            return Entered(drawn_at_ms=window.drawn_at_ms)
        if not window.begun:
            return TOO_EARLY
        if not window.open:
            return TOO_LATE
        if (wish.pool_id, wish.buyer_id) in entered:
            return TWICE
        entry = Entry(pool_id=wish.pool_id, buyer_id=wish.buyer_id, claim_id=wish.claim_id)
        note(entry)
        fresh.append(entry)
        return Entered(drawn_at_ms=window.drawn_at_ms)

    for entry in there:
        note(entry)
    return [answer(wish) for wish in wishes], fresh
