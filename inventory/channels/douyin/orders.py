"""What orders of a Douyin shop hold back, and where a look through their list is. Pure.

The API: https://op.jinritemai.com/docs/api-docs/15/1144. An order has a part for each SKU with a state of its own, so
a part of it can be cancelled. A part holds its units from the moment that the order is placed, or paid where the
product is set so, until it is cancelled or refunded before it was sent. A return or a refund after that gives none back
by itself.
"""

from typing import Final

import msgspec

from inventory.channels.channel import ChannelDownError
from inventory.channels.douyin.answers import Said
from inventory.channels.places import Place
from inventory.channels.selling import ChannelOrder, SeenOrder, SoldLine

PAGE_ORDERS: Final = 100
"""The most orders of one page."""

_UNPAID: Final = 1
_CANCELLED: Final = 4
_REFUNDED_UNSENT: Final = 21
_WHEN_PAID: Final = 2

_Id = int | str


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    product_id: _Id
    sku_id: _Id
    item_num: int
    product_id_str: str | None = None
    order_status: int | None = None
    main_status: int | None = None
    reduce_stock_type: int | None = None

    @property
    def item_id(self) -> str:
        return f"{self.product_id_str or self.product_id}/{self.sku_id}"


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as Douyin tells it; who buys, and where it goes, is not read."""

    order_id: _Id
    order_status: int
    create_time: int
    sku_order_list: list[_Part]
    main_status: int | None = None
    order_status_desc: str | None = None


class _Detail(msgspec.Struct, frozen=True, kw_only=True):
    shop_order_detail: Order | None = None


class OrderSaid(Said, frozen=True, kw_only=True):
    """An order."""

    data: _Detail | None = None

    @property
    def order(self) -> Order | None:
        """The order; None where Douyin tells none."""
        return self.data.shop_order_detail if self.data else None


class _Listed(msgspec.Struct, frozen=True, kw_only=True):
    order_id: _Id
    update_time: int = 0


class _List(msgspec.Struct, frozen=True, kw_only=True):
    shop_order_list: list[_Listed] | None = None


class OrdersSaid(Said, frozen=True, kw_only=True):
    """A page of a list."""

    data: _List | None = None

    @property
    def orders(self) -> list[_Listed]:
        """The orders, those that changed first first."""
        return (self.data and self.data.shop_order_list) or []

    @property
    def seen(self) -> tuple[SeenOrder, ...]:
        """The same for the engine."""
        return tuple(SeenOrder(order_id=str(one.order_id), stamp=str(one.update_time or "")) for one in self.orders)


class DouyinPlace(Place, frozen=True, kw_only=True, array_like=True):
    """Where a look through the list is.

    A page is counted from a time, not from the look's beginning: an order that changes meanwhile moves to the end, and
    would shift all pages behind it.

    Attributes:
        page: 0 is the first; others are only needed where a page is full of orders that changed in one second.
    """

    page: int = 0

    def after(self, said: OrdersSaid) -> "DouyinPlace | None":
        """Return where to go on after a page; None when the look is over."""
        if len(said.orders) < PAGE_ORDERS:
            return None
        # Douyin does not say whether a list holds what changed at its very beginning.
        last_s = said.orders[-1].update_time - 1
        if last_s > self.start_s:
            return DouyinPlace(until_s=self.until_s, start_s=last_s)
        return msgspec.structs.replace(self, page=self.page + 1)


def place_of(since_ms: int, after: str | None, *, now_ms: int) -> DouyinPlace:
    """Return where a look is: its beginning, or what ``Place.text`` said."""
    if after is not None:
        return DouyinPlace.read(after)
    return DouyinPlace(until_s=now_ms // 1000 + 1, start_s=max(since_ms // 1000 - 1, 0))


def read_order(order: Order) -> ChannelOrder:
    """Return what an order holds now.

    Raises:
        ChannelDownError: it has no parts, or units below none.
    """
    parts = order.sku_order_list
    if not parts or any(one.item_num < 0 for one in parts):
        raise ChannelDownError(f"Douyin tells no products of order {order.order_id}")
    return ChannelOrder(
        order_id=str(order.order_id),
        placed_at_ms=order.create_time * 1000,
        status=f"{order.order_status} {order.order_status_desc or ''}".strip(),
        lines=tuple(
            SoldLine(item_id=one.item_id, quantity=one.item_num)
            for one in parts
            if one.item_num > 0 and _holds(order, one)
        ),
    )


def _holds(order: Order, part: _Part) -> bool:
    status = order.order_status if part.order_status is None else part.order_status
    main = order.main_status if part.main_status is None else part.main_status
    if status == _CANCELLED or main in {_CANCELLED, _REFUNDED_UNSENT}:
        return False
    return status != _UNPAID or part.reduce_stock_type != _WHEN_PAID
