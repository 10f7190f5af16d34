"""The source of the show log in Postgres: events get their position in the transaction that makes them."""

from collections.abc import Callable
from pathlib import Path

from kit.postgres import Connection, Postgres
from kit.sql import Queries
from live import wire

_sql = Queries(Path(__file__).parent / "sql" / "show_events.sql")


async def add_event(connection: Connection, show_id: str, make: Callable[[int], wire.LogEvent]) -> None:
    """Record the show's next event, inside the caller's transaction, which has locked the show's row.

    Args:
        connection: in that transaction.
        show_id: whose event it is.
        make: gets the event's position and returns the event.
    """
    seq: int = await connection.fetchval(_sql.next_seq, show_id)
    await connection.execute(_sql.add_event, show_id, seq, wire.encode_json(make(seq)).decode())


class ShowEvents:
    """Reads events for the relay, and notes which of them Redis has."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def shows_to_relay(self) -> list[str]:
        """Return shows with events that Redis may not have."""
        async with self._postgres.connection() as connection:
            return [row["show_id"] for row in await connection.fetch(_sql.shows_to_relay)]

    async def to_relay(self, show_id: str, *, after: int | None, limit: int) -> list[tuple[int, bytes]]:
        """Return events after a position, oldest first; ``after`` None begins at the oldest unrelayed one."""
        async with self._postgres.connection() as connection:
            if after is None:
                oldest: int | None = await connection.fetchval(_sql.oldest_unrelayed, show_id)
                if oldest is None:
                    return []
                after = oldest - 1
            rows = await connection.fetch(_sql.events_to_relay, show_id, after, limit)
        return [(row["seq"], row["event"].encode()) for row in rows]

    async def mark_relayed(self, show_id: str, up_to: int) -> None:
        """Note that Redis has the events up to a position."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.mark_relayed, show_id, up_to)
