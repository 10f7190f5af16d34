"""The levels of channels in Postgres: taking what has to be told, and writing back what was told."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from inventory.channels.channel import Level
from inventory.channels.known_pg import require_channel
from inventory.channels.limits import ERROR_CHARS, LEASE_MS, PASS_OVER_MOST, WRITE_BACK_PAUSE_S, WRITE_BACK_TRIES
from inventory.channels.pages import require_page
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "levels.sql")


class LevelItem(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel should show of a SKU, and what it was last told; None when it never was.

    Attributes:
        item_id: what the channel calls it, where that is not the SKU itself.
        linked: whether it is known which of the channel's items this is; what is not linked is not told.
        safety_stock: units that this channel never shows of this SKU; None: as many as of every other.
        switched_off: shows 0 whatever there is.
        drift: what it showed instead of what it was told, when it was read last; None if that was the same.
    """

    sku: str
    desired: int
    told: int | None
    told_at_ms: int | None
    last_error: str | None
    item_id: str | None = None
    linked: bool = True
    safety_stock: int | None = None
    switched_off: bool = False
    drift: str | None = None


class LevelPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some levels in the order of SKUs; ``next`` is the ``after`` of the following page, None on the last one."""

    items: list[LevelItem]
    next: str | None


class DueLevel(msgspec.Struct, frozen=True, kw_only=True):
    """A level that has to be told now.

    Attributes:
        level: what to tell.
        group: what the levels of one call have in common.
        attempts: tries since the channel last took a level of this SKU.
        told: the quantity that it took then, None if it never did.
        told_version: the version of that.
        taken_at_ms: when this was taken, by the clock of Postgres.
    """

    level: Level
    group: str
    attempts: int
    told: int | None
    told_version: int
    taken_at_ms: int


class ToldLevel(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel was told last of a SKU that has not changed since."""

    sku: str
    item_id: str
    group: str
    told: int


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A level that was not taken; it is due again after ``delay_ms``, unless it changed meanwhile."""

    level: Level
    reason: str
    delay_ms: int


class Levels:
    """The levels of all channels.

    Args:
        lease_ms: how long rows that were taken belong to the taker.
    """

    def __init__(self, postgres: Postgres, *, lease_ms: int = LEASE_MS) -> None:
        self._postgres = postgres
        self._lease_ms = lease_ms

    async def page(self, channel_id: str, *, limit: int = 100, after: str | None = None) -> LevelPage:
        """Return a page of a channel's levels.

        Raises:
            NotFoundError: ``unknown_channel``.
            InvalidError: ``limit`` is not 1 to ``MAX_PAGE``.
        """
        require_page(limit)
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.levels, channel_id, after or "", limit + 1)
            if not rows:
                await require_channel(connection, channel_id)
        items = [msgspec.convert(dict(row), LevelItem) for row in rows[:limit]]
        return LevelPage(items=items, next=items[-1].sku if len(rows) > limit else None)

    async def take_due(
        self,
        channel_id: str,
        batch: int,
        *,
        after: str | None = None,
        but: Collection[str] = (),
        only_crossings: bool = False,
    ) -> Sequence[DueLevel]:
        """Take up to ``batch`` levels of one group that are to be told now; nobody else gets them until the lease ends.

        The caller tells them and then calls ``told`` or ``failed`` for each. None are due while a channel is paused.

        Args:
            channel_id: whose.
            batch: most levels.
            after: the group that was taken last; the next one has its turn, and after the last the first again.
            but: SKUs to leave alone.
            only_crossings: leave what ``pass_over`` notes as told.
        """
        async with self._postgres.connection() as connection:
            most = (channel_id, batch, self._lease_ms)
            rows = await connection.fetch(_sql.take_due, *most, after, list(but), only_crossings)
            if not rows and after is not None:
                rows = await connection.fetch(_sql.take_due, *most, None, list(but), only_crossings)
        return [
            DueLevel(
                level=Level(sku=row["sku"], item_id=row["item_id"], quantity=row["desired"], version=row["version"]),
                group=row["call_group"],
                attempts=row["attempts"],
                told=row["told"],
                told_version=row["told_version"],
                taken_at_ms=row["taken_at_ms"],
            )
            for row in rows
        ]

    async def pass_over(self, channel_id: str) -> None:
        """Note as told what a channel that only shows availability shows already."""
        status = ""
        while not status or int(status.rpartition(" ")[2]) == PASS_OVER_MOST:
            async with self._postgres.connection() as connection:
                status = await connection.execute(_sql.pass_over, channel_id, PASS_OVER_MOST)

    async def told(self, channel_id: str, levels: Sequence[DueLevel]) -> None:
        """Write back what the channel took. A SKU that changed meanwhile stays due, for its newer version.

        What somebody else told in the meantime is due once more: the two calls may have arrived in any order. A row
        that cannot be written within a few seconds keeps its lease and is told again later.
        """
        open_levels = {one.level.sku: one for one in levels}
        for _ in range(WRITE_BACK_TRIES):
            if not open_levels:
                return
            rest = list(open_levels.values())
            async with self._postgres.connection() as connection:
                rows = await connection.fetch(
                    _sql.told,
                    channel_id,
                    [one.level.sku for one in rest],
                    [one.level.item_id for one in rest],
                    [one.level.quantity for one in rest],
                    [one.level.version for one in rest],
                    [one.told_version for one in rest],
                    [one.taken_at_ms for one in rest],
                )
            for row in rows:
                del open_levels[row["sku"]]
            if open_levels:
                await asyncio.sleep(WRITE_BACK_PAUSE_S)

    async def failed(self, channel_id: str, failures: Sequence[Failure]) -> None:
        """Write back what the channel did not take; the first reason becomes the channel's last error."""
        async with self._postgres.connection() as connection:
            await connection.execute(
                _sql.failed,
                channel_id,
                [one.level.sku for one in failures],
                [one.level.item_id for one in failures],
                [one.level.version for one in failures],
                [shown(one.reason) for one in failures],
                [one.delay_ms for one in failures],
            )

    async def told_page(self, channel_id: str, *, after: str, limit: int) -> list[ToldLevel]:
        """Return levels that the channel should show by now, in the order of SKUs."""
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.told_page, channel_id, after, limit)
        return [
            ToldLevel(sku=row["sku"], item_id=row["item_id"], group=row["call_group"], told=row["told"]) for row in rows
        ]

    async def note_drift(self, channel_id: str, shown: Mapping[str, str | None]) -> None:
        """Note by SKU what a channel shows instead of what it was told; None: the same."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.note_drift, channel_id, list(shown), list(shown.values()))

    async def tell_anew(self, channel_id: str, skus: Sequence[str]) -> None:
        """Let levels be told whatever was told last: something else has set the quantities over there meanwhile."""
        rest = set(skus)
        for _ in range(WRITE_BACK_TRIES):
            if not rest:
                return
            async with self._postgres.connection() as connection:
                rest.difference_update(
                    row["sku"] for row in await connection.fetch(_sql.tell_anew, channel_id, sorted(rest))
                )
            if rest:
                await asyncio.sleep(WRITE_BACK_PAUSE_S)

    async def tell_again(self, channel_id: str, skus: Sequence[str]) -> None:
        """Let levels be told once more that have not changed since they were told."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.tell_again, channel_id, skus)


def shown(reason: str) -> str:
    """Return an error as it is kept for staff: cut short, and without what Postgres cannot store."""
    return reason[:ERROR_CHARS].replace("\x00", "")
