"""Who works the channels, and who is told that levels changed: one connection to Postgres that does both."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from kit.postgres import Connection, Postgres
from kit.sql import Queries

LEAD_LOCK: Final = 0x4348414E4E454C53
"""Advisory lock ("CHANNELS") of the one process that works the channels."""

LEVELS_CHANGED: Final = "showdrop_levels"
"""The notification that ``record_movements`` and ``channels.sql`` send."""

_sql = Queries(Path(__file__).parent / "sql" / "channels.sql")


class Lead:
    """The lead, for as long as its connection lives."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def check(self) -> None:
        """Return when the lead is still held.

        Raises:
            OSError or an asyncpg error: the connection is lost, and the lead with it.
        """
        await self._connection.execute("SELECT 1")


class Leadership:
    """Takes the lead. It keeps one connection of the pool for as long as it leads."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    @asynccontextmanager
    async def lead(self, on_change: Callable[[], None]) -> AsyncIterator[Lead | None]:
        """Lend the lead, or None while another process has it.

        Args:
            on_change: called, in the event loop, whenever levels changed.

        Raises:
            UnavailableError: Postgres does not answer, now or within the block.
        """

        def changed(*_notification: object) -> None:
            on_change()

        async with self._postgres.connection() as connection:
            if not await connection.fetchval(_sql.lead, LEAD_LOCK):
                yield None
                return
            try:
                await connection.add_listener(LEVELS_CHANGED, changed)
                yield Lead(connection)
            finally:
                if not connection.is_closed():
                    await connection.remove_listener(LEVELS_CHANGED, changed)
                    await connection.execute(_sql.give_up_lead, LEAD_LOCK)
