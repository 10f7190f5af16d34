"""Shows in Postgres: every change and its event commit together.

An event gets its position in the transaction that makes it, and the show's row stays locked until that commits: so
positions are dense, in commit order, and known before anything leaves for Redis.
"""

from pathlib import Path

import msgspec

from kit.postgres import Postgres
from kit.sql import Queries
from live import wire
from live.host_commands_pg import first_time
from live.show import ShowAction, next_state, require_on_air
from live.show_events_pg import add_event
from live.show_offers_pg import end_offers_of
from live.show_rows_pg import OfferRow, ShowRow, lock_show, now_ms, offers_of, read_show

_sql = Queries(Path(__file__).parent / "sql" / "shows.sql")


class Shows:
    """Reads and changes shows."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def create(self, show_id: str, title: str, currency: str, scheduled_start_at_ms: int | None) -> None:
        """Create a show; an id that is there already stays as it is."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.create_show, show_id, title, currency, scheduled_start_at_ms)

    async def read(self, show_id: str) -> tuple[ShowRow, list[OfferRow]]:
        """Return a show and its offers, oldest first, as of one moment.

        Raises:
            NotFoundError: ``unknown_show``.
        """
        async with (
            self._postgres.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return await read_show(connection, show_id), await offers_of(connection, show_id)

    async def page(self, *, limit: int, after: str | None) -> list[str]:
        """Return show ids, newest first."""
        async with self._postgres.connection() as connection:
            return [row["show_id"] for row in await connection.fetch(_sql.page_of_shows, after, limit)]

    async def current(self) -> str | None:
        """Return the show to watch now: the newest that is on, else the newest scheduled one."""
        async with self._postgres.connection() as connection:
            show_id: str | None = await connection.fetchval(_sql.current_show)
        return show_id

    async def move(self, show_id: str, action: ShowAction, command: str | None = None) -> list[str]:
        """Move a show to its next state; ending it ends its offers. Returns the offers that ended.

        Raises:
            NotFoundError: ``unknown_show``.
            ConflictError: ``illegal_transition``.
        """
        async with self._postgres.transaction() as connection:
            show = await lock_show(connection, show_id)
            if not await first_time(connection, command):
                return []
            state = next_state(show["state"], action)
            at_ms = await now_ms(connection)
            ended = await end_offers_of(connection, show_id) if state == "ended" else []
            await connection.execute(_sql.set_state, show_id, state, at_ms)
            kinds = {
                "start": wire.ShowStarted,
                "pause": wire.ShowPaused,
                "resume": wire.ShowResumed,
                "end": wire.ShowEnded,
            }
            await add_event(connection, show_id, lambda seq: kinds[action](seq=seq, at_ms=at_ms))
        return ended

    async def pin(self, show_id: str, products: list[wire.ProductCard], command: str | None = None) -> None:
        """Put these products on stage.

        Raises:
            NotFoundError: ``unknown_show``.
            ConflictError: ``show_not_live``.
        """
        async with self._postgres.transaction() as connection:
            show = await lock_show(connection, show_id)
            if not await first_time(connection, command):
                return
            require_on_air(show["state"], "pin products")
            await connection.execute(_sql.set_spotlight, show_id, msgspec.json.encode(products).decode())
            await add_event(connection, show_id, lambda seq: wire.ProductSpotlight(seq=seq, products=products))
