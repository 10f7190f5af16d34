"""What merchants are sent: one event as a body, pure.

The ``id`` names the event for everybody, and tells a no-code tool what it has seen; ``webhook-id`` names it at one
endpoint. ``data`` is the order as ``GET /v1/orders/{id}`` showed it when the event happened.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from checkout.order import OrderState
from checkout.webhooks.endpoint import EventKind
from checkout.webhooks.limits import BODY_MOST_BYTES
from kit.money import Money

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_ULID: Final = "0" * 26
_SAMPLE_STATES: Final[dict[EventKind, OrderState]] = {
    "order.submitted": "submitted",
    "order.confirmed": "confirmed",
    "order.captured": "captured",
    "order.declined": "declined",
    "order.cancelled": "cancelled",
    "order.refunded": "refunded",
    "order.unfulfillable": "unfulfillable",
}


class EventOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it was when something happened to it, under the names of ``GET /v1/orders/{id}``.

    What the buyer still has to do for the payment is left out: it is between them and the provider.
    """

    order_id: str
    hold_id: str
    offer_id: str
    show_id: str
    buyer_id: str
    sku: str
    quantity: int
    amount: Money
    refunded: Money
    state: OrderState
    reason: str | None
    payment_method: str
    shipping: dict[str, object] | None
    created_at_ms: int
    updated_at_ms: int
    confirmed_at_ms: int | None


class WebhookEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An event as merchants get it. ``test``: nothing happened, somebody tries the address out."""

    id: str
    type: EventKind
    timestamp: datetime
    data: EventOrder
    test: bool = False


def event_body(event_id: str, kind: EventKind, at_ms: int, order: EventOrder, *, test: bool = False) -> str:
    """Return the body of an event, as JSON of less than 20 kB.

    Args:
        event_id: of the event.
        kind: what happened.
        at_ms: when.
        order: as it was then.
        test: whether it is only a try-out.
    """
    event = WebhookEvent(id=event_id, type=kind, timestamp=_time(at_ms), data=order, test=test)
    body = msgspec.json.encode(event)
    if len(body) >= BODY_MOST_BYTES:
        # The address is the only part that a buyer writes at length; whoever needs it reads the order.
        body = msgspec.json.encode(msgspec.structs.replace(event, data=msgspec.structs.replace(order, shipping=None)))
    return body.decode()


def sample_order(kind: EventKind, at_ms: int) -> EventOrder:
    """Return an order that nobody made, as it would be after an event of that kind."""
    paid = Money(1_999, "EUR")
    return EventOrder(
        order_id=f"order_{_NO_ULID}",
        hold_id=f"hold_{_NO_ULID}",
        offer_id=f"offer_{_NO_ULID}",
        show_id=f"show_{_NO_ULID}",
        buyer_id="sample-buyer",
        sku="SAMPLE-SKU",
        quantity=1,
        amount=paid,
        state=_SAMPLE_STATES[kind],
        created_at_ms=at_ms,
        updated_at_ms=at_ms,
        confirmed_at_ms=at_ms if kind in {"order.confirmed", "order.captured", "order.refunded"} else None,
        payment_method="pm_sample",
        refunded=paid if kind == "order.refunded" else Money(0, "EUR"),
        reason=None,
        shipping=None,
    )


def _time(at_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=at_ms)
