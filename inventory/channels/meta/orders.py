"""Orders of a Meta shop, read into ours. Pure.

https://developers.facebook.com/documentation/ads-commerce/commerce-platform/order-management/order-api

An order holds what was ordered and not cancelled, in every state, also while Meta still looks at the payment. Refunds
and returns come after delivery, and give no units back by themselves.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from inventory.channels.channel import ChannelDownError
from inventory.channels.meta.paging import Page
from inventory.channels.selling import ChannelOrder, OrderPage, SeenOrder, SoldLine
from inventory.channels.unreadable import decoded

PAGE: Final = 100
"""Orders, items or cancellations in one answer."""

STATES: Final = ("FB_PROCESSING", "CREATED", "IN_PROGRESS", "COMPLETED")
"""The states of an order; Meta lists only new ones unless it is asked for all."""

CHECKING: Final = "FB_PROCESSING"
"""The state in which Meta looks at the payment, and lets nobody cancel for the first 24 hours."""

LIST_FIELDS: Final = "id,last_updated"
ITEM_FIELDS: Final = "retailer_id,quantity"
CANCELLATION_FIELDS: Final = f"items.limit({PAGE}){{{ITEM_FIELDS}}}"
ORDER_FIELDS: Final = (
    f"id,created,order_status,items.limit({PAGE}){{{ITEM_FIELDS}}},cancellations.limit({PAGE}){{{CANCELLATION_FIELDS}}}"
)


class Line(msgspec.Struct, frozen=True):
    """Units of an item, ordered or cancelled."""

    retailer_id: str
    quantity: int


class Cancellation(msgspec.Struct, frozen=True):
    """A part of an order that was cancelled. Of more items than a page has, the rest counts as held: the safe side."""

    items: Page[Line] | None = None


class _State(msgspec.Struct, frozen=True):
    state: str


class MetaOrder(msgspec.Struct, frozen=True):
    """An order with the first page of its items, and of its cancellations if it has any."""

    created: str
    order_status: _State
    items: Page[Line]
    cancellations: Page[Cancellation] | None = None


class _Seen(msgspec.Struct, frozen=True):
    id: str | int
    last_updated: str = ""


class _Done(msgspec.Struct, frozen=True):
    success: bool


def page_in(body: bytes) -> OrderPage:
    """Read a page of the list of orders.

    Raises:
        ChannelDownError: it cannot be read.
    """
    page = decoded(body, Page[_Seen], "Meta's list of orders")
    seen = tuple(SeenOrder(order_id=str(one.id), stamp=one.last_updated) for one in page.data)
    return OrderPage(orders=seen, next=page.next)


def order_in(body: bytes) -> MetaOrder:
    """Read an order; raises as ``page_in``."""
    return decoded(body, MetaOrder, "Meta's order")


def lines_in(body: bytes) -> Page[Line]:
    """Read a page of an order's items; raises as ``page_in``."""
    return decoded(body, Page[Line], "Meta's list of items")


def cancellations_in(body: bytes) -> Page[Cancellation]:
    """Read a page of an order's cancellations; raises as ``page_in``."""
    return decoded(body, Page[Cancellation], "Meta's list of cancellations")


def is_done(body: bytes) -> bool:
    """Tell whether Meta did what it was asked to; raises as ``page_in``."""
    return decoded(body, _Done, "Meta's answer to a cancellation").success


def channel_order(
    order_id: str, order: MetaOrder, lines: Sequence[Line], cancelled: Sequence[Cancellation]
) -> ChannelOrder:
    """Return an order as it is: what was ordered, less what was cancelled.

    Args:
        order_id: as it was asked for.
        order: as it was read.
        lines: all its items.
        cancelled: all its cancellations.

    Raises:
        ChannelDownError: it does not say when it was placed.
    """
    held: Counter[str] = Counter()
    for line in lines:
        held[line.retailer_id] += line.quantity
    for one in cancelled:
        for line in one.items.data if one.items else ():
            held[line.retailer_id] -= line.quantity
    return ChannelOrder(
        order_id=order_id,
        placed_at_ms=_placed_at_ms(order.created),
        status=order.order_status.state,
        lines=tuple(SoldLine(item_id=item_id, quantity=units) for item_id, units in held.items() if units > 0),
    )


def cancelling(order: ChannelOrder) -> dict[str, object]:
    """Return what cancels a whole order.

    The key is that of the order in its state: a second try does nothing twice, and one that was refused in an earlier
    state does not stand in the way. Units are not put back over there, as there are none; the next level says how many
    there are.
    """
    return {
        "cancel_reason": {"reason_code": "OUT_OF_STOCK", "reason_description": "The product is out of stock"},
        "restock_items": False,
        "idempotency_key": f"showdrop-cancel-{order.order_id}-{order.status}",
    }


def _placed_at_ms(text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ChannelDownError("Meta's order cannot be read: created is no time") from None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
