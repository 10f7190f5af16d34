"""Asking a KakaoTalk Store for its orders, and cancelling them. It calls nobody, so it is asked often."""

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Final

import msgspec

from inventory.channels.channel import ChannelDownError, Refused, Told
from inventory.channels.kakao.answers import read_answer
from inventory.channels.kakao.calls_http import PRODUCT, KakaoCalls
from inventory.channels.kakao.listed import SellerCodes, names_in, products_in
from inventory.channels.kakao.orders import Order, channel_order, list_address, order_address, orders_in
from inventory.channels.selling import ChannelOrder, OrderPage, Selling

ORDER_CALLS_PER_S: Final = 1.0
"""Kakao publishes no limit; one order a second, with a look at its product, is modest."""

EVERY_S: Final = 30.0
"""Pause between two looks: how late a sale is known, as nothing is pushed."""

NAMES_MOST: Final = 50_000
"""Seller codes whose item is remembered: about 15 MB. Beyond that all are forgotten and asked for again."""


class OrderPaths(msgspec.Struct, frozen=True, kw_only=True):
    """Where the order API is; see ``orders.py``. Blank ones are not there."""

    orders: str = ""
    order: str = ""
    cancel: str = ""


class KakaoOrders:
    """The orders of one store.

    Args:
        paths: as the channel was set up.
        clock_ms: the wall clock.
    """

    def __init__(self, calls: KakaoCalls, paths: OrderPaths, *, clock_ms: Callable[[], int]) -> None:
        self._calls = calls
        self._paths = paths
        self._clock_ms = clock_ms
        self._names: dict[SellerCodes, str] = {}

    @property
    def selling(self) -> Selling:
        """See ``Sells``."""
        return Selling(batch_size=1, calls_per_s=ORDER_CALLS_PER_S, every_s=EVERY_S)

    async def changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        """See ``Sells``; no orders where no path to them was given."""
        if not self._paths.orders:
            return OrderPage(orders=())
        reply = await self._calls.get(list_address(self._paths.orders, since_ms, self._clock_ms(), after))
        if reply.status != HTTPStatus.OK:
            raise ChannelDownError(self._calls.refusal(reply).reason)
        return orders_in(reply.body, after)

    async def read(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells``."""
        return [await self._order(order_id) for order_id in order_ids]

    async def cancel(self, order_id: str) -> Told | Refused:
        """See ``Cancels``. What is refused is looked at: it may be over already."""
        if not self._paths.cancel:
            return Refused(reason="this KakaoTalk Store has no cancel_path: cancel it at Kakao", temporary=False)
        method, _, path = self._paths.cancel.rpartition(" ")
        reply = await self._calls.send(method or "PUT", order_address(path, order_id))
        refused = self._refused(reply.body) if reply.status == HTTPStatus.OK else self._calls.refusal(reply)
        if refused is None:
            return Told()
        order = await self._read(order_id)
        return Told() if order is not None and order.is_over else refused

    @staticmethod
    def _refused(body: bytes) -> Refused | None:
        """Kakao's calls for several orders answer 200 and say ``success`` inside; others say nothing."""
        if not body.strip().startswith(b"{") or read_answer(body, _Done).success is not False:
            return None
        return Refused(reason="Kakao did not cancel the order and does not say why", temporary=False)

    async def _order(self, order_id: str) -> ChannelOrder | None:
        order = await self._read(order_id)
        if order is None:
            return None
        if order.codes[0] and order.codes not in self._names and not order.is_over:
            await self._learn(order.codes[0])
        return channel_order(order, self._names)

    async def _read(self, order_id: str) -> Order | None:
        if not self._paths.order:
            return None
        reply = await self._calls.get(order_address(self._paths.order, order_id))
        if reply.status == HTTPStatus.NOT_FOUND:
            return None
        if reply.status != HTTPStatus.OK:
            raise ChannelDownError(self._calls.refusal(reply).reason)
        order = read_answer(reply.body, Order)
        if str(order.id) != order_id:
            raise ChannelDownError("Kakao's answer has another order")
        return order

    async def _learn(self, code: str) -> None:
        """Ask which products the seller calls so; Kakao does not keep sellers from giving a code twice."""
        reply = await self._calls.get(PRODUCT, {"storeManagementCode": code})
        if reply.status == HTTPStatus.NOT_FOUND:
            return
        if reply.status != HTTPStatus.OK:
            raise ChannelDownError(self._calls.refusal(reply).reason)
        if len(self._names) > NAMES_MOST:
            self._names.clear()
        self._names.update(names_in(products_in(reply.body)))


class _Done(msgspec.Struct, frozen=True, kw_only=True):
    success: bool | None = None
