"""What gateways count for a show's report: claims by result, and the peak of viewers."""

from pathlib import Path

from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "show_figures.sql")


class ShowFigures:
    """Adds up in Postgres what many gateways counted."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def count_claims(self, counts: dict[tuple[str, str], int]) -> None:
        """Add claims by (show, result)."""
        if counts:
            rows = sorted(counts.items())
            async with self._postgres.connection() as connection:
                await connection.execute(
                    _sql.count_claims,
                    [show_id for (show_id, _), _ in rows],
                    [result for (_, result), _ in rows],
                    [count for _, count in rows],
                )

    async def note_viewers(self, show_id: str, viewers: int) -> None:
        """Raise the show's peak of viewers if this is more."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.note_viewers, show_id, viewers)
