"""What channels send to their addresses here: verified, stored, answered. The orders are read later, by a worker."""

import hashlib
import re
from typing import Final

import msgspec

from inventory.channels.channels_pg import Channels
from inventory.channels.limits import EVENT_ID_CHARS
from inventory.channels.orders_pg import ChannelOrders
from inventory.channels.registry import Registry
from inventory.channels.selling import Greets, Pushed, PushedEvent, Pushes, PushRequest, is_order_id
from kit.errors import NotFoundError
from kit.log import logger

_EVENT_ID: Final = re.compile(rf"[!-~]{{1,{EVENT_ID_CHARS}}}")
_log = logger("channels")


class ChannelInbox:
    """Receives pushes."""

    def __init__(self, channels: Channels, kinds: Registry, orders: ChannelOrders) -> None:
        self._channels = channels
        self._kinds = kinds
        self._orders = orders

    async def receive(self, channel_id: str, request: PushRequest) -> Pushed:
        """Verify a POST, store it, and return what the channel wants to hear.

        Raises:
            NotFoundError: there is no channel of this id that sends anything.
            UnauthorisedError: a bad signature; nothing was stored.
            UnavailableError: Postgres does not answer; the channel has to send it again.
        """
        config = await self._channels.config(channel_id)
        kind = self._kinds.get(config.kind)
        if not isinstance(kind, Pushes):
            raise _nothing()
        pushed = kind.pushed(config, request)
        events = [_bounded(one) for one in pushed.events]
        await self._orders.received(channel_id, events, request.body)
        for one in events:
            if one.trouble:
                _log.warning("push_not_understood", channel_id=channel_id, event_id=one.event_id, why=one.trouble)
        return pushed

    async def greet(self, channel_id: str, request: PushRequest) -> bytes:
        """Verify a GET by which a channel asks whether the address is ours, and return what it wants to hear.

        Raises:
            NotFoundError, UnauthorisedError: as ``receive``.
        """
        config = await self._channels.config(channel_id)
        kind = self._kinds.get(config.kind)
        if not isinstance(kind, Greets):
            raise _nothing()
        return kind.greeted(config, request)


def _bounded(event: PushedEvent) -> PushedEvent:
    """Return an event with ids that can be stored and shown."""
    if _EVENT_ID.fullmatch(event.event_id) is None:
        hashed = hashlib.sha256(event.event_id.encode(errors="replace")).hexdigest()
        event = msgspec.structs.replace(event, event_id=hashed)
    good = tuple(one for one in event.order_ids if is_order_id(one))
    if good != event.order_ids:
        event = msgspec.structs.replace(event, order_ids=good, trouble="an order has an id that is none")
    return event


def _nothing() -> NotFoundError:
    return NotFoundError("there is no channel that sends anything here", code="unknown_channel")
