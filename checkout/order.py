"""An order and its life, pure.

::

    submitted ─> authorised ─> confirmed ─> captured ─> refunded
        │          ↑ │                         └──────> cancelled
        ├─> declined ├─> unfulfillable
        └─> cancelled└─> cancelled

``submitted`` is durable and waits for its payment; ``authorised`` has its money reserved (or taken, where a method
cannot reserve); ``confirmed`` has its units: Postgres decided; ``captured`` is paid. An order that was declined because
its money took too long is authorised after all when the money comes and a unit is free (``rebook.py``).
"""

from typing import Final, Literal

import msgspec

from checkout.payments.provider import PaymentAction, kind_of
from kit.errors import ShowdropError
from kit.money import Money

OrderState = Literal[
    "submitted", "authorised", "confirmed", "captured", "declined", "cancelled", "unfulfillable", "refunded"
]
HoldOutcome = Literal["sold", "released"]

NEXT_STATES: Final[dict[OrderState, frozenset[OrderState]]] = {
    "submitted": frozenset({"authorised", "declined", "cancelled"}),
    "authorised": frozenset({"confirmed", "unfulfillable", "cancelled"}),
    "confirmed": frozenset({"captured"}),
    "captured": frozenset({"refunded", "cancelled"}),
    "declined": frozenset({"authorised"}),
    "cancelled": frozenset(),
    "unfulfillable": frozenset(),
    "refunded": frozenset(),
}

WITHOUT_UNITS: Final[frozenset[OrderState]] = frozenset({"declined", "cancelled", "unfulfillable"})
"""Ends in which money that is still with us, or may be, has to go back by itself."""


LATE_PAYMENT: Final = "payment_timeout"
"""Why an order was declined whose payment was pending or unknown for too long: its money may still come."""


class IllegalMoveError(ShowdropError):
    """A state was to follow another that it cannot follow: a bug, never a user's mistake."""

    default_code = "illegal_move"


class SaleTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a pool's units are sold as; the price is that of the offer, fixed when it was made."""

    pool_id: str
    show_id: str
    sku: str
    unit_price: Money


class NewOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order that is about to be written.

    Attributes:
        shipping: where the units go, JSON-compatible; checked by the caller.
    """

    order_id: str
    hold_id: str
    buyer_id: str
    quantity: int
    terms: SaleTerms
    payment_method: str
    provider: str
    shipping: dict[str, object] | None = None

    @property
    def amount(self) -> Money:
        """What the buyer pays."""
        return self.terms.unit_price * self.quantity


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as Postgres has it. Amounts without a currency are minor units of ``amount.currency``.

    Attributes:
        pool_id: the offer's id too.
        authorised: what the provider has reserved or charged and not let go again.
        captured: what was taken; never more than ``authorised``.
        refunded: what went back of it.
        refund_reserved: refunds under way, so that two together never pass ``captured``.
        returned_quantity: units whose money went back, put back on sale or not.
        hold_outcome: how the hold ended, for the hold book; None while it has not.
        payment_open: the provider was asked and its last word is not known.
        next_action: what the buyer has to do so that the payment goes on.
        attempts: how often the order was taken for what it waits for in its present state.
        due_at_ms: when a worker may take it again.
        read_at_ms: the database's clock when this was read.
    """

    order_id: str
    hold_id: str
    pool_id: str
    show_id: str
    buyer_id: str
    sku: str
    quantity: int
    amount: Money
    payment_method: str
    provider: str
    shipping: dict[str, object] | None
    state: OrderState
    reason: str | None
    payment_id: str | None
    authorised: int
    captured: int
    refunded: int
    refund_reserved: int
    returned_quantity: int
    hold_outcome: HoldOutcome | None
    payment_open: bool
    next_action: PaymentAction | None = None
    attempts: int
    due_at_ms: int
    created_at_ms: int
    updated_at_ms: int
    confirmed_at_ms: int | None
    read_at_ms: int

    @property
    def age_ms(self) -> int:
        """How long ago it was written, by the database's clock."""
        return self.read_at_ms - self.created_at_ms

    @property
    def refundable(self) -> int:
        """Minor units that a further refund may still give back."""
        return self.captured - self.refunded - self.refund_reserved


class OrderView(msgspec.Struct, frozen=True, kw_only=True):
    """An order as HTTP shows it; ``payment_method`` without its detail, which may be a phone number."""

    order_id: str
    hold_id: str
    offer_id: str
    show_id: str
    buyer_id: str
    sku: str
    quantity: int
    amount: Money
    state: OrderState
    created_at_ms: int
    updated_at_ms: int
    confirmed_at_ms: int | None
    payment_method: str
    refunded: Money
    returned_quantity: int
    reason: str | None
    shipping: dict[str, object] | None
    next_action: PaymentAction | None


def log_ids(order: Order) -> dict[str, str]:
    """Return what an order is found by in logs and traces, all but the hold, which names the trace."""
    return {"order_id": order.order_id, "offer_id": order.pool_id, "show_id": order.show_id}


def view(order: Order) -> OrderView:
    """Return what the outside may see of an order."""
    return OrderView(
        order_id=order.order_id,
        hold_id=order.hold_id,
        offer_id=order.pool_id,
        show_id=order.show_id,
        buyer_id=order.buyer_id,
        sku=order.sku,
        quantity=order.quantity,
        amount=order.amount,
        state=order.state,
        created_at_ms=order.created_at_ms,
        updated_at_ms=order.updated_at_ms,
        confirmed_at_ms=order.confirmed_at_ms,
        payment_method=kind_of(order.payment_method),
        refunded=Money(order.refunded, order.amount.currency),
        returned_quantity=order.returned_quantity,
        reason=order.reason,
        shipping=order.shipping,
        next_action=order.next_action,
    )


def move(order: Order, state: OrderState, *, reason: str | None = None) -> Order:
    """Return the order in its next state, its hold's outcome set where the state decides it.

    Raises:
        IllegalMoveError: that state cannot follow.
    """
    if state not in NEXT_STATES[order.state]:
        raise IllegalMoveError(f"order {order.order_id} is {order.state} and cannot become {state}")
    outcome = order.hold_outcome
    if outcome is None and state in WITHOUT_UNITS:
        outcome = "released"
    elif outcome is None and state == "confirmed":
        outcome = "sold"
    return msgspec.structs.replace(
        order,
        state=state,
        reason=reason if reason is not None else order.reason,
        hold_outcome=outcome,
        next_action=None,
        attempts=0,
    )


def is_late(order: Order) -> bool:
    """Tell whether an order was declined because its money took too long, and has all of it now."""
    return (
        order.state == "declined"
        and order.reason == LATE_PAYMENT
        and order.authorised == order.amount.amount
        and order.refunded + order.refund_reserved == 0
        and not order.payment_open
    )


def rebook(order: Order, hold_id: str) -> Order:
    """Return an order whose money came too late as one that waits for its units again, in another hold.

    Raises:
        IllegalMoveError: its money did not come too late.
    """
    if not is_late(order):
        raise IllegalMoveError(f"order {order.order_id} is {order.state} and cannot be rebooked")
    revived = msgspec.structs.replace(order, hold_id=hold_id, hold_outcome=None, reason=None)
    return move(revived, "authorised")
