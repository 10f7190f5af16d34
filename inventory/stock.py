"""The stock ledger's rules, pure: what each kind of movement does to the counters, and replaying a ledger."""

from collections.abc import Iterable
from typing import Literal

import msgspec

DEFAULT_LOCATION = "main"

MovementKind = Literal[
    "receive", "adjust", "allocate", "return", "sale", "restock", "sale_elsewhere", "return_elsewhere"
]


class Movement(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger.

    Attributes:
        key: what the movement records, such as ``sale:order_…``. A second movement with the same key is not recorded.
        on_hand_delta: units that came (positive) or went.
        ring_fenced_delta: units set aside for a pool (positive) or let go.
    """

    key: str
    kind: MovementKind
    sku: str
    on_hand_delta: int
    ring_fenced_delta: int
    location: str = DEFAULT_LOCATION
    pool_id: str | None = None
    order_id: str | None = None
    reason: str = ""


class StockLevel(msgspec.Struct, frozen=True, kw_only=True):
    """The counters of one SKU. ``available`` is what an offer may still ring-fence and a channel may show."""

    sku: str
    on_hand: int
    ring_fenced: int

    @property
    def available(self) -> int:
        """Units that nobody has set aside."""
        return self.on_hand - self.ring_fenced


def receive(sku: str, quantity: int, *, key: str, reason: str) -> Movement:
    """Units came in (or, negative, the merchant's file has fewer than it had)."""
    return Movement(key=key, kind="receive", sku=sku, on_hand_delta=quantity, ring_fenced_delta=0, reason=reason)


def adjust(sku: str, delta: int, *, key: str, reason: str) -> Movement:
    """Somebody counted again."""
    return Movement(key=key, kind="adjust", sku=sku, on_hand_delta=delta, ring_fenced_delta=0, reason=reason)


def allocate(sku: str, quantity: int, *, pool_id: str) -> Movement:
    """Units are set aside for a pool; once per pool."""
    return Movement(
        key=f"allocate:{pool_id}",
        kind="allocate",
        sku=sku,
        on_hand_delta=0,
        ring_fenced_delta=quantity,
        pool_id=pool_id,
    )


def give_back(sku: str, quantity: int, *, pool_id: str, returned_before: int) -> Movement:
    """Units of a closing pool return to the stock; ``returned_before`` keeps each step recorded once."""
    return Movement(
        key=f"return:{pool_id}:{returned_before}",
        kind="return",
        sku=sku,
        on_hand_delta=0,
        ring_fenced_delta=-quantity,
        pool_id=pool_id,
    )


def sale(sku: str, quantity: int, *, pool_id: str, order_id: str) -> Movement:
    """Units of a pool were sold; once per order."""
    return Movement(
        key=f"sale:{order_id}",
        kind="sale",
        sku=sku,
        on_hand_delta=-quantity,
        ring_fenced_delta=-quantity,
        pool_id=pool_id,
        order_id=order_id,
    )


def restock(sku: str, quantity: int, *, pool_id: str, order_id: str, reason: str) -> Movement:
    """Units of a refunded or cancelled order came back to the general stock; once per order."""
    return Movement(
        key=f"restock:{order_id}",
        kind="restock",
        sku=sku,
        on_hand_delta=quantity,
        ring_fenced_delta=0,
        pool_id=pool_id,
        order_id=order_id,
        reason=reason,
    )


def sold_elsewhere(sku: str, quantity: int, *, key: str, location: str, reason: str) -> Movement:
    """A channel sold units of the general stock, or gives them back (negative); ``key`` names this change."""
    kind: MovementKind = "sale_elsewhere" if quantity > 0 else "return_elsewhere"
    return Movement(
        key=key,
        kind=kind,
        sku=sku,
        location=location,
        on_hand_delta=-quantity,
        ring_fenced_delta=0,
        reason=reason,
    )


def replay(movements: Iterable[Movement]) -> dict[tuple[str, str], StockLevel]:
    """Return the counters, by SKU and location, that a ledger adds up to from zero."""
    levels: dict[tuple[str, str], StockLevel] = {}
    for movement in movements:
        place = (movement.sku, movement.location)
        before = levels.get(place, StockLevel(sku=movement.sku, on_hand=0, ring_fenced=0))
        levels[place] = StockLevel(
            sku=movement.sku,
            on_hand=before.on_hand + movement.on_hand_delta,
            ring_fenced=before.ring_fenced + movement.ring_fenced_delta,
        )
    return levels
