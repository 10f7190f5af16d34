"""What staff and the HTTP API see of shows and offers: the wire's cards, plus states and counters."""

import msgspec

from kit.money import Money
from live.wire import OfferMode, OfferState, Position, ProductCard, ShowState


class OfferView(msgspec.Struct, frozen=True, kw_only=True):
    """An offer with its state, its terms and its stock.

    Attributes:
        quantity: units that were asked for when the offer was opened.
        reason: why it ended or was voided; None while it runs.
        allocated: units ring-fenced for it; ``allocated = available + held + sold``.
        waiting: buyers on the waiting list; before a draw, those who entered.
        seed_hash: of a draw, the SHA-256 of the seed that decides it.
        drawn_at_ms: when it was drawn; None before, and where nothing is.
    """

    offer_id: str
    show_id: str
    sku: str
    product_id: str
    title: str
    price: Money
    quantity: int
    per_buyer_limit: int
    starts_at_ms: int
    ends_at_ms: int
    hold_ttl_ms: int
    grace_ms: int
    state: OfferState
    reason: str | None
    allocated: int
    available: int
    held: int
    sold: int
    waiting: int
    mode: OfferMode = "first_come"
    seed_hash: str | None = None
    drawn_at_ms: int | None = None


class ShowView(msgspec.Struct, frozen=True, kw_only=True):
    """A show's snapshot: everything that any guest may see, complete up to ``position``."""

    show_id: str
    title: str
    currency: str
    state: ShowState
    scheduled_start_at_ms: int | None
    started_at_ms: int | None
    ended_at_ms: int | None
    spotlight: list[ProductCard]
    offers: list[OfferView]
    viewers: int
    position: Position
