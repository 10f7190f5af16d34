"""One connection per gateway that hears the logs of all shows it serves, and is trusted while it keeps up (D4).

A connection can die without a word: a network that swallows everything, a peer that is gone. So the gateway sends
itself a beacon every second: published by the usual client, heard on this connection, its age is the reader's lag.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from kit.errors import UnavailableError
from kit.redis_client import SOCKET_TIMEOUT_S, redis_errors, subscriber
from live.limits import READER_DROP_S, READER_LAG_MOST_S
from live.reader_lag import Beacons
from live.show_log import LogEntry, LogName
from live.show_log_redis import channel_of, parse_channel, parse_message

SUBSCRIBE_TIMEOUT_S = 5.0
"""Seconds until a subscription has to be confirmed."""

LISTEN_TIMEOUT_S = 1.0
"""Seconds that one wait for a message may take."""

assert SOCKET_TIMEOUT_S < READER_DROP_S  # a beacon that hangs on its way into Redis is no reason to drop the reader
assert LISTEN_TIMEOUT_S < READER_LAG_MOST_S


class LogReader:
    """Subscribes to shows and hands every entry on; a lost connection is the owner's cue to read the gaps.

    Args:
        redis: whose pub/sub is used; one connection of it is kept. Of a cluster it is a node's that answers: each
            hears what is published at any of them.
        publisher: the client that beacons are sent by: one that does not share the reader's connection.
        gateway_id: names this process; its beacons go to a channel of its own, which also keeps the connection
            subscribed while no show is served.
        on_entry: gets the log's name, the show and the entry, in the order of arrival.
        on_reconnect: called after the connection was lost and all shows are subscribed again.
        registry: where the reader's metrics go.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        publisher: Redis,
        gateway_id: str,
        on_entry: Callable[[LogName, str, LogEntry], None],
        on_reconnect: Callable[[], None],
        registry: CollectorRegistry,
    ) -> None:
        self._redis = redis
        self._publisher = publisher
        self.gateway_id = gateway_id
        self._own_channel = f"showdrop:reader:{gateway_id}"
        self._on_entry = on_entry
        self._on_reconnect = on_reconnect
        self._pubsub: PubSub | None = None
        self._channels: set[str] = set()
        self._confirmed: dict[str, asyncio.Future[None]] = {}
        self._beacons = Beacons()
        self._began_at = 0.0
        self._was_connected = False
        self.connected = False
        Gauge(
            "showdrop_gateway_reader_lag_seconds", "Age of the oldest beacon the log reader lacks", registry=registry
        ).set_function(self.lag_s)
        Gauge(
            "showdrop_gateway_reader_connected", "1 while the log reader is subscribed", registry=registry
        ).set_function(lambda: float(self.connected))
        self._reconnects = Counter(
            "showdrop_gateway_reader_reconnects_total", "Times the log reader was subscribed again", registry=registry
        )

    def lag_s(self) -> float:
        """Return how many seconds the connection is behind: the oldest beacon's age, else the last round trip."""
        return self._beacons.lag_s(time.monotonic())

    def require_current(self) -> None:
        """Refuse to be trusted while entries may be missing.

        Raises:
            UnavailableError: the reader is not connected, or more than ``READER_LAG_MOST_S`` behind.
        """
        if not self.connected:
            raise UnavailableError("the log reader is not connected", code="redis_down")
        if (lag_s := self.lag_s()) > READER_LAG_MOST_S:
            raise UnavailableError(f"the log reader is {lag_s:.1f} s behind", code="redis_down")

    async def beacon(self) -> None:
        """Once: send a beacon, if there is a connection that may hear it.

        Raises:
            UnavailableError: Redis does not answer; that is told by its own check, not by the lag.
        """
        if not self.connected:
            return
        sent_at = time.monotonic()
        self._beacons.sent(sent_at)
        try:
            with redis_errors():
                await self._publisher.publish(self._own_channel, str(sent_at))
        except UnavailableError:
            self._beacons.unsent(sent_at)
            raise

    async def subscribe(self, show_id: str) -> None:
        """Hear a show's log and inbox from now on; returns when Redis has confirmed it.

        A connection that is lost meanwhile does no harm: the next one subscribes to everything, in time or not.

        Raises:
            UnavailableError: Redis does not answer.
        """
        channels = [channel_of("log", show_id), channel_of("inbox", show_id)]
        waiting = [self._confirmed.setdefault(one, asyncio.get_running_loop().create_future()) for one in channels]
        self._channels.update(channels)
        try:
            async with asyncio.timeout(SUBSCRIBE_TIMEOUT_S):
                if self._pubsub is not None:
                    with contextlib.suppress(UnavailableError), redis_errors():
                        await self._pubsub.subscribe(*channels)
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
        """Listen until the connection is lost, or given up as dead; the caller runs it again.

        Raises:
            UnavailableError: the connection was lost, or nothing was heard on it for ``READER_DROP_S``.
        """
        pubsub = (await subscriber(self._redis)).pubsub()
        self._began_at = time.monotonic()
        self._beacons.sent(self._began_at)  # the confirmation comes back like a beacon
        try:
            with redis_errors():
                # Our own channel comes last: when Redis confirms it, it has confirmed all of them.
                known = set(self._channels)
                await pubsub.subscribe(*known, self._own_channel)
                self._pubsub = pubsub
                late, gone = self._channels - known, known - self._channels
                if late:
                    await pubsub.subscribe(*late)
                if gone:
                    await pubsub.unsubscribe(*gone)
                while True:
                    message = await pubsub.get_message(timeout=LISTEN_TIMEOUT_S)
                    if message is not None:
                        self._handle(message)
                    if (lag_s := self.lag_s()) > READER_DROP_S:
                        raise UnavailableError(f"the log reader heard nothing for {lag_s:.1f} s", code="redis_down")
        finally:
            self.connected = False
            self._pubsub = None
            self._beacons.forget()
            with contextlib.suppress(RedisError, OSError):
                await pubsub.aclose()  # type: ignore[no-untyped-call] # redis-py leaves this one untyped

    async def close(self) -> None:
        """Close the client; ``run`` has ended."""
        await self._redis.aclose()

    def _handle(self, message: dict[str, object]) -> None:
        channel = message["channel"]
        assert isinstance(channel, bytes)
        if channel == self._own_channel.encode():
            self._handle_own(message)
        elif message["type"] == "subscribe":
            waiting = self._confirmed.get(channel.decode())
            if waiting is not None and not waiting.done():
                waiting.set_result(None)
        elif message["type"] == "message":
            payload = message["data"]
            assert isinstance(payload, bytes)
            name, show_id = parse_channel(channel)
            for entry in parse_message(payload):
                self._on_entry(name, show_id, entry)

    def _handle_own(self, message: dict[str, object]) -> None:
        if message["type"] == "subscribe":
            # Only now: a gap that is read earlier may have another one right behind it.
            self._beacons.heard(self._began_at, time.monotonic())
            if self._was_connected:
                self._reconnects.inc()
            self.connected = self._was_connected = True
            self._on_reconnect()
        elif message["type"] == "message":
            payload = message["data"]
            assert isinstance(payload, bytes)
            self._beacons.heard(float(payload), time.monotonic())
