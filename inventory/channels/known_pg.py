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
