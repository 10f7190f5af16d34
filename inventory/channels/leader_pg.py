"""Who works the channels, and who is told that levels changed: one connection to Postgres that does both."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from kit import leader_pg
from kit.leader_pg import Lead
from kit.postgres import Postgres

LEAD_LOCK: Final = 0x4348414E4E454C53
"""Advisory lock ("CHANNELS") of the one process that works the channels."""

LEVELS_CHANGED: Final = "showdrop_levels"
"""The notification that ``record_movements`` and others send."""


class Leadership:
    """Takes the lead. It keeps one connection of the pool for as long as it leads."""

    def __init__(self, postgres: Postgres) -> None:
        self._leadership = leader_pg.Leadership(postgres, LEAD_LOCK)

    @asynccontextmanager
    async def lead(self, on_change: Callable[[str], None]) -> AsyncIterator[Lead | None]:
        """Lend the lead, or None while another process has it.

        Args:
            on_change: called, in the event loop, whenever something changed, with the word of the notification: blank
                for levels.

        Raises:
            UnavailableError: Postgres does not answer, now or within the block.
        """

        def changed(_connection: object, _pid: int, _channel: str, about: object) -> None:
            on_change(str(about))

        async with self._leadership.lead() as lead:
            if lead is None:
                yield None
                return
            await lead.connection.add_listener(LEVELS_CHANGED, changed)
            try:
                yield lead
            finally:
                if not lead.connection.is_closed():
                    await lead.connection.remove_listener(LEVELS_CHANGED, changed)
