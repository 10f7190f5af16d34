"""The inbox: brings a buyer's own news to every open connection of theirs, wherever it is."""

from collections.abc import Sequence

import msgspec

from checkout.news import OutboxEvent
from inventory.holds import EndedHold
from kit.money import Money
from live import wire
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

    async def post(self, show_id: str, buyer_id: str, event: wire.BuyerEvents, *, mark: str) -> None:
        """Post one message to one buyer."""
        news = BuyerNews(buyer_id, msgspec.Raw(wire.encode_json(event)))
        await self._log.append(show_id, msgspec.json.encode(news), mark=mark)

    async def submitted(self, show_id: str, buyer_id: str, *, order_id: str, hold_id: str, amount: Money) -> None:
        """Tell a buyer that their order is safe."""
        event = wire.OrderSubmitted(order_id=order_id, hold_id=hold_id, amount=amount)
        await self.post(show_id, buyer_id, event, mark=f"{order_id}:submitted")

    async def orders(self, events: list[OutboxEvent]) -> None:
        """Tell buyers what became of their orders."""
        for one in events:
            event = _ORDER_NEWS[one.kind](order_id=one.order_id, hold_id=one.hold_id, amount=one.amount)
            await self.post(one.show_id, one.buyer_id, event, mark=one.event_key)

    async def holds(self, ends: Sequence[EndedHold]) -> None:
        """Tell buyers that their holds ended."""
        for one in ends:
            offer = await self._offers.get(one.pool_id)
            if offer is None or one.end == "sold":
                continue
            kind = wire.HoldExpired if one.end == "expired" else wire.HoldReleased
            event = kind(hold_id=one.hold_id, offer_id=one.pool_id)
            await self.post(offer.show_id, one.buyer_id, event, mark=f"{one.hold_id}:{one.end}")
