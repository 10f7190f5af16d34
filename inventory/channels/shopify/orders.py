"""Shopify's orders: the queries, and their answers read into ours. Pure.

https://shopify.dev/docs/api/admin-graphql/2026-07/objects/Order. ``currentQuantity`` of a line is what was ordered
without what was removed or refunded. A refund says what became of its units: only with ``CANCEL`` were they never
shipped and are given back. With every other word (``RETURN``, ``NO_RESTOCK``) they are still held: a return after
delivery gives nothing back by itself.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

import msgspec

from inventory.channels.channel import ChannelDownError, Refused, Told
from inventory.channels.limits import SAID_CHARS
from inventory.channels.selling import ChannelOrder, OrderPage, SeenOrder, SoldLine
from inventory.channels.shopify.answers import data_in

READ_SCOPE: Final = "read_orders"
WRITE_SCOPE: Final = "write_orders"

LINES: Final = 10
"""Lines that are read with an order; each costs 3 points, and the rest of a longer one is asked for."""

MORE_LINES: Final = 50
"""Lines of one further call: 151 points."""

REFUNDS: Final = 8
"""Refunds of one order that are read, and lines of each: 137 points. Units of further ones count as given back."""

_LINE_FIELDS: Final = """\
nodes { id currentQuantity variant { inventoryItem { id } } }
        pageInfo { hasNextPage endCursor }"""

ORDERS: Final = f"""\
query ShowdropOrders($ids: [ID!]!) {{
  nodes(ids: $ids) {{
    ... on Order {{
      id
      createdAt
      cancelledAt
      displayFinancialStatus
      displayFulfillmentStatus
      refunds(first: 1) {{ id }}
      lineItems(first: {LINES}) {{
        {_LINE_FIELDS}
      }}
    }}
  }}
}}"""

MORE: Final = f"""\
query ShowdropMoreLines($id: ID!, $after: String!) {{
  node(id: $id) {{
    ... on Order {{
      lineItems(first: {MORE_LINES}, after: $after) {{
        {_LINE_FIELDS}
      }}
    }}
  }}
}}"""

REFUNDED: Final = f"""\
query ShowdropRefunds($id: ID!) {{
  node(id: $id) {{
    ... on Order {{
      refunds(first: {REFUNDS}) {{
        refundLineItems(first: {REFUNDS}) {{ nodes {{ quantity restockType lineItem {{ id }} }} }}
      }}
    }}
  }}
}}"""

CHANGED: Final = """\
query ShowdropChanged($query: String!, $after: String) {
  orders(first: 50, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id updatedAt }
    pageInfo { hasNextPage endCursor }
  }
}"""

CANCEL: Final = """\
mutation ShowdropCancel($order: ID!) {
  orderCancel(
    orderId: $order
    reason: INVENTORY
    restock: false
    notifyCustomer: true
    refundMethod: { originalPaymentMethodsRefund: true }
    staffNote: "Sold out: the last units went elsewhere."
  ) {
    orderCancelUserErrors { code field message }
  }
}"""
"""Nothing is put back on sale over there: the units are not there, and what is for sale is told as a level."""

_GIVEN_BACK: Final = frozenset({"CANCEL", "LEGACY_RESTOCK"})
_EPOCH: Final = datetime.fromtimestamp(0, UTC)
_Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class _Camel(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Shopify's way to write names."""


class _PageInfo(_Camel, frozen=True, kw_only=True):
    has_next_page: bool
    end_cursor: str | None = None


class _Item(_Camel, frozen=True, kw_only=True):
    id: str


class _Variant(_Camel, frozen=True, kw_only=True):
    inventory_item: _Item


class Line(_Camel, frozen=True, kw_only=True):
    """A line of an order; without a variant it is nothing that is stocked."""

    id: str
    current_quantity: int
    variant: _Variant | None = None


class Lines(_Camel, frozen=True, kw_only=True):
    """Some lines of an order."""

    nodes: list[Line]
    page_info: _PageInfo

    @property
    def next(self) -> str | None:
        """What the rest is asked for with."""
        return self.page_info.end_cursor if self.page_info.has_next_page else None


class Order(_Camel, frozen=True, kw_only=True):
    """An order as Shopify tells it."""

    id: str
    created_at: _Moment
    line_items: Lines
    refunds: list[_Item]
    cancelled_at: _Moment | None = None
    display_financial_status: str | None = None
    display_fulfillment_status: str | None = None


class _Orders(_Camel, frozen=True, kw_only=True):
    nodes: list[Order | None]


class _LinesOf(_Camel, frozen=True, kw_only=True):
    line_items: Lines


