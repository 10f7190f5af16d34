"""TikTok Shop's orders, read into ours, and what it says of a cancellation. Pure.

https://partner.tiktokshop.com/docv2/page/get-order-detail-202507. An order has one line for each unit, and a line that
was cancelled stays in it with that status. Units count from placing, paid or not; what comes back after delivery is a
return there and no cancelled line, so it gives nothing back by itself.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec

from inventory.channels.channel import Refused, Told
from inventory.channels.selling import ChannelOrder, OrderPage, SeenOrder, SoldLine
from inventory.channels.tiktok.answers import PASSING, Said, sentence

CANCELLED: Final = "CANCELLED"

NOT_OURS: Final = 21008111
"""One of the orders in a call is not of this shop; it is not said which."""

REASONS: Final = (
    "seller_cancel_reason_out_of_stock",
    "seller_cancel_unpaid_reason_out_of_stock",
    "seller_cancel_reason_out_of_stock_uk",
    "seller_cancel_unpaid_reason_out_of_stock_uk",
)
"""Out of stock, in the words for a paid and an unpaid order, and for both in the United Kingdom."""

_OTHER_REASON: Final = frozenset({25001014, 25001015, 25001020, 25001021})
"""The order wants another word for the same reason."""

_ENDED: Final = frozenset({25001011, 25001051})
"""The order is cancelled already, or about to be, or completed: which, the order says."""

_UNDER_WAY: Final = 25001011
_LOCKED: Final = 25001028

_CLOSED: Final = frozenset({"CANCELLATION_REQUEST_CANCEL", "CANCELLATION_REQUEST_CANCELLED"})

_Id = str | int


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    product_id: _Id
    sku_id: _Id
    sku_count: int = 1


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    product_id: _Id
    sku_id: _Id
    display_status: str | None = None
    combined_listing_skus: list[_Part] | None = None


class _Order(msgspec.Struct, frozen=True, kw_only=True):
    id: _Id
    create_time: int
    line_items: list[_Line]
    status: str = ""


class _Orders(msgspec.Struct, frozen=True, kw_only=True):
    orders: list[_Order] | None = None


class Orders(Said, frozen=True, kw_only=True):
    """The answer to a look at orders."""

    data: _Orders | None = None

    def by_id(self) -> dict[str, ChannelOrder]:
        """Return the orders by their ids."""
        orders = (self.data and self.data.orders) or []
        return {str(order.id): _read(order) for order in orders}


class _Seen(msgspec.Struct, frozen=True, kw_only=True):
    id: _Id
    status: str = ""
    update_time: int | None = None


class _List(msgspec.Struct, frozen=True, kw_only=True):
    orders: list[_Seen] | None = None
    next_page_token: str | None = None


class OrderList(Said, frozen=True, kw_only=True):
    """The answer to a search of orders."""

    data: _List | None = None

    def page(self) -> OrderPage:
        """Return the orders; an empty token is the end."""
        if self.data is None:
            return OrderPage(orders=())
        seen = (
            SeenOrder(order_id=str(one.id), stamp="" if one.update_time is None else f"{one.update_time} {one.status}")
            for one in self.data.orders or []
        )
        return OrderPage(orders=tuple(seen), next=self.data.next_page_token or None)


class _Cancellation(msgspec.Struct, frozen=True, kw_only=True):
    cancel_status: str = ""


class Cancellation(Said, frozen=True, kw_only=True):
    """The answer to a cancellation."""

    data: _Cancellation | None = None


def wants_another_reason(said: Said) -> bool:
    """Whether the same order may take another of ``REASONS``."""
    return said.code in _OTHER_REASON


def may_be_cancelled(said: Said) -> bool:
    """Whether the refusal may mean that the order was cancelled before."""
    return said.code in _ENDED


def outcome(said: Cancellation) -> Told | Refused:
    """Return what came of a cancellation."""
    if said.code != 0:
        return Refused(
            reason=sentence("TikTok Shop does not cancel the order", said),
            temporary=said.code in {_UNDER_WAY, _LOCKED} or said.code in PASSING,
        )
    if said.data is not None and said.data.cancel_status in _CLOSED:
        return Refused(reason="TikTok Shop closed the cancellation; the order goes on", temporary=False)
    return Told()


def _read(order: _Order) -> ChannelOrder:
    held = {} if order.status == CANCELLED else _held(order)
    return ChannelOrder(
        order_id=str(order.id),
        placed_at_ms=order.create_time * 1000,
        status=order.status,
        lines=tuple(SoldLine(item_id=item_id, quantity=units) for item_id, units in held.items()),
    )


def _held(order: _Order) -> Counter[str]:
    held: Counter[str] = Counter()
    for line in order.line_items:
        if line.display_status != CANCELLED:
            for item_id, units in _units(line):
                held[item_id] += units
    return +held


def _units(line: _Line) -> Iterator[tuple[str, int]]:
    """Return what one unit of a line takes: of a bundle its parts, each as often as it is in there."""
    if not line.combined_listing_skus:
        yield f"{line.product_id}/{line.sku_id}", 1
    for part in line.combined_listing_skus or []:
        yield f"{part.product_id}/{part.sku_id}", part.sku_count
