"""TikTok Shop's orders: listed, read, cancelled."""

from collections.abc import Sequence
from typing import Final

from inventory.channels.channel import ChannelDownError, Refused, Told
from inventory.channels.selling import ChannelOrder, OrderPage, Selling
from inventory.channels.settings import NUMBER
from inventory.channels.tiktok.answers import CANCELLATIONS, OK, ORDERS, sentence
from inventory.channels.tiktok.calls_http import TikTokCalls
from inventory.channels.tiktok.orders import (
    CANCELLED,
    NOT_OURS,
    REASONS,
    Cancellation,
    OrderList,
    Orders,
    may_be_cancelled,
    outcome,
    wants_another_reason,
)

BATCH: Final = 50
"""Orders in one call: the most that TikTok takes."""

PAGE: Final = 100
"""Orders on one page of a list: the most that TikTok gives."""

CALLS_PER_S: Final = 10.0
"""Calls per second, with the updates of stock still far below TikTok's 50."""

CALLS_AT_ONCE: Final = 5
"""Calls that may follow each other directly."""

EVERY_S: Final = 600.0
"""A push is tried again after 2 and after 30 minutes: a look every ten finds a lost one sooner."""

_READ: Final = "/order/202507/orders"
_SEARCH: Final = "/order/202309/orders/search"
_CANCEL: Final = "/return_refund/202309/cancellations"


class TikTokOrders:
    """The orders of one shop."""

    selling: Final = Selling(batch_size=BATCH, calls_per_s=CALLS_PER_S, calls_at_once=CALLS_AT_ONCE, every_s=EVERY_S)

    def __init__(self, calls: TikTokCalls) -> None:
        self._calls = calls

    async def changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        """See ``Sells.orders_changed``."""
        params = {"page_size": str(PAGE), "sort_field": "update_time", "sort_order": "ASC"}
        if after is not None:
            params["page_token"] = after
        said = await self._calls.post(
            _SEARCH, {"update_time_ge": since_ms // 1000}, OrderList, about=ORDERS, params=params
        )
        if said.code != OK:
            raise ChannelDownError(sentence("TikTok Shop does not list its orders", said))
        return said.page()

    async def read(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells.orders``. What is no number is no order of TikTok's and not asked for."""
        found = await self._read([order_id for order_id in order_ids if NUMBER.fullmatch(order_id)])
        return [found.get(order_id) for order_id in order_ids]

    async def cancel(self, order_id: str) -> Told | Refused:
        """See ``Cancels``: all of the order, for want of stock.

        Which word TikTok wants to hear for that depends on the order's state and on the market; one after the other is
        tried.
        """
        if NUMBER.fullmatch(order_id) is None:
            return Refused(reason="TikTok Shop has no such order: its orders are numbers", temporary=False)
        said = await self._cancel(order_id, REASONS[0])
        for reason in REASONS[1:]:
            if wants_another_reason(said):
                said = await self._cancel(order_id, reason)
        if may_be_cancelled(said):
            order = (await self._read([order_id])).get(order_id)
            if order is not None and order.status == CANCELLED:
                return Told()
        return outcome(said)

    async def _cancel(self, order_id: str, reason: str) -> Cancellation:
        body = {"order_id": order_id, "cancel_reason": reason}
        return await self._calls.post(_CANCEL, body, Cancellation, about=CANCELLATIONS)

    async def _read(self, order_ids: Sequence[str]) -> dict[str, ChannelOrder]:
        """Read orders by id; where one of them is not of this shop, each half alone, and so on."""
        if not order_ids:
            return {}
        said = await self._calls.get(_READ, {"ids": ",".join(order_ids)}, Orders, about=ORDERS)
        if said.code == OK:
            return said.by_id()
        if said.code != NOT_OURS:
            raise ChannelDownError(sentence("TikTok Shop does not tell these orders", said))
        if len(order_ids) == 1:
            return {}
        half = len(order_ids) // 2
        return await self._read(order_ids[:half]) | await self._read(order_ids[half:])
