"""An order to start a test from."""

import msgspec

from checkout.order import Order
from kit.money import Money

_ORDER = Order(
    order_id="order_1",
    hold_id="hold_1",
    pool_id="offer_1",
    show_id="show_1",
    buyer_id="buyer_1",
    sku="MUG",
    quantity=1,
    amount=Money(1_000, "EUR"),
    payment_method="pm_test_ok",
    provider="test",
    shipping=None,
    state="submitted",
    reason=None,
    payment_id=None,
    authorised=0,
    captured=0,
    refunded=0,
    refund_reserved=0,
    returned_quantity=0,
    hold_outcome=None,
    payment_open=True,
    attempts=1,
    due_at_ms=30_000,
    created_at_ms=0,
    updated_at_ms=0,
    confirmed_at_ms=None,
    read_at_ms=1_000,
)


def an_order(**fields: object) -> Order:
    """Return an order that is being paid, with these fields instead."""
    return msgspec.structs.replace(_ORDER, **fields)
