"""A pool of connections to one Redis server whose callers wait for a free one, and may be cancelled at any moment."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from kit.metrics import Spread


class WaitingPool(ConnectionPool):
    """As redis-py's ``BlockingConnectionPool``, first come first served, without its way of losing connections.

    That one hands a free connection on with an ``asyncio.Condition``, which forgets to wake the next caller when the
    one it woke is cancelled: all who wait then wait for nothing, until they time out. And it can be cancelled while it
    takes a connection back, which is then never given out again.

    Args:
        max_connections: most connections at once.
        wait_s: seconds that a caller waits for a free one.
        waits: where the seconds that callers waited are counted; several pools may share it.
        connection_kwargs: for each connection.
    """

    def __init__(
        self,
        *,
        max_connections: int,
        wait_s: float,
        waits: Spread | None = None,
        **connection_kwargs: Any,  # noqa: ANN401 - redis-py's
    ) -> None:
        super().__init__(max_connections=max_connections, **connection_kwargs)
        self._wait_s = wait_s
        self._waits = Spread() if waits is None else waits
        self._free = asyncio.Semaphore(max_connections)

    async def get_connection(self, command_name: str | None = None, *keys: Any, **options: Any) -> AbstractConnection:  # noqa: ANN401, ARG002 - redis-py's signature
        """Return a connection that is connected; the caller releases it.

        Raises:
            redis.exceptions.ConnectionError: none became free in time, or the server cannot be reached.
        """
        asked_s = time.perf_counter()
        try:
            async with asyncio.timeout(self._wait_s):
                await self._free.acquire()
        except TimeoutError as error:
            raise RedisConnectionError(f"no connection became free in {self._wait_s:g} s") from error
        finally:
            self._waits.add(time.perf_counter() - asked_s)
        take: Callable[[], AbstractConnection] = self.get_available_connection  # redis-py leaves it untyped
        connection = take()
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back."""
        try:
            await super().release(connection)
        finally:
            self._free.release()
