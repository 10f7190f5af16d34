"""Messages to channels' followers, in Postgres: sent once each, and not when they are no news any more."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from inventory.channels.announcing import Announcement
from inventory.channels.known_pg import require_channel
from inventory.channels.levels_pg import shown
from inventory.channels.limits import LEASE_MS
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "announcements.sql")

AnnouncementState = Literal["waiting", "sent", "refused", "too_late"]


class AnnouncedAt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a message at one channel."""

    channel_id: str
    state: AnnouncementState
    last_error: str | None


class DueAnnouncement(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is to be sent now, for the ``attempts``-th time."""

    announcement: Announcement
    attempts: int


class Announcements:
    """The messages of all channels.

    Args:
        kinds: names of the kinds that send messages; none where messages are sent and not asked for.
        lease_ms: how long a message that was taken belongs to the taker.
    """

    def __init__(self, postgres: Postgres, kinds: Sequence[str] = (), *, lease_ms: int = LEASE_MS) -> None:
        self._postgres = postgres
        self._kinds = list(kinds)
        self._lease_ms = lease_ms

    async def announce(
        self, announcement: Announcement, *, until_ms: int, channel_ids: Sequence[str] | None = None
    ) -> list[AnnouncedAt]:
        """Let channels send a message; the same id is sent once, however often this is called.

        Args:
            announcement: what.
            until_ms: after that it is not sent any more, milliseconds since the epoch.
            channel_ids: by which of the channels that can; None: by all that are active.

        Returns:
            What became of it so far, by channel.

        Raises:
            UnknownChannelError: one of ``channel_ids`` is none; nothing is sent.
        """
        message = msgspec.json.encode(announcement).decode()
        async with self._postgres.transaction() as connection:
            for channel_id in channel_ids or ():
                await require_channel(connection, channel_id)
            await connection.execute(
                _sql.announce, channel_ids, announcement.announcement_id, message, until_ms, self._kinds
            )
            await connection.execute(_sql.wake)
            rows = await connection.fetch(_sql.asked, announcement.announcement_id)
        return [msgspec.convert(dict(row), AnnouncedAt) for row in rows]

    async def take_due(self, channel_id: str) -> DueAnnouncement | None:
        """Take the next message of a channel; the caller sends it, then calls ``sent``, ``refused`` or ``failed``."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.too_late, channel_id)
            row = await connection.fetchrow(_sql.take_due, channel_id, self._lease_ms)
        if row is None:
            return None
        announcement = msgspec.json.decode(row["message"], type=Announcement)
        return DueAnnouncement(announcement=announcement, attempts=row["attempts"])

    async def sent(self, channel_id: str, announcement_id: str) -> None:
        """The channel sent it."""
        await self._answered(channel_id, announcement_id, "sent", None, 0)

    async def refused(self, channel_id: str, announcement_id: str, reason: str) -> None:
        """The channel does not send it, now or ever."""
        await self._answered(channel_id, announcement_id, "refused", reason, 0)

    async def failed(self, channel_id: str, announcement_id: str, reason: str, *, delay_ms: int) -> None:
        """Nobody knows; it is sent again later."""
        await self._answered(channel_id, announcement_id, "waiting", reason, delay_ms)

    async def _answered(
        self, channel_id: str, announcement_id: str, state: AnnouncementState, reason: str | None, delay_ms: int
    ) -> None:
        error = None if reason is None else shown(reason)
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.answered, channel_id, announcement_id, state, error, delay_ms)
