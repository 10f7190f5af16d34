"""One connection per gateway that hears the logs of all shows it serves (D4)."""

import asyncio
import contextlib
from collections.abc import Callable

from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from kit.errors import UnavailableError
from kit.redis_client import redis_errors
from live.show_log import LogEntry, LogName
from live.show_log_redis import channel_of, parse_channel, parse_message

SUBSCRIBE_TIMEOUT_S = 5.0
"""Seconds until a subscription has to be confirmed."""

OWN_CHANNEL = "showdrop:reader"
"""Keeps the connection subscribed while no show is served; nothing is ever published there."""

LISTEN_TIMEOUT_S = 1.0
"""Seconds that one wait for a message may take."""


class LogReader:
    """Subscribes to shows and hands every entry on; a lost connection is the owner's cue to read the gaps.

    Args:
        redis: whose pub/sub is used; one connection of it is kept.
        on_entry: gets the log's name, the show and the entry, in the order of arrival.
        on_reconnect: called after the connection was lost and all shows are subscribed again.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        on_entry: Callable[[LogName, str, LogEntry], None],
        on_reconnect: Callable[[], None],
    ) -> None:
        self._redis = redis
        self._on_entry = on_entry
        self._on_reconnect = on_reconnect
        self._pubsub: PubSub | None = None
        self._channels: set[str] = set()
        self._confirmed: dict[str, asyncio.Future[None]] = {}
        self.connected = False

    async def subscribe(self, show_id: str) -> None:
        """Hear a show's log and inbox from now on; returns when Redis has confirmed it.

        Raises:
            UnavailableError: Redis does not answer.
        """
        channels = [channel_of("log", show_id), channel_of("inbox", show_id)]
        waiting = [self._confirmed.setdefault(one, asyncio.get_running_loop().create_future()) for one in channels]
        self._channels.update(channels)
        try:
            if self._pubsub is not None:
                with redis_errors():
                    await self._pubsub.subscribe(*channels)
            async with asyncio.timeout(SUBSCRIBE_TIMEOUT_S):
                await asyncio.gather(*(asyncio.shield(one) for one in waiting))
        except TimeoutError as error:
            raise UnavailableError("Redis did not confirm a subscription", code="redis_down") from error
        finally:
            for one in channels:
                self._confirmed.pop(one, None)

    async def unsubscribe(self, show_id: str) -> None:
        """Hear a show no longer."""
        channels = [channel_of("log", show_id), channel_of("inbox", show_id)]
        self._channels.difference_update(channels)
        if self._pubsub is not None:
            with contextlib.suppress(UnavailableError), redis_errors():
                await self._pubsub.unsubscribe(*channels)

    async def run(self) -> None:
        """Listen until the connection is lost; the caller runs it again.

        Raises:
            UnavailableError: the connection was lost.
        """
        pubsub = self._redis.pubsub()
        try:
            with redis_errors():
                # Our own channel comes last: when Redis confirms it, it has confirmed all of them.
                known = set(self._channels)
                await pubsub.subscribe(*known, OWN_CHANNEL)
                self._pubsub = pubsub
                if late := self._channels - known:
                    await pubsub.subscribe(*late)
                while True:
                    message = await pubsub.get_message(timeout=LISTEN_TIMEOUT_S)
                    if message is not None:
                        self._handle(message)
        finally:
            self.connected = False
            self._pubsub = None
            with contextlib.suppress(RedisError, OSError):
                await pubsub.aclose()  # type: ignore[no-untyped-call] # redis-py leaves this one untyped

    async def close(self) -> None:
        """Close the client; ``run`` has ended."""
        await self._redis.aclose()

    def _handle(self, message: dict[str, object]) -> None:
        channel = message["channel"]
        assert isinstance(channel, bytes)
        if message["type"] == "subscribe" and channel == OWN_CHANNEL.encode():
            # Only now: a gap that is read earlier may have another one right behind it.
            self.connected = True
            self._on_reconnect()
        elif message["type"] == "subscribe":
            waiting = self._confirmed.get(channel.decode())
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
        elif message["type"] == "message":
            payload = message["data"]
            assert isinstance(payload, bytes)
            name, show_id = parse_channel(channel)
            self._on_entry(name, show_id, parse_message(payload))
