"""Orders of a Meta shop: listed, read and cancelled. Meta calls nobody about them, so they are asked for."""

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

from inventory.channels.channel import ChannelDownError, Refused, Told
from inventory.channels.meta.calls_http import MetaCalls
from inventory.channels.meta.failures import CallRefusedError
from inventory.channels.meta.orders import (
    CANCELLATION_FIELDS,
    CHECKING,
    ITEM_FIELDS,
    LIST_FIELDS,
    ORDER_FIELDS,
    PAGE,
    STATES,
    cancellations_in,
    cancelling,
    channel_order,
    is_done,
    lines_in,
    order_in,
    page_in,
)
from inventory.channels.meta.paging import Page
from inventory.channels.selling import ChannelOrder, OrderPage, Selling

EVERY_S: Final = 30.0
"""Pause between two looks for orders: 2,880 calls a day, of the 4,800 that a page may make at the least."""

CALLS_PER_S: Final = 1.0
"""Calls per second, of lists and orders together. Meta counts those of a day and names no number per second; at this
pace the orders of half a minute are read before the next look, as long as they are not more than thirty."""

CALLS_AT_ONCE: Final = 10
"""Orders that are read directly after each other when many came since the last look."""

PAGES_MOST: Final = 20
"""Pages of items, or of cancellations, of one order."""

_One = TypeVar("_One")
_ORDER_ID: Final = re.compile(r"[0-9]{1,40}")

SELLING: Final = Selling(calls_per_s=CALLS_PER_S, calls_at_once=CALLS_AT_ONCE, every_s=EVERY_S)


class MetaOrders:
    """The orders of one shop.

    Args:
        calls: with the token of the shop's page.
        account_id: of the shop, its commerce account; blank for none, and then it has no orders.
    """

    def __init__(self, calls: MetaCalls, account_id: str) -> None:
        self._calls = calls
        self._account_id = account_id

    async def changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        """See ``Sells.orders_changed``."""
        if not self._account_id:
            return OrderPage(orders=())
        params = {
            "state": ",".join(STATES),
            # Whole seconds, and of those after this one.
            "updated_after": str(max(0, since_ms // 1000 - 1)),
            "fields": LIST_FIELDS,
            "limit": str(PAGE),
        }
        if after is not None:
            params["after"] = after
        return page_in(await self._calls.call("GET", f"/{self._account_id}/commerce_orders", params=params))

    async def read(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells.orders``."""
        return [await self._one(order_id) for order_id in order_ids]

    async def cancel(self, order_id: str) -> Told | Refused:
        """See ``Cancels.cancel``. While Meta looks at an order's payment it may refuse, and later not."""
        order = await self._one(order_id)
        if order is None:
            return Refused(reason="Meta has no such order", temporary=False)
        if not order.lines:
            return Told()
        body = msgspec.json.encode(cancelling(order))
        try:
            done = is_done(await self._calls.call("POST", f"/{order_id}/cancellations", body=body))
        except CallRefusedError as error:
            return Refused(reason=error.message, temporary=order.status == CHECKING)
        return Told() if done else Refused(reason="Meta did not cancel it, and does not say why", temporary=True)

    async def _one(self, order_id: str) -> ChannelOrder | None:
        if not self._account_id or _ORDER_ID.fullmatch(order_id) is None:
            return None
        body = await self._calls.find(f"/{order_id}", params={"fields": ORDER_FIELDS})
        if body is None:
            return None
        order = order_in(body)
        lines = await self._all(order.items, f"/{order_id}/items", ITEM_FIELDS, lines_in)
        path = f"/{order_id}/cancellations"
        cancelled = await self._all(order.cancellations, path, CANCELLATION_FIELDS, cancellations_in)
        return channel_order(order_id, order, lines, cancelled)

    async def _all(
        self, page: Page[_One] | None, path: str, fields: str, read: Callable[[bytes], Page[_One]]
    ) -> list[_One]:
        """Return what a list has from its first page on."""
        found: list[_One] = []
        for _ in range(PAGES_MOST):
            found += page.data if page else ()
            if page is None or page.next is None:
                return found
            params = {"fields": fields, "limit": str(PAGE), "after": page.next}
            page = read(await self._calls.call("GET", path, params=params))
        raise ChannelDownError(f"the order's list goes on after {PAGES_MOST} pages")
