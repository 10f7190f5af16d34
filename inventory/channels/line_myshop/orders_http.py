"""Asking a LINE MyShop for its orders, and cancelling them. It calls nobody, so it is asked often."""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from inventory.channels.channel import ChannelDownError, Refused, Told
from inventory.channels.line_myshop.answers import is_unknown, read_answer
from inventory.channels.line_myshop.calls_http import ORDERS, PER_PAGE, PRODUCTS, MyshopCalls
from inventory.channels.line_myshop.orders import (
    OVER,
    REMARK,
    Order,
    VariantKey,
    channel_order,
    inventories_in,
    moment,
    orders_in,
)
from inventory.channels.selling import ChannelOrder, OrderPage, Selling

ORDER_CALLS_PER_S: Final = 1.0
"""Orders are asked for this often; each may need a look at its products too. See ``channel_http.CALLS_PER_S``."""

ORDER_CALLS_AT_ONCE: Final = 5
"""Orders read directly after each other after a rest."""

EVERY_S: Final = 20.0
"""Pause between two looks: how late a sale is known, as nothing is pushed."""

NAMES_MOST: Final = 100_000
"""Variants whose inventory is remembered: about 20 MB. Beyond that all are forgotten and asked for again."""


class MyshopOrders:
    """The orders of one shop."""

    def __init__(self, calls: MyshopCalls) -> None:
        self._calls = calls
        self._inventories: dict[VariantKey, int] = {}

    @property
    def selling(self) -> Selling:
        """See ``Sells``."""
        return Selling(
            batch_size=1,
            calls_per_s=ORDER_CALLS_PER_S,
            calls_at_once=ORDER_CALLS_AT_ONCE,
            every_s=EVERY_S,
        )

    async def changed(self, since_ms: int, *, after: str | None) -> OrderPage:
        """See ``Sells``: newest change first, and no end.

        An order that changes while pages are turned goes to the front and pushes the others back: some are seen twice
        and none is missed. With an end it would leave the list, and the first of the next page with it.
        """
        page = int(after or "1")
        reply = await self._calls.get(
            ORDERS, startAt=moment(since_ms), sortBy="UPDATED_AT", orderBy="DESC", page=page, perPage=PER_PAGE
        )
        if reply.status != HTTPStatus.OK:
            raise ChannelDownError(self._calls.refusal(reply).reason)
        return orders_in(reply.body, page)

    async def read(self, order_ids: Sequence[str]) -> list[ChannelOrder | None]:
        """See ``Sells``."""
        return [await self._order(order_id) for order_id in order_ids]

    async def cancel(self, order_id: str) -> Told | Refused:
        """See ``Cancels``. What is refused is looked at: it may be over already."""
        reply = await self._calls.send("PUT", f"{_address(order_id)}/cancel", {"remarkCancel": REMARK})
        if reply.status == HTTPStatus.OK:
            return Told()
        refused = self._calls.refusal(reply)
        order = await self._read(order_id)
        return Told() if order is not None and order.order_status in OVER else refused

    async def _order(self, order_id: str) -> ChannelOrder | None:
        order = await self._read(order_id)
        if order is None:
            return None
        await self._learn(item.key for item in order.held())
        return channel_order(order, self._inventories)

    async def _read(self, order_id: str) -> Order | None:
        reply = await self._calls.get(_address(order_id))
        if reply.status == HTTPStatus.OK:
            order = read_answer(reply.body, Order)
            if str(order.order_number) != order_id:
                raise ChannelDownError("LINE's answer has another order")
            return order
        if is_unknown(reply.status, reply.body):
            return None
        raise ChannelDownError(self._calls.refusal(reply).reason)

    async def _learn(self, keys: Iterable[VariantKey]) -> None:
        """Ask for the products of variants whose inventory is not known yet; a variant keeps its inventory."""
        if len(self._inventories) > NAMES_MOST:
            self._inventories.clear()
        product_ids = sorted({product_id for product_id, one in keys if (product_id, one) not in self._inventories})
        for start in range(0, len(product_ids), PER_PAGE):
            some = [str(product_id) for product_id in product_ids[start : start + PER_PAGE]]
            reply = await self._calls.get(PRODUCTS, ids=some, perPage=PER_PAGE)
            if reply.status != HTTPStatus.OK:
                raise ChannelDownError(self._calls.refusal(reply).reason)
            self._inventories.update(inventories_in(reply.body))


def _address(order_id: str) -> str:
    return f"{ORDERS}/{quote(order_id, safe='')}"