class _More(_Camel, frozen=True, kw_only=True):
    node: _LinesOf


class _RefundLine(_Camel, frozen=True, kw_only=True):
    quantity: int
    line_item: _Item
    restock_type: str = ""


class _RefundLines(_Camel, frozen=True, kw_only=True):
    nodes: list[_RefundLine]


class _Refund(_Camel, frozen=True, kw_only=True):
    refund_line_items: _RefundLines


class _RefundsOf(_Camel, frozen=True, kw_only=True):
    refunds: list[_Refund]


class _Refunded(_Camel, frozen=True, kw_only=True):
    node: _RefundsOf


class _Seen(_Camel, frozen=True, kw_only=True):
    id: str
    updated_at: str


class _SeenPage(_Camel, frozen=True, kw_only=True):
    nodes: list[_Seen]
    page_info: _PageInfo


class _Changed(_Camel, frozen=True, kw_only=True):
    orders: _SeenPage


class _CancelError(_Camel, frozen=True, kw_only=True):
    message: str
    code: str | None = None


class _CancelPayload(_Camel, frozen=True, kw_only=True):
    order_cancel_user_errors: list[_CancelError]


class _Cancelled(_Camel, frozen=True, kw_only=True):
    order_cancel: _CancelPayload | None


def changed_since(since_ms: int) -> str:
    """Return what a list is searched with."""
    moment = _EPOCH + timedelta(seconds=since_ms // 1000)
    return f"updated_at:>='{moment:%Y-%m-%dT%H:%M:%SZ}'"


def page_in(body: bytes) -> OrderPage:
    """Read a page of a list. Raises as ``data_in``; so do all below."""
    orders = data_in(body, _Changed, scope=READ_SCOPE).orders
    seen = tuple(SeenOrder(order_id=number(one.id), stamp=one.updated_at) for one in orders.nodes)
    return OrderPage(orders=seen, next=orders.page_info.end_cursor if orders.page_info.has_next_page else None)


def orders_in(body: bytes, gids: Sequence[str]) -> list[Order | None]:
    """Read orders that were asked for, in order."""
    nodes = data_in(body, _Orders, scope=READ_SCOPE).nodes
    if len(nodes) != len(gids) or any(node and node.id != gid for node, gid in zip(nodes, gids, strict=True)):
        raise ChannelDownError("Shopify's answer is about other orders than it was asked for")
    return nodes


def more_in(body: bytes) -> Lines:
    """Read further lines of an order."""
    return data_in(body, _More, scope=READ_SCOPE).node.line_items


def kept_in(body: bytes) -> Counter[str]:
    """Read the refunds of an order: the units of each line that were refunded and not given back."""
    kept: Counter[str] = Counter()
    for refund in data_in(body, _Refunded, scope=READ_SCOPE).node.refunds:
        for line in refund.refund_line_items.nodes:
            if line.restock_type not in _GIVEN_BACK:
                kept[line.line_item.id] += line.quantity
    return kept


def held(order: Order, lines: Iterable[Line], kept: Counter[str]) -> ChannelOrder:
    """Return an order as it is now.

    Args:
        order: as Shopify tells it.
        lines: all that it has.
        kept: see ``kept_in``.
    """
    units: Counter[str] = Counter()
    if order.cancelled_at is None:
        for line in lines:
            if line.variant is not None:
                units[number(line.variant.inventory_item.id)] += line.current_quantity + kept[line.id]
    words = [order.display_financial_status, order.display_fulfillment_status]
    return ChannelOrder(
        order_id=number(order.id),
        placed_at_ms=(order.created_at - _EPOCH) // timedelta(milliseconds=1),
        status="CANCELLED" if order.cancelled_at is not None else ", ".join(word for word in words if word),
        lines=tuple(SoldLine(item_id=item_id, quantity=quantity) for item_id, quantity in (+units).items()),
    )


def cancellation_in(body: bytes) -> Told | Refused:
    """Read what came of a cancellation; Shopify goes on with it after it has answered."""
    payload = data_in(body, _Cancelled, scope=WRITE_SCOPE).order_cancel
    if payload is None:
        raise ChannelDownError("Shopify's answer does not say what became of the cancellation")
    for error in payload.order_cancel_user_errors:
        said = f"{error.code or 'no code'}: {error.message[:SAID_CHARS]}"
        return Refused(reason=f"Shopify does not cancel the order: {said}", temporary=error.code == "INTERNAL_ERROR")
    return Told()


def number(gid: str) -> str:
    """Return the number that a global id ends with."""
    return gid.rpartition("/")[2]
