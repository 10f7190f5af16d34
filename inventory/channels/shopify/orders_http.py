"""Shopify's orders: listed, read, cancelled."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from inventory.channels.channel import ChannelDownError, Refused, Told
from inventory.channels.selling import ChannelOrder, OrderPage, Selling
from inventory.channels.shopify.calls_http import ShopifyCalls
from inventory.channels.shopify.orders import (
    CANCEL,
    CHANGED,
    MORE,
    ORDERS,
    REFUNDED,
    Order,
    cancellation_in,
    changed_since,
    held,
    kept_in,
    more_in,
    orders_in,
    page_in,
)

BATCH: Final = 5
"""Orders in one call: 160 points have to be there, and most of them come back at once."""

CALLS_PER_S: Final = 1.0
"""Calls per second; what an order really costs is some 5 points, and the levels leave 20 a second."""

CALLS_AT_ONCE: Final = 3
"""Calls that may follow each other directly."""

EVERY_S: Final = 600.0
"""A push is tried again for four hours; a look every ten minutes finds a lost one sooner."""

EVERY_WITHOUT_PUSH_S: Final = 30.0
"""Where nothing is pushed, because the channel was set up without the app's client secret."""

MOST_PAGES: Final = 20
"""Further pages of one order's lines: 1,000 of them, twice what an order may have."""

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,19}")


class ShopifyOrders:
    """The orders of one shop.

    Args:
        calls: the shop's.
        pushed: whether the shop tells of orders by itself.
    """

    def __init__(self, calls: ShopifyCalls, *, pushed: bool) -> None:
        self._calls = calls
        self.selling: Final = Selling(
            batch_size=BATCH,
            calls_per_s=CALLS_PER_S,
            calls_at_once=CALLS_AT_ONCE,
            every_s=EVERY_S if pushed else EVERY_WITHOUT_PUSH_S,
        )

    async def changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        """See ``Sells.orders_changed``; orders of the last 60 days, unless the app may read all."""
        return page_in(await self._calls.run(CHANGED, {"query": changed_since(since_ms), "after": after}))

    async def read(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells.orders``. What is no number is no order of Shopify's and not asked for."""
        numbers = [order_id for order_id in order_ids if _NUMBER.fullmatch(order_id)]
        found: dict[str, ChannelOrder] = {}
        if numbers:
            gids = [_gid(order_id) for order_id in numbers]
            for order in orders_in(await self._calls.run(ORDERS, {"ids": gids}), gids):
                if order is not None:
                    read = await self._whole(order)
                    found[read.order_id] = read
        return [found.get(order_id) for order_id in order_ids]

    async def cancel(self, order_id: str) -> Told | Refused:
        """See ``Cancels``. What Shopify refuses may have been cancelled before: then the order says so."""
        if _NUMBER.fullmatch(order_id) is None:
            return Refused(reason="Shopify has no such order: its orders are numbers", temporary=False)
        said = cancellation_in(await self._calls.run(CANCEL, {"order": _gid(order_id)}))
        if isinstance(said, Refused):
            gids = [_gid(order_id)]
            (order,) = orders_in(await self._calls.run(ORDERS, {"ids": gids}), gids)
            if order is not None and order.cancelled_at is not None:
                return Told()
        return said

    async def _whole(self, order: Order) -> ChannelOrder:
        """Read what is not told with an order: the rest of its lines, and its refunds if it has any."""
        if order.cancelled_at is not None:
            return held(order, (), Counter())
        lines = list(order.line_items.nodes)
        after = order.line_items.next
        for _ in range(MOST_PAGES):
            if after is None:
                break
            more = more_in(await self._calls.run(MORE, {"id": order.id, "after": after}))
            lines += more.nodes
            after = more.next
        if after is not None:
            raise ChannelDownError("Shopify's order has more lines than an order may have")
        kept = kept_in(await self._calls.run(REFUNDED, {"id": order.id})) if order.refunds else Counter[str]()
        return held(order, lines, kept)


def _gid(order_id: str) -> str:
    return f"gid://shopify/Order/{order_id}"
