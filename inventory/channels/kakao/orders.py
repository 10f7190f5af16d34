"""Orders of a KakaoTalk Store: where they are asked for, what a list says, and what an order holds back. Pure.

Kakao shows the order API to its partners only, so the addresses are settings, and this is what is assumed of it. The
names are those that two integrations read (sosobox2-cyber/commerce-api, in Java, and a class ``KakaoTalkStore`` of the
shop software Smartwing, in PHP), and the types ``OrderBase``, ``OrderProduct`` and ``OrderStatus`` are Kakao's own:

* ``orders_path`` lists orders by the time of their last change, in Korean time, ``yyyyMMddHHmmss``. If it has no query
  of its own, ``order_modified_at_start``, ``order_modified_at_end`` and ``page`` (from 1) are asked with; in one of its
  own ``{from}``, ``{to}`` and ``{page}`` are filled in. It answers either pages, ``{"content": [{"orderId",
  "orderStatus", "modifiedAt"}], "last", "totalPages"}``, or, as its second version does, ``{"contents": […]}``, which
  goes on behind ``lastOrderId`` and ``lastModifiedAt`` until it is empty.
* ``order_path`` answers one order, ``{order_id}`` filled in: ``{"id", "orderBase": {"status", "createdAt"},
  "orderProduct": {"quantity", "sellerItemNo", "sellerItemOptionCode"}}``. An order is one item of a payment: a basket
  of three is three orders, and is cancelled in part by cancelling one.
* An item is named by the seller's own codes, which have to be looked up: the product's ``storeManagementCode`` and the
  combination's ``managedCode``. What has no code, or one that several have, stays unlinked.
* ``cancel_path`` cancels one order for want of stock, ``{order_id}`` filled in, without a body, by PUT; ``POST /…``
  says otherwise.

Units are held from the order on. Only what was cancelled before it was shipped, or never paid, holds none: returns and
exchanges give nothing back by themselves.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from urllib.parse import quote

import msgspec

from inventory.channels.channel import ChannelDownError
from inventory.channels.kakao.answers import read_answer
from inventory.channels.kakao.listed import SellerCodes
from inventory.channels.selling import ChannelOrder, OrderPage, SeenOrder, SoldLine

OVER: Final = frozenset(
    {"PayFailed", "PayCancelComplete", "UnpaidCancelComplete", "ShippingCancelComplete", "ShippingRefundComplete"}
)
"""Statuses of orders that hold nothing; one that we do not know holds."""

KOREA: Final = timezone(timedelta(hours=9))
"""Kakao's times are Korean; Korea has no summer time."""

AHEAD_MS: Final = 60_000
"""A list ends so long after now: Kakao's clock may be ahead of ours."""

_QUERY: Final = "?order_modified_at_start={from}&order_modified_at_end={to}&page={page}"
_DIGITS: Final = re.compile(r"[0-9]{14}")
_ORDER_ID: Final = "{order_id}"

Number = str | int


class _Base(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    status: str
    created_at: Number


class _OrderProduct(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    quantity: int
    seller_item_no: Number | None = None
    seller_item_option_code: Number | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is used of an order."""

    id: Number
    order_base: _Base
    order_product: _OrderProduct

    @property
    def codes(self) -> SellerCodes:
        """What was ordered, as the seller calls it."""
        item = self.order_product
        return str(item.seller_item_no or ""), str(item.seller_item_option_code or "")

    @property
    def is_over(self) -> bool:
        """Whether it holds nothing any more."""
        return self.order_base.status in OVER


def list_address(path: str, since_ms: int, now_ms: int, after: str | None) -> str:
    """Return where a page of the orders is that changed since a moment.

    Args:
        path: the setting.
        since_ms: milliseconds since the epoch, as ``now_ms``.
        now_ms: the time.
        after: ``OrderPage.next`` of the page before.
    """
    page, _, cursor = (after or "1").partition("&")
    address = path if "?" in path else path + _QUERY
    for name, value in {"from": _korean(since_ms), "to": _korean(now_ms + AHEAD_MS), "page": page}.items():
        address = address.replace(f"{{{name}}}", value)
    return f"{address}&{cursor}" if cursor else address


def order_address(path: str, order_id: str) -> str:
    """Return where an order is."""
    return path.replace(_ORDER_ID, quote(order_id, safe=""))


def orders_in(body: bytes, after: str | None) -> OrderPage:
    """Read a page of a list.

    Raises:
        ChannelDownError: it is no such page.
    """
    listed = read_answer(body, _List)
    page = int((after or "1").partition("&")[0])
    entries = listed.content if listed.content is not None else listed.contents
    if entries is None:
        raise ChannelDownError("Kakao's answer has a list of orders without content")
    seen = tuple(
        SeenOrder(order_id=str(one.order_id), stamp=f"{one.modified_at or ''} {one.order_status or ''}".strip())
        for one in entries
    )
    return OrderPage(orders=seen, next=_next(listed, page, after) if seen else None)


def channel_order(order: Order, names: Mapping[SellerCodes, str]) -> ChannelOrder:
    """Return an order in the port's words; an item whose codes name nothing is called ``seller:code/code``.

    Raises:
        ChannelDownError: a time or a quantity cannot be read.
    """
    item_id = names.get(order.codes, f"seller:{order.codes[0]}/{order.codes[1]}")
    quantity = order.order_product.quantity
    if quantity < 0:
        raise ChannelDownError("Kakao's answer has an order with a quantity below 0")
    held = () if order.is_over or not quantity else (SoldLine(item_id=item_id, quantity=quantity),)
    return ChannelOrder(
        order_id=str(order.id),
        placed_at_ms=_ms(order.order_base.created_at),
        status=order.order_base.status,
        lines=held,
    )


def _next(listed: "_List", page: int, after: str | None) -> str | None:
    if listed.content is not None:
        return None if listed.last or page >= (listed.total_pages or page + 1) else str(page + 1)
    last = (listed.contents or [])[-1]
    cursor = f"1&lastOrderId={quote(str(last.order_id))}&lastModifiedAt={quote(str(last.modified_at or ''))}"
    return None if cursor == after else cursor


def _korean(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(KOREA).strftime("%Y%m%d%H%M%S")


def _ms(at: Number) -> int:
    """A time of Kakao's: Korean digits, ISO 8601, Korean if it does not say, or milliseconds since the epoch."""
    text = str(at).strip()
    try:
        if text.isascii() and text.isdigit() and len(text) == 13:
            return int(text)
        moment = datetime.fromisoformat(f"{text[:8]}T{text[8:]}" if _DIGITS.fullmatch(text) else text)
        return int(moment.replace(tzinfo=moment.tzinfo or KOREA).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ChannelDownError("Kakao's answer has an order whose createdAt is no time") from error


class _Entry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    order_id: Number
    order_status: str | None = None
    modified_at: Number | None = None


class _List(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    content: list[_Entry] | None = None
    contents: list[_Entry] | None = None
    last: bool | None = None
    total_pages: int | None = None
