"""Forgetting what is old: events with their deliveries and attempts, removed endpoints, ended secrets."""

from pathlib import Path

from checkout.webhooks.limits import KEPT_MS, PURGE_ROUNDS, PURGE_ROWS
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parents[1] / "sql" / "webhooks.sql")


class HookHousekeeping:
    """Several may run; each deletes rows of its own.

    Args:
        kept_ms: how long events are kept.
        rows: per statement, so that none holds its locks for long.
    """

    def __init__(self, postgres: Postgres, *, kept_ms: int = KEPT_MS, rows: int = PURGE_ROWS) -> None:
        self._postgres = postgres
        self._kept_ms = kept_ms
        self._rows = rows

    async def round(self) -> int:
        """Delete what is due, in small pieces, and return how many events and deliveries that was.

        At most ``PURGE_ROUNDS`` pieces of each; what is left waits for the next round.

        Raises:
            UnavailableError: Postgres does not answer.
        """
        deleted = await self._all(_sql.purge_events, self._kept_ms, self._rows)
        deleted += await self._all(_sql.purge_removed, self._rows)
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.purge_endpoints)
            await connection.execute(_sql.purge_secrets, self._kept_ms)
        return deleted

    async def _all(self, statement: str, *arguments: int) -> int:
        deleted = 0
        for _ in range(PURGE_ROUNDS):
            async with self._postgres.connection() as connection:
                tag = await connection.execute(statement, *arguments)
            count = int(tag.rpartition(" ")[2])
            deleted += count
            if count < self._rows:
                break
        return deleted
