"""What orders of a WeChat shop hold back, where a look through their list is, and how one is given up. Pure.

The API: https://developers.weixin.qq.com/doc/store/shop/API/channels-shop-order/. An order holds its units from the
moment that it is placed. Units that were refunded before they were sent come back; a return or a refund after that
gives none back by itself.
"""

import hashlib
from collections import Counter
from typing import Final

import msgspec

from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.places import Place
from inventory.channels.selling import ChannelOrder, SeenOrder, SoldLine
from inventory.channels.wechat.answers import Said

WINDOW_S: Final = 7 * 24 * 3_600
"""The longest time between the two ends of a list."""

PAGE_ORDERS: Final = 100
"""The most orders of one page."""

_OUT_OF_STOCK: Final = "10000001"
_UNPAID: Final = frozenset({10, 12, 13})
_ENDED: Final = frozenset({200, 250})
_WORDS: Final = {
    10: "unpaid",
    12: "a gift that waits for its receiver",
    13: "waits for others to join",
    20: "to be sent",
    21: "sent in part",
    30: "on its way",
    100: "done",
    200: "ended by refunds",
    250: "cancelled",
}

_Id = int | str


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    product_id: _Id
    sku_id: _Id
    sku_cnt: int
    on_aftersale_sku_cnt: int = 0
    finish_aftersale_sku_cnt: int = 0
    real_price: int | None = None

    @property
    def item_id(self) -> str:
        return f"{self.product_id}/{self.sku_id}"


class _SentLine(msgspec.Struct, frozen=True, kw_only=True):
    product_id: _Id
    sku_id: _Id
    product_cnt: int


class _Parcel(msgspec.Struct, frozen=True, kw_only=True):
    product_infos: list[_SentLine] | None = None


class _Delivery(msgspec.Struct, frozen=True, kw_only=True):
    delivery_product_info: list[_Parcel] | None = None
    ship_done_time: int | None = None


class _Prices(msgspec.Struct, frozen=True, kw_only=True):
    freight: int | None = None


class _Detail(msgspec.Struct, frozen=True, kw_only=True):
    product_infos: list[_Line]
    delivery_info: _Delivery | None = None
    price_info: _Prices | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as WeChat tells it; who buys, and where it goes, is not read."""

    order_id: _Id
    status: int
    create_time: int
    order_detail: _Detail


class OrderSaid(Said, frozen=True, kw_only=True):
    """An order; None where WeChat told an error."""

    order: Order | None = None


class OrdersSaid(Said, frozen=True, kw_only=True):
    """A page of a list."""

    order_id_list: list[_Id] | None = None
    next_key: str | None = None
    has_more: bool = False

    @property
    def seen(self) -> tuple[SeenOrder, ...]:
        """The orders; WeChat does not say when they changed."""
        return tuple(SeenOrder(order_id=str(one)) for one in self.order_id_list or ())


class WechatPlace(Place, frozen=True, kw_only=True, array_like=True):
    """Where a look through the list is; ``start_s`` is the start of the window that is listed now.

    Attributes:
        next_key: the page in it; blank for the first.
    """

    next_key: str = ""

    @property
    def end_s(self) -> int:
        """The end of the window."""
        return min(self.start_s + WINDOW_S, self.until_s)

    def after(self, said: OrdersSaid) -> "WechatPlace | None":
        """Return where to go on after a page; None when the look is over."""
        if said.has_more and said.next_key and said.next_key != self.next_key:
            return msgspec.structs.replace(self, next_key=said.next_key)
        if self.end_s < self.until_s:
            return WechatPlace(until_s=self.until_s, start_s=self.end_s)
        return None


def place_of(since_ms: int, after: str | None, *, now_ms: int) -> WechatPlace:
    """Return where a look is: its beginning, or what ``Place.text`` said."""
    if after is not None:
        return WechatPlace.read(after)
    until_s = now_ms // 1000 + 1
    return WechatPlace(until_s=until_s, start_s=min(since_ms // 1000, until_s - 1))


def read_order(order: Order) -> ChannelOrder:
    """Return what an order holds now.

    Raises:
        ChannelDownError: it has no lines, or units below none.
    """
    lines = order.order_detail.product_infos
    if not lines or any(one.sku_cnt < 0 for one in lines):
        raise ChannelDownError(f"WeChat tells no products of order {order.order_id}")
    held = _held(order)
    return ChannelOrder(
        order_id=str(order.order_id),
        placed_at_ms=order.create_time * 1000,
        status=f"{order.status} {_WORDS.get(order.status, '')}".strip(),
        lines=tuple(SoldLine(item_id=item_id, quantity=units) for item_id, units in held.items() if units > 0),
    )


def refunds(order: Order) -> list[dict[str, object]] | Refused:
    """Return the refunds that give an order up for want of stock, one for each line; none if there is nothing to do.

    A refund has a name, so that asking for it again is the same refund.

    Returns:
        Bodies of ``aftersale/genaftersaleorder``, or why it cannot be given up from here.
    """
    detail = order.order_detail
    if not any(_held(order).values()):
        return []
    if order.status in _UNPAID:
        return Refused(reason="it is not paid yet; WeChat ends it by itself if it never is", temporary=True)
    if any(_sent(order).values()):
        return Refused(reason="it was sent already", temporary=False)
    if detail.price_info is not None and detail.price_info.freight:
        return Refused(reason="the buyer paid freight; give the order up in the shop's own console", temporary=False)
    bodies: list[dict[str, object]] = []
    for number, line in enumerate(detail.product_infos):
        under_way = line.on_aftersale_sku_cnt + line.finish_aftersale_sku_cnt
        if under_way >= line.sku_cnt:
            continue
        if under_way or line.real_price is None:
            return Refused(reason="a part of it is being refunded; give up the rest in the console", temporary=False)
        bodies.append(
            {
                "request_id": _name(f"{order.order_id}/{line.item_id}/{number}"),
                "order_id": str(order.order_id),
                "product_id": str(line.product_id),
                "sku_id": str(line.sku_id),
                "count": line.sku_cnt,
                "amount": line.real_price,
                "reason": _OUT_OF_STOCK,
                "type": "REFUND",
            }
        )
    return bodies


def _held(order: Order) -> Counter[str]:
    """Count the units that an order holds, by item: those that were not refunded before they were sent."""
    sent = _sent(order)
    held: Counter[str] = Counter()
    for line in order.order_detail.product_infos:
        if order.status not in _ENDED:
            held[line.item_id] += max(line.sku_cnt - line.finish_aftersale_sku_cnt, 0)
    return held | sent


def _sent(order: Order) -> Counter[str]:
    """Count the units that have left, by item; never more than were ordered."""
    ordered: Counter[str] = Counter()
    for line in order.order_detail.product_infos:
        ordered[line.item_id] += line.sku_cnt
    delivery = order.order_detail.delivery_info or _Delivery()
    parcels = [one for parcel in delivery.delivery_product_info or () for one in parcel.product_infos or ()]
    if not parcels:
        # What needs no parcel has left when WeChat says that all has.
        return ordered if delivery.ship_done_time else Counter()
    sent: Counter[str] = Counter()
    for one in parcels:
        sent[f"{one.product_id}/{one.sku_id}"] += one.product_cnt
    return sent & ordered


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]
