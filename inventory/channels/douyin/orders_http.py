"""Orders of a Douyin shop: listed and read.

Douyin has no call with which a shop cancels an order: a buyer who cannot be served is refunded in the console.
"""

from collections.abc import Callable, Sequence
from typing import Final

from inventory.channels.channel import ChannelDownError
from inventory.channels.douyin.answers import OK, sentence
from inventory.channels.douyin.calls_http import DouyinCalls
from inventory.channels.douyin.orders import PAGE_ORDERS, OrderSaid, OrdersSaid, place_of, read_order
from inventory.channels.selling import ChannelOrder, OrderPage, Selling

SELLING: Final = Selling(batch_size=1, calls_per_s=5.0, every_s=600.0)
"""No figure is published; a call too many is answered 60000 and waited for."""

_LIST: Final = "/order/searchList"
_DETAIL: Final = "/order/orderDetail"


class DouyinOrders:
    """The orders of one shop."""

    def __init__(self, calls: DouyinCalls, *, clock_ms: Callable[[], int]) -> None:
        self._calls = calls
        self._clock_ms = clock_ms

    async def changed(self, since_ms: int, after: str | None) -> OrderPage:
        """See ``Sells.orders_changed``."""
        place = place_of(since_ms, after, now_ms=self._clock_ms())
        params: dict[str, object] = {
            "update_time_start": place.start_s,
            "update_time_end": place.until_s,
            "order_by": "update_time",
            "order_asc": True,
            "page": place.page,
            "size": PAGE_ORDERS,
        }
        said = await self._calls.post(_LIST, params, OrdersSaid)
        if said.code != OK:
            raise ChannelDownError(sentence("Douyin does not list the orders", said))
        following = place.after(said)
        return OrderPage(orders=said.seen, next=None if following is None else following.text())

    async def read(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells.orders``; None also for an order that Douyin does not want to tell."""
        orders: list[ChannelOrder | None] = []
        for order_id in order_ids:
            said = await self._calls.post(_DETAIL, {"shop_order_id": order_id}, OrderSaid)
            if said.order is not None and str(said.order.order_id) != order_id:
                raise ChannelDownError(f"Douyin told another order than {order_id}")
            orders.append(None if said.order is None else read_order(said.order))
        return orders
