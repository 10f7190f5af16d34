"""Channels in Postgres: setting them up, and the levels that each has still to be told."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from inventory.channels.channel import ChannelConfig, Level
from inventory.channels.limits import (
    ERROR_CHARS,
    LEASE_MS,
    MAX_PAGE,
    NAME_CHARS,
    WRITE_BACK_PAUSE_S,
    WRITE_BACK_TRIES,
)
from inventory.channels.registry import Registry
from inventory.import_pg import BULK_LOCK
from kit.errors import InvalidError, NotFoundError
from kit.ids import new_id
from kit.postgres import Connection, Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "channels.sql")


class CreatedChannel(msgspec.Struct, frozen=True, kw_only=True):
    """A new channel. ``secret`` is what we made for it, shown this once; None when the merchant brought it."""

    channel_id: str
    secret: str | None


class ChannelView(msgspec.Struct, frozen=True, kw_only=True):
    """A channel as staff see it.

    Attributes:
        lag_ms: age of the oldest change that it has not been told; 0 when it is in step.
        behind: SKUs with such a change.
        last_error: of the last call, None when that went well.
    """

    channel_id: str
    kind: str
    name: str
    state: Literal["active", "paused"]
    safety_stock: int
    lag_ms: int
    behind: int
    last_error: str | None


class LevelItem(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel should show of a SKU, and what it was last told; None when it never was."""

    sku: str
    desired: int
    told: int | None
    told_at_ms: int | None
    last_error: str | None


class LevelPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some levels in the order of SKUs; ``next`` is the ``after`` of the following page, None on the last one."""

    items: list[LevelItem]
    next: str | None


class DueLevel(msgspec.Struct, frozen=True, kw_only=True):
    """A level that has to be told now; ``attempts`` failed before, and ``told`` is the quantity told last."""

    level: Level
    attempts: int
    told: int | None


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A level that was not taken; it is due again after ``delay_ms``."""

    sku: str
    reason: str
    delay_ms: int


