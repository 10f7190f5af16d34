"""What buyers and merchants have to hear about orders: the outbox's events."""

from typing import Final, Literal

import msgspec

from checkout.order import Order, OrderState
from checkout.payments.provider import PaymentAction
from kit.money import Money

NewsKind = Literal[
    "order.submitted",
    "order.action",
    "order.confirmed",
    "order.captured",
    "order.declined",
    "order.cancelled",
    "order.refunded",
    "order.unfulfillable",
]

MERCHANTS_ONLY: Final[frozenset[NewsKind]] = frozenset({"order.submitted", "order.captured"})
"""What buyers are not told from here: that the order is safe they hear at the checkout."""


class OutboxEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of news for one buyer.

    Attributes:
        event_key: names the news; the same key is told again only if telling it failed.
        amount: the order's amount; for ``order.refunded`` what went back so far.
        state: the order's, right after.
        refunded: minor units that have gone back.
        action: what the buyer has to do, with ``order.action``.
    """

    event_key: str
    show_id: str
    buyer_id: str
    kind: NewsKind
    order_id: str
    hold_id: str
    amount: Money
    state: OrderState
    refunded: int
    action: PaymentAction | None = None

    @property
    def for_buyer(self) -> bool:
        """Whether the buyer is told. Of a cancelled order whose money went back they heard that it did."""
        return self.kind not in MERCHANTS_ONLY and not (self.kind == "order.cancelled" and self.refunded)


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
        state=order.state,
        refunded=order.refunded,
        action=order.next_action if kind == "order.action" else None,
    )
