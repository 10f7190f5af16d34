"""The inbox: brings a buyer's own news to every open connection of theirs, wherever it is."""

from collections.abc import Sequence

import msgspec

from checkout.news import OutboxEvent
from checkout.order import Order
from inventory.holds import Hold, HoldNews
from kit.errors import UnavailableError
from kit.log import logger
from live import wire
from live.buyer_news import changed_message, hold_message
from live.offers import OfferDirectory
from live.show_log import BuyerNews
from live.show_log_redis import RedisLog

_log = logger("inbox")

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

    async def holds(self, news: Sequence[HoldNews]) -> list[HoldNews]:
        """Tell buyers what happened to their holds; return what could be told: the logs of some shows may be away."""
        told: list[HoldNews] = []
        away: set[str] = set()  # pools whose show cannot be told now
        for one in news:
            if one.pool_id in away:
                continue
            try:
                await self.hold(one)
            except UnavailableError as error:
                _log.warning("news_waits", pool_id=one.pool_id, error=error.message)
                away.add(one.pool_id)
            else:
                told.append(one)
        return told

    async def hold(self, news: HoldNews) -> bool:
        """Tell a buyer what happened to their hold; returns whether they were not told before."""
        offer = await self._offers.get(news.pool_id)
        if offer is None:
            return False
        return await self.post(offer.show_id, news.buyer_id, hold_message(news), mark=f"{news.hold_id}:{news.what}")

    async def hold_changed(self, hold: Hold) -> bool:
        """Tell a buyer how their live hold is now; returns whether they were not told before."""
        offer = await self._offers.get(hold.pool_id)
        if offer is None:
            return False
        mark = f"{hold.hold_id}:changed:{hold.extensions}:{hold.quantity}"
        return await self.post(offer.show_id, hold.buyer_id, changed_message(hold), mark=mark)