class Channels:
    """The channels and their levels.

    Args:
        kinds: the kinds that can be set up.
        lease_ms: how long rows that were taken belong to the taker.
    """

    def __init__(self, postgres: Postgres, kinds: Registry, *, lease_ms: int = LEASE_MS) -> None:
        self._postgres = postgres
        self._kinds = kinds
        self._lease_ms = lease_ms

    async def create(
        self, kind: str, *, name: str, settings: Mapping[str, str], safety_stock: int = 0
    ) -> CreatedChannel:
        """Set a channel up; it is to be told the level of every SKU.

        Args:
            kind: one of the kinds.
            name: shown to staff.
            settings: by kind; a webhook has ``url``.
            safety_stock: units of each SKU that this channel never shows.

        Raises:
            InvalidError: a field is wrong; ``details["field"]`` names it.
        """
        if kind not in self._kinds:
            raise InvalidError(f"kind must be one of {', '.join(sorted(self._kinds))}", field="kind")
        if not name.strip() or len(name) > NAME_CHARS or "\x00" in name:
            raise InvalidError(f"name must have 1 to {NAME_CHARS} characters", field="name")
        _check_safety(safety_stock)
        prepared = await self._kinds[kind].prepare(settings)
        channel_id = new_id("chan")
        stored = msgspec.json.encode(prepared.settings).decode()
        async with self._postgres.transaction() as connection:
            await _hold_levels(connection)
            await connection.execute(_sql.create_channel, channel_id, kind, name, stored, prepared.secret, safety_stock)
            await connection.execute(_sql.level_every_sku, channel_id)
            await connection.execute(_sql.wake)
        return CreatedChannel(channel_id=channel_id, secret=prepared.secret if prepared.generated else None)

    async def remove(self, channel_id: str) -> None:
        """Forget a channel and its levels.

        Raises:
            NotFoundError: ``unknown_channel``.
        """
        async with self._postgres.transaction() as connection:
            await _hold_levels(connection)
            _check_found(channel_id, await connection.execute(_sql.remove_channel, channel_id))

    async def pause(self, channel_id: str, *, reason: str | None = None) -> None:
        """Tell it nothing until ``resume``; its levels are kept up to date. ``reason`` becomes its last error.

        Raises:
            NotFoundError: ``unknown_channel``.
        """
        async with self._postgres.connection() as connection:
            _check_found(channel_id, await connection.execute(_sql.set_state, channel_id, "paused", _cut(reason)))

    async def resume(self, channel_id: str) -> None:
        """Tell it what it has missed, and go on.

        Raises:
            NotFoundError: ``unknown_channel``.
        """
        async with self._postgres.transaction() as connection:
            _check_found(channel_id, await connection.execute(_sql.set_state, channel_id, "active", None))
            await connection.execute(_sql.hurry, channel_id)
            await connection.execute(_sql.wake)

    async def set_safety_stock(self, channel_id: str, units: int) -> None:
        """Change the units that this channel never shows, and all its levels with it.

        Raises:
            NotFoundError: ``unknown_channel``.
            InvalidError: ``units`` is negative.
        """
        _check_safety(units)
        async with self._postgres.transaction() as connection:
            await _hold_levels(connection)
            _check_found(channel_id, await connection.execute(_sql.set_safety_stock, channel_id, units))
            await connection.execute(_sql.level_every_sku, channel_id)
            await connection.execute(_sql.wake)

    async def list(self) -> list[ChannelView]:
        """Return every channel, oldest first."""
        async with self._postgres.connection() as connection:
            return [msgspec.convert(dict(row), ChannelView) for row in await connection.fetch(_sql.channels)]

    async def levels(self, channel_id: str, *, limit: int = 100, after: str | None = None) -> LevelPage:
        """Return a page of a channel's levels.

        Raises:
            NotFoundError: ``unknown_channel``.
            InvalidError: ``limit`` is not 1 to ``MAX_PAGE``.
        """
        if not 1 <= limit <= MAX_PAGE:
            raise InvalidError(f"limit must be 1 to {MAX_PAGE}", field="limit")
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.levels, channel_id, after or "", limit + 1)
            if not rows and not await connection.fetchval(_sql.exists, channel_id):
                raise _unknown(channel_id)
        items = [msgspec.convert(dict(row), LevelItem) for row in rows[:limit]]
        return LevelPage(items=items, next=items[-1].sku if len(rows) > limit else None)

    async def active(self) -> dict[str, ChannelConfig]:
        """Return the channels that are to be told, by id, secrets included."""
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.active_configs)
        return {
            row["channel_id"]: ChannelConfig(
                channel_id=row["channel_id"],
                kind=row["kind"],
                name=row["name"],
                settings=msgspec.json.decode(row["settings"], type=dict[str, str]),
                secret=row["secret"],
            )
            for row in rows
        }

    async def take_due(self, channel_id: str, batch: int) -> Sequence[DueLevel]:
        """Take up to ``batch`` levels that are to be told now; nobody else gets them until the lease ends.

        The caller tells them and then calls ``told`` or ``failed`` for each. None are due while a channel is paused.
        """
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.take_due, channel_id, batch, self._lease_ms)
        return [
            DueLevel(
                level=Level(sku=row["sku"], quantity=row["desired"], version=row["version"]),
                attempts=row["attempts"],
                told=row["told"],
            )
            for row in rows
        ]

    async def told(self, channel_id: str, levels: Sequence[Level]) -> None:
        """Write back what the channel took. A SKU that changed meanwhile stays due, for its newer version.

        A row that cannot be written within a few seconds keeps its lease and is told again later.
        """
        open_levels = {one.sku: one for one in levels}
        for _ in range(WRITE_BACK_TRIES):
            if not open_levels:
                return
            rest = list(open_levels.values())
            async with self._postgres.connection() as connection:
                rows = await connection.fetch(
                    _sql.told,
                    channel_id,
                    [one.sku for one in rest],
                    [one.quantity for one in rest],
                    [one.version for one in rest],
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
                [one.sku for one in failures],
                [_cut(one.reason) for one in failures],
                [one.delay_ms for one in failures],
            )


async def _hold_levels(connection: Connection) -> None:
    """Wait for an import first: while one waits for the table itself, every sale would have to wait behind."""
    await connection.execute(_sql.lock_bulk, BULK_LOCK)
    await connection.execute(_sql.lock_levels)


def _check_safety(units: int) -> None:
    if not 0 <= units < 1 << 31:
        raise InvalidError("safety_stock must be 0 or more", field="safety_stock")


def _check_found(channel_id: str, status: str) -> None:
    if status.endswith(" 0"):
        raise _unknown(channel_id)


def _unknown(channel_id: str) -> NotFoundError:
    return NotFoundError(f"there is no channel {channel_id!r}", code="unknown_channel", details={"field": "channel_id"})


def _cut(reason: str | None) -> str | None:
    return None if reason is None else reason[:ERROR_CHARS].replace("\x00", "")
