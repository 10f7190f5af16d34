"""Hearing at once that there are new orders; the poll hears it a little later in any case."""

import asyncio
import contextlib
from collections.abc import Callable

import asyncpg

from checkout.limits import LISTEN_LOOK_EVERY_S
from kit.postgres import CONNECT_TIMEOUT_S, STATEMENT_TIMEOUT_MS, answer_within_s, postgres_errors

NEW_ORDERS = "new"
"""What is said when orders were written; nothing else happened."""

CHANNEL = "showdrop_orders"


class OrderListener:
    """Listens on a connection of its own, outside the pool.

    Args:
        on_news: called for every notification, and once after each (re)connect.
    """

    def __init__(self, database_url: str, on_news: Callable[[str], None]) -> None:
        self._database_url = database_url
        self._on_news = on_news

    async def step(self) -> None:
        """Listen until the connection is lost.

        Raises:
            UnavailableError: Postgres does not answer.
        """
        lost = asyncio.Event()
        with postgres_errors():
            connection = await asyncpg.connect(
                self._database_url,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=answer_within_s(STATEMENT_TIMEOUT_MS),
            )
            try:
                connection.add_termination_listener(lambda _connection: lost.set())
                await connection.add_listener(CHANNEL, self._heard)
                self._on_news("")
                while not lost.is_set():
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LISTEN_LOOK_EVERY_S):
                            await lost.wait()
                            return
                    await connection.execute("SELECT 1")  # a server that is gone without a word says no news either
            finally:
                connection.terminate()

    def _heard(self, _connection: object, _process: int, _channel: str, payload: object) -> None:
        self._on_news(str(payload))
