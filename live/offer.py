"""An offer's life, pure: ``scheduled → preheat → open → ended``, or ``voided`` by the host."""

from typing import Final, Literal

import msgspec

from kit.errors import ConflictError
from kit.money import Money
from live.wire import OfferMode, OfferState

OfferEnd = Literal["time", "closed", "show_ended"]

OVER: Final[frozenset[OfferState]] = frozenset({"ended", "voided"})


class OfferTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What the host offers. Durations are milliseconds.

    Attributes:
        preheat_ms: how long the offer is announced before it opens.
        grace_ms: a claim that arrives this long after the end still counts: the network is not the viewer's fault.
        pass_on_ms: in a draw, how long units that come back after it go to the next in line.
    """

    sku: str
    price: Money
    quantity: int
    per_buyer_limit: int
    preheat_ms: int
    duration_ms: int
    hold_ttl_ms: int
    waitlist_hold_ttl_ms: int
    grace_ms: int
    mode: OfferMode = "first_come"
    pass_on_ms: int = 0


def state_at(now_ms: int, *, announced_at_ms: int, starts_at_ms: int, ends_at_ms: int) -> OfferState:
    """Return the state that the clock gives an offer which nobody closed or voided."""
    if now_ms < announced_at_ms:
        return "scheduled"
    if now_ms < starts_at_ms:
        return "preheat"
    return "open" if now_ms < ends_at_ms else "ended"


def require_voidable(state: OfferState) -> None:
    """Refuse to void twice. One that has ended can still be voided: what is held and not paid is then let go.

    Raises:
        ConflictError: ``illegal_transition``.
    """
    if state == "voided":
        raise ConflictError(
            "the offer is voided already", code="illegal_transition", details={"state": state, "action": "void"}
        )


def require_running(state: OfferState, action: str) -> None:
    """Refuse to change an offer that is over.

    Raises:
        ConflictError: ``illegal_transition``.
    """
    if state in OVER:
        raise ConflictError(
            f"cannot {action} an offer that is {state}",
            code="illegal_transition",
            details={"state": state, "action": action},
        )
