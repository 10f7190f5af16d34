"""The inbox: brings a buyer's own news to every open connection of theirs, wherever it is."""

from collections.abc import Sequence

import msgspec

from checkout.news import OutboxEvent
from checkout.order import Order
from inventory.holds import EndedHold
from live import wire
from live.buyer_news import hold_end_of
from live.offers import OfferDirectory
from live.show_log import BuyerNews
from live.show_log_redis import RedisLog

_ORDER_NEWS: dict[
    str, type[wire.OrderConfirmed | wire.OrderDeclined | wire.OrderRefunded | wire.OrderUnfulfillable]
] = {
    "order.confirmed": wire.OrderConfirmed,
    "order.declined": wire.OrderDeclined,
    "order.refunded": wire.OrderRefunded,
    "order.unfulfillable": wire.OrderUnfulfillable,
}


class Inbox:
    """Posts news into a show's inbox log; the same mark is posted once."""

    def __init__(self, log: RedisLog, offers: OfferDirectory) -> None:
        self._log = log
        self._offers = offers

    async def post(self, show_id: str, buyer_id: str, event: wire.BuyerEvents, *, mark: str) -> bool:
        """Post one message to one buyer; returns whether it is new, so that somebody who asks again can be told."""
        news = BuyerNews(buyer_id, msgspec.Raw(wire.encode_json(event)))
        return (await self._log.append(show_id, msgspec.json.encode(news), mark=mark)).fresh

    async def submitted(self, order: Order) -> bool:
        """Tell a buyer that their order is safe; returns whether that is news."""
        event = wire.OrderSubmitted(order_id=order.order_id, hold_id=order.hold_id, amount=order.amount)
        return await self.post(order.show_id, order.buyer_id, event, mark=f"{order.order_id}:submitted")

    async def orders(self, events: list[OutboxEvent]) -> None:
        """Tell buyers what became of their orders."""
        for one in events:
            event = _ORDER_NEWS[one.kind](order_id=one.order_id, hold_id=one.hold_id, amount=one.amount)
            await self.post(one.show_id, one.buyer_id, event, mark=one.event_key)

    async def holds(self, ends: Sequence[EndedHold]) -> None:
        """Tell buyers that their holds ended."""
        for one in ends:
            await self.hold_ended(one)

    async def hold_ended(self, ended: EndedHold) -> bool:
        """Tell a buyer that their hold ended; returns whether that is news. A sale is told by the order."""
        offer = await self._offers.get(ended.pool_id)
        event = hold_end_of(ended)
        if offer is None or event is None:
            return False
        return await self.post(offer.show_id, ended.buyer_id, event, mark=f"{ended.hold_id}:{ended.end}")
