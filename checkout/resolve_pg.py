"""The ends of holds that the hold book has to be told, in Postgres."""

from collections.abc import Sequence
from pathlib import Path

from checkout.resolve import Resolution
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "stages.sql")


class ResolutionRows:
    """Fills ``checkout.resolve.Resolutions``."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def take(self, limit: int, *, lease_ms: int) -> list[Resolution]:
        """Take ends that the book has not been told."""
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.take_to_resolve, limit, lease_ms)
        return [
            Resolution(
                order_id=row["order_id"],
                pool_id=row["pool_id"],
                hold_id=row["hold_id"],
                buyer_id=row["buyer_id"],
                quantity=row["quantity"],
                outcome=row["hold_outcome"],
                resolve_at_ms=row["resolve_at_ms"],
            )
            for row in rows
        ]

    async def mark(self, told: Sequence[Resolution]) -> None:
        """Note that the book was told, unless somebody asked meanwhile to tell it again."""
        async with self._postgres.connection() as connection:
            await connection.execute(
                _sql.mark_resolved, [one.order_id for one in told], [one.resolve_at_ms for one in told]
            )
