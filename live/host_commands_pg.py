"""Which commands of hosts were carried out: one that comes again after an unclear answer changes nothing.

The mark is written in the transaction of the change itself, so the two cannot disagree.
"""

from pathlib import Path

from kit.postgres import Connection, Postgres
from kit.sql import Queries
from live.limits import COMMAND_MARKS_KEPT_MS

_sql = Queries(Path(__file__).parent / "sql" / "host_commands.sql")


async def first_time(connection: Connection, command: str | None) -> bool:
    """Mark a command as carried out, inside the caller's transaction; false when it was before.

    Args:
        connection: in that transaction.
        command: what names the command in all its repeats; None for one that does not repeat.
    """
    return command is None or await connection.fetchval(_sql.mark, command) is not None


async def forget_old(postgres: Postgres) -> None:
    """Forget the marks that no repeat can ask for any more."""
    async with postgres.connection() as connection:
        await connection.execute(_sql.forget, COMMAND_MARKS_KEPT_MS)
