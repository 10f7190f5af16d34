"""What buyers have to hear about their orders: the outbox's events."""

from typing import Literal

import msgspec

from checkout.order import Order
from kit.money import Money

NewsKind = Literal["order.confirmed", "order.declined", "order.refunded", "order.unfulfillable"]


class OutboxEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of news for one buyer.

    Attributes:
        event_key: names the news; the same key is told again only if telling it failed.
        amount: the order's amount; for ``order.refunded`` what went back so far.
    """

    event_key: str
    show_id: str
    buyer_id: str
    kind: NewsKind
    order_id: str
    hold_id: str
    amount: Money


def news(order: Order, kind: NewsKind, *, about: str = "") -> OutboxEvent:
    """Return the event that tells an order's buyer; ``about`` tells apart what can happen several times."""
    amount = Money(order.refunded, order.amount.currency) if kind == "order.refunded" else order.amount
    return OutboxEvent(
        event_key=":".join(part for part in (order.order_id, kind, about) if part),
        show_id=order.show_id,
        buyer_id=order.buyer_id,
        kind=kind,
        order_id=order.order_id,
        hold_id=order.hold_id,
        amount=amount,
    )
