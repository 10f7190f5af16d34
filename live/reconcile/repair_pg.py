"""The repairs that Postgres alone can make. Each reads again what is off, under the locks of those who write it."""

from collections.abc import Sequence
from pathlib import Path

from inventory.import_pg import BULK_LOCK
from inventory.stock import Movement
from inventory.stock_pg import record_movements
from kit.ids import new_ulid
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "repair.sql")


class RepairRows:
    """Appends what is missing."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def complete_ledger(self, sku: str) -> list[str]:
        """Append the movement that makes the ledger replay to the counters; returns what was appended, as text."""
        async with self._postgres.transaction() as connection:
            await connection.execute(_sql.lock_stock, sku)
            rows = await connection.fetch(_sql.complete_ledger, sku, new_ulid())
        return [f"{row['on_hand_delta']:+d} on hand, {row['ring_fenced_delta']:+d} ring-fenced" for row in rows]

    async def adjust_fence(self, sku: str) -> list[str]:
        """Record the movement that ring-fences what the pools have; returns what was recorded, as text.

        Raises:
            ConflictError: ``stock_short`` - there are fewer units than pools have; nothing was recorded.
        """
        async with self._postgres.transaction() as connection:
            await connection.execute(_sql.lock_stock, sku)
            rows = await connection.fetch(_sql.unfenced, sku)
            movements = [
                Movement(
                    key=f"adjust:reconcile:{new_ulid()}",
                    kind="adjust",
                    sku=sku,
                    location=row["location"],
                    on_hand_delta=0,
                    ring_fenced_delta=row["missing"],
                    reason="reconcile: not what pools still have",
                )
                for row in rows
            ]
            await record_movements(connection, movements)
        return [f"{movement.ring_fenced_delta:+d} ring-fenced" for movement in movements]

    async def resolve_again(self, order_ids: Sequence[str]) -> None:
        """Let the hold book be told of these orders' ends again."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.resolve_again, list(order_ids))

    async def relay_again(self, show_id: str, *, after: int) -> None:
        """Let a show's events after a position be copied to Redis again."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.relay_again, show_id, after)

    async def level_again(self, channel_id: str) -> int:
        """Begin a new version of every level of a channel that is off, and return how many these are."""
        async with self._postgres.transaction() as connection:
            await connection.execute(_sql.lock_bulk, BULK_LOCK)
            await connection.execute(_sql.lock_levels)
            rows = await connection.fetch(_sql.level_again, channel_id)
            await connection.execute(_sql.wake)
        return len(rows)
