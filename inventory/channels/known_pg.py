"""Whether there is a channel of an id."""

from pathlib import Path

from inventory.channels.channel import UnknownChannelError
from kit.postgres import Connection
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "channels.sql")


async def require_channel(connection: Connection, channel_id: str) -> None:
    """Return if there is.

    Raises:
        UnknownChannelError: there is none.
    """
    if not await connection.fetchval(_sql.exists, channel_id):
        raise UnknownChannelError(channel_id)


def require_changed(channel_id: str, status: str) -> None:
    """Return if a statement about one channel has met it, by what Postgres says of the statement.

    Raises:
        UnknownChannelError: there is no such channel.
    """
    if status.endswith(" 0"):
        raise UnknownChannelError(channel_id)
