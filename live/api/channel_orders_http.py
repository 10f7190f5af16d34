"""Orders that other channels sold: what was taken for them, and cancelling them over there."""

from typing import Annotated

import msgspec

from inventory.channels.channels_pg import Channels
from inventory.channels.limits import MAX_PAGE, ORDER_ID_CHARS
from inventory.channels.order_list_pg import ChannelOrderPage, OrderList
from inventory.channels.order_units import OrderState
from inventory.channels.orders_pg import ChannelOrders
from kit.errors import InvalidError
from live.api.endpoint import STAFF, Call, Empty, Endpoint, Request, endpoint
from live.api.fields import NEXT_SAID, NO_BLANKS
from live.api.limits import JSON_BODY_MAX_BYTES, PAGE_DEFAULT_ITEMS

ChannelOrderId = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=ORDER_ID_CHARS, pattern=NO_BLANKS, description="the channel's id of an order"
    ),
]


class ChannelOrderQuery(Request, frozen=True):
    """Which orders."""

    state: OrderState | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAGE)] = PAGE_DEFAULT_ITEMS
    after: (
        Annotated[str, msgspec.Meta(min_length=1, max_length=ORDER_ID_CHARS, pattern=NO_BLANKS, description=NEXT_SAID)]
        | None
    ) = None


class Cancellation(Request, frozen=True):
    """An order to be cancelled at its channel."""

    order_id: ChannelOrderId


class CancellationAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The channel is asked to cancel it; what came of that stands in the list of its orders."""

    channel_id: str
    order_id: str


class ChannelOrderEndpoints:
    """The calls about channels' orders."""

    def __init__(self, channels: Channels, orders: ChannelOrders, listed: OrderList) -> None:
        self._channels = channels
        self._orders = orders
        self._listed = listed

    def endpoints(self) -> list[Endpoint]:
        """Return them."""
        return [
            endpoint(
                "channels",
                "list_channel_orders",
                "GET",
                "/v1/channels/{id}/orders",
                "Orders that a channel sold, and the units that were taken for them",
                roles=STAFF,
                body=Empty,
                query=ChannelOrderQuery,
                answer=ChannelOrderPage,
                handle=self._list,
            ),
            endpoint(
                "channels",
                "cancel_channel_order",
                "POST",
                "/v1/channels/{id}/orders/cancel",
                "Cancel an order at its channel; its units come back when the channel has cancelled it",
                roles=STAFF,
                body=Cancellation,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=CancellationAnswer,
                status=202,
                handle=self._cancel,
            ),
        ]

    async def _list(self, call: Call[Empty, ChannelOrderQuery]) -> ChannelOrderPage:
        asked = call.query
        return await self._listed.page(call.id, state=asked.state, limit=asked.limit, after=asked.after)

    async def _cancel(self, call: Call[Cancellation, Empty]) -> CancellationAnswer:
        if not (await self._channels.abilities(call.id)).cancels:
            raise InvalidError("this channel's orders cannot be cancelled from here", code="cancels_no_orders")
        await self._orders.want_cancel(call.id, call.body.order_id)
        return CancellationAnswer(channel_id=call.id, order_id=call.body.order_id)
