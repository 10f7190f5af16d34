"""Working out the levels of channels anew, when more has changed than the stock of a few SKUs."""

from collections.abc import Sequence
from pathlib import Path

from inventory.import_pg import BULK_LOCK
from kit.postgres import Connection
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "levelling.sql")


async def hold_levels(connection: Connection) -> None:
    """Let nobody else change a level until the caller's transaction ends."""
    # An import first: while one waits for the table itself, every sale would have to wait behind.
    await connection.execute(_sql.lock_bulk, BULK_LOCK)
    await connection.execute(_sql.lock_levels)


async def level_again(connection: Connection, channel_ids: Sequence[str]) -> None:
    """Give channels the level of every SKU, in the caller's transaction, which holds the levels."""
    await connection.execute(_sql.level_every_sku, channel_ids)
    await connection.execute(_sql.wake)
