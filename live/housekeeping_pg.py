"""Housekeeping of shows: deletes the events of those that are long over. Their figures are other rows, which stay."""

from pathlib import Path

from kit.postgres import Postgres
from kit.sql import Queries
from live.limits import SHOW_EVENTS_KEPT_MS, SHOW_EVENTS_MOST_BATCHES, SHOW_EVENTS_PURGE_ROWS

_sql = Queries(Path(__file__).parent / "sql" / "housekeeping.sql")


class ShowHousekeeping:
    """Deletes relayed events of ended shows, except the last of each. Any number may run; each takes its own rows."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def round(self) -> int:
        """Delete what is due, at most ``SHOW_EVENTS_MOST_BATCHES`` statements of it; return how many events went.

        Raises:
            UnavailableError: Postgres does not answer; what was deleted before stays deleted.
        """
        deleted = 0
        for _ in range(SHOW_EVENTS_MOST_BATCHES):
            async with self._postgres.connection() as connection:
                tag = await connection.execute(_sql.delete_show_events, SHOW_EVENTS_KEPT_MS, SHOW_EVENTS_PURGE_ROWS)
            rows = int(tag.rpartition(" ")[2])
            deleted += rows
            if rows < SHOW_EVENTS_PURGE_ROWS:
                break
        return deleted
