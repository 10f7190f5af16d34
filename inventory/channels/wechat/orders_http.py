"""Orders of a WeChat shop: listed, read, and given up for want of stock.

There is no call that cancels an order. What there is for a paid one is a refund in the buyer's name with the reason
"out of stock", one for each line; when it went through, the order is over. WeChat does not say whether a merchant's own
refund still has to be accepted in the console, nor what becomes of freight: orders with freight are left to staff.
"""

from collections.abc import Callable, Sequence
from typing import Final

from inventory.channels.channel import ChannelDownError, Refused, Told
from inventory.channels.selling import ChannelOrder, OrderPage, Selling
from inventory.channels.wechat.answers import OK, Said, refusal, sentence
from inventory.channels.wechat.calls_http import WechatCalls
from inventory.channels.wechat.orders import PAGE_ORDERS, OrderSaid, OrdersSaid, place_of, read_order, refunds

SELLING: Final = Selling(batch_size=1, calls_per_s=5.0, every_s=600.0)
"""WeChat publishes no figure; 300 a minute leave room for levels and products."""

_LIST: Final = "/channels/ec/order/list/get"
_GET: Final = "/channels/ec/order/get"
_REFUND: Final = "/channels/ec/aftersale/genaftersaleorder"


class WechatOrders:
    """The orders of one shop."""

    def __init__(self, calls: WechatCalls, *, clock_ms: Callable[[], int]) -> None:
        self._calls = calls
        self._clock_ms = clock_ms

    async def changed(self, since_ms: int, after: str | None) -> OrderPage:
        """See ``Sells.orders_changed``. A list spans seven days at most, so a longer look is several lists."""
        place = place_of(since_ms, after, now_ms=self._clock_ms())
        window = {"start_time": place.start_s, "end_time": place.end_s}
        body = {"update_time_range": window, "page_size": PAGE_ORDERS, "next_key": place.next_key}
        said = await self._calls.post(_LIST, body, OrdersSaid)
        if said.errcode != OK:
            raise ChannelDownError(sentence("WeChat does not list the orders", said))
        following = place.after(said)
        return OrderPage(orders=said.seen, next=None if following is None else following.text())

    async def read(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells.orders``; None also for an order that WeChat does not want to tell."""
        orders: list[ChannelOrder | None] = []
        for order_id in order_ids:
            said = await self._get(order_id)
            orders.append(None if said.order is None else read_order(said.order))
        return orders

    async def cancel(self, order_id: str) -> Told | Refused:
        """See ``Cancels``: every line is refunded that was not before."""
        read = await self._get(order_id)
        if read.order is None:
            return refusal(read)
        bodies = refunds(read.order)
        if isinstance(bodies, Refused):
            return bodies
        for body in bodies:
            said = await self._calls.post(_REFUND, body, Said)
            if said.errcode != OK:
                return refusal(said)
        return Told()

    async def _get(self, order_id: str) -> OrderSaid:
        said = await self._calls.post(_GET, {"order_id": order_id}, OrderSaid)
        if said.errcode == OK and (said.order is None or str(said.order.order_id) != order_id):
            raise ChannelDownError(f"WeChat told no order, or another than {order_id}")
        return said
