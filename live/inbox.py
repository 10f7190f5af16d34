"""The inbox: brings a buyer's own news to every open connection of theirs, wherever it is."""

import asyncio
from collections.abc import Sequence

import msgspec

from checkout.news import OutboxEvent
from checkout.order import Order
from inventory.holds import Hold, HoldNews
from kit.batches import Batchers
from kit.errors import UnavailableError
from kit.log import logger
from live import wire
from live.buyer_news import changed_message, hold_message, order_message
from live.limits import NEWS_MOST_PER_POST, NEWS_MOST_QUEUED
from live.offers import OfferDirectory
from live.show_log import BuyerNews
from live.show_log_redis import RedisLog

_log = logger("inbox")
_Post = tuple[bytes, str]
"""An entry and its mark."""


class Inbox:
    """Posts news into shows' inbox logs; the same mark is posted once. What comes together goes in one call (D2)."""

    def __init__(self, log: RedisLog, offers: OfferDirectory) -> None:
        self._offers = offers
        self._shows: Batchers[_Post, bool] = Batchers(
            log.post, max_batch=NEWS_MOST_PER_POST, max_queued=NEWS_MOST_QUEUED
        )

    async def post(self, show_id: str, buyer_id: str, event: wire.BuyerEvents, *, mark: str) -> bool:
        """Post one message to one buyer; returns whether it is new, so that somebody who asks again can be told."""
        return await self._queue(show_id, buyer_id, event, mark=mark)

    async def close(self) -> None:
        """Post what was begun, and take no more."""
        await self._shows.close()

    def _queue(self, show_id: str, buyer_id: str, event: wire.BuyerEvents, *, mark: str) -> "asyncio.Future[bool]":
        news = BuyerNews(buyer_id, msgspec.Raw(wire.encode_json(event)))
        return self._shows.put(show_id, (msgspec.json.encode(news), mark))

    async def submitted(self, order: Order) -> bool:
        """Tell a buyer that their order is safe; returns whether that is news."""
        event = wire.OrderSubmitted(order_id=order.order_id, hold_id=order.hold_id, amount=order.amount)
        return await self.post(order.show_id, order.buyer_id, event, mark=f"{order.order_id}:submitted")

    async def orders(self, events: list[OutboxEvent]) -> None:
        """Tell buyers what became of their orders."""
        posts = [self._queue(one.show_id, one.buyer_id, order_message(one), mark=one.event_key) for one in events]
        for outcome in await asyncio.gather(*posts, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

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
                _log.warning("news_waits", offer_id=one.pool_id, error=error.message)
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
