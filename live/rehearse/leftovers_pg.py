"""What Postgres says about the shows and units of rehearsals. It only reads."""

from pathlib import Path

from kit.postgres import Postgres
from kit.sql import Queries
from live.rehearse.leftovers import SHOW_TITLE_PREFIX, Units

_sql = Queries(Path(__file__).parent / "sql" / "leftovers.sql")


async def unfinished_shows(postgres: Postgres) -> list[str]:
    """Return the rehearsals' shows that have not ended, the oldest first."""
    async with postgres.connection() as connection:
        return [row["show_id"] for row in await connection.fetch(_sql.unfinished_shows, SHOW_TITLE_PREFIX)]


async def read_units(postgres: Postgres, *, sku: str, show_id: str | None) -> Units:
    """Return where the units of a SKU are; nothing is sold or outstanding without a show."""
    async with (
        postgres.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        pools = await connection.fetchrow(_sql.units_of_show, show_id)
        free = await connection.fetchval(_sql.free_units, sku)
    assert pools is not None
    return Units(sold=pools["sold"], outstanding=pools["outstanding"], free=free)
