"""Orders of a LINE MyShop: lists of them, and what each holds back. Pure.

An order counts from its checkout on, paid or not: what is not paid for is "reserved" over there. Refunds and returns
give nothing back by themselves; only orders that are cancelled or have expired hold nothing. There is no partial
cancellation in the API.

An order names a product's *variant*, a change of stock its *inventory*: which is which is looked up in the products.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from inventory.channels.channel import ChannelDownError
from inventory.channels.line_myshop.answers import read_answer
from inventory.channels.selling import ChannelOrder, OrderPage, SeenOrder, SoldLine

OVER: Final = frozenset({"CANCELED", "CANCELLED", "EXPIRED"})
"""Statuses of orders that hold nothing. The others are FINALIZED and COMPLETED; one that we do not know holds."""

REMARK: Final = "sold out"
"""What a cancellation tells the buyer."""

VariantKey = tuple[int, int | None]
"""A product and one of its variants; a product without variants has one without an id."""


class OrderItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What was ordered of one variant."""

    product_id: int
    quantity: float
    variant_id: int | None = None

    @property
    def key(self) -> VariantKey:
        """What it names."""
        return self.product_id, self.variant_id


class Order(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is used of an order. Times are ISO 8601."""

    order_number: str | int
    order_status: str
    checkout_at: str | None = None
    last_updated_at: str | None = None
    payment_status: str | None = None
    order_items: list[OrderItem] | None = None

    def held(self) -> list[OrderItem]:
        """Return what it holds back now.

        Raises:
            ChannelDownError: nothing is said about that.
        """
        if self.order_status in OVER:
            return []
        if self.order_items is None:
            raise ChannelDownError("LINE's answer has an order without orderItems")
        return self.order_items


def moment(at_ms: int) -> str:
    """Return a time as LINE writes it."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def orders_in(body: bytes, page: int) -> OrderPage:
    """Read a page of a list, asked for by its number.

    Raises:
        ChannelDownError: it is no such page.
    """
    listed = read_answer(body, _Page)
    seen = tuple(SeenOrder(order_id=str(one.order_number), stamp=_stamp(one)) for one in listed.data or [])
    return OrderPage(orders=seen, next=str(page + 1) if seen and page < listed.total_page else None)


def inventories_in(body: bytes) -> dict[VariantKey, int]:
    """Read which inventory each variant has, from a page of products.

    Raises:
        ChannelDownError: it is no such page.
    """
    return {
        (product.id, variant.id): variant.inventory_id
        for product in read_answer(body, _Products).data or []
        for variant in product.variants or []
        if variant.inventory_id is not None
    }


def channel_order(order: Order, inventories: Mapping[VariantKey, int]) -> ChannelOrder:
    """Return an order in the port's words.

    A line of a product that the shop no longer has is called ``product/variant-number``: no link can be of that form,
    so it is shown as not linked, and the other lines count.

    Raises:
        ChannelDownError: a time or a quantity cannot be read.
    """
    return ChannelOrder(
        order_id=str(order.order_number),
        placed_at_ms=_placed_at_ms(order),
        status=order.order_status,
        lines=tuple(_lines(order.held(), inventories)),
    )


def _lines(items: Iterable[OrderItem], inventories: Mapping[VariantKey, int]) -> Iterable[SoldLine]:
    for item in items:
        if not item.quantity.is_integer() or item.quantity < 0:
            raise ChannelDownError("LINE's answer has an order with a quantity that is no number of units")
        # A product without variants may be named by a variant's number all the same.
        inventory_id = inventories.get(item.key, inventories.get((item.product_id, None)))
        name = f"variant-{item.variant_id}" if inventory_id is None else str(inventory_id)
        if item.quantity:
            yield SoldLine(item_id=f"{item.product_id}/{name}", quantity=int(item.quantity))


def _placed_at_ms(order: Order) -> int:
    text = order.checkout_at or order.last_updated_at
    if not text:
        raise ChannelDownError("LINE's answer has an order without checkoutAt")
    try:
        placed_at = datetime.fromisoformat(text)
        return int(placed_at.replace(tzinfo=placed_at.tzinfo or UTC).timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise ChannelDownError("LINE's answer has an order whose checkoutAt is no time") from error


def _stamp(order: Order) -> str:
    # Not the time alone: if it is cut to seconds, two changes within one would look like one.
    return " ".join(one or "" for one in (order.last_updated_at, order.order_status, order.payment_status))


class _Page(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    data: list[Order] | None
    total_page: int = 1


class _Variant(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: int | None = None
    inventory_id: int | None = None


class _Product(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    variants: list[_Variant] | None = None


class _Products(msgspec.Struct, frozen=True, kw_only=True):
    data: list[_Product] | None
