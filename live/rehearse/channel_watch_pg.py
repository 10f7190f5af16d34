"""Follows what the shop's own channels are told while a rehearsal changes the stock of one SKU. It only reads."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path

import msgspec
from msgspec.structs import replace

from inventory.channels.channel import Capabilities, UnknownChannelError
from inventory.channels.channels_pg import Channels
from inventory.channels.registry import channel_kinds, channel_vault
from kit.errors import UnavailableError
from kit.postgres import Postgres
from kit.sql import Queries
from live.rehearse.channel_table import Calls, calls_in, lags_ms, least_calls, level_before, level_changes
from live.rehearse.facts import ChannelLevel, LedgerFacts, WatchedChannel
from live.rehearse.host_http import HostHttp
from live.rehearse.limits import CHANNELS_LOOK_S, CHANNELS_SETTLE_S, CHANNELS_WATCH_S
from live.rehearse.progress import Progress
from live.rehearse.shop_channel import ShopChannel, ShopChannels

_sql = Queries(Path(__file__).parent / "sql" / "evidence.sql")


class _Told(msgspec.Struct, frozen=True):
    """What a channel was told of the SKU; ``told_at_ms`` by the clock of Postgres."""

    channel_id: str
    version: int
    told_version: int
    told_at_ms: int
    failing: bool


class _Units(msgspec.Struct, frozen=True):
    """The units of the SKU that nobody has set aside, at the end, and how they came to be so many."""

    changes: tuple[tuple[int, int], ...]
    now: int
    now_ms: int


class ChannelWatch:
    """Wait and begin before the first change, follow during the show, settle and read at the end.

    Args:
        host: a host of the server.
        postgres: read only.
        secret: the deployment's; what a channel can take is told by its own settings, which are sealed.
    """

    def __init__(self, host: HostHttp, postgres: Postgres, secret: str) -> None:
        self._host = host
        self._postgres = postgres
        self._secret = secret
        self._since_ms = 0
        self._before: dict[str, ShopChannel] = {}
        self._calls = Calls(by_channel=None)
        self._called_at_ms: dict[str, int] = {}  # by channel
        self._in_step_at_ms: dict[str, set[int]] = {}  # by channel

    async def wait(self, progress: Progress) -> None:
        """Wait until channels are told what changed before the rehearsal, as long as ``ShopChannel.is_awaited`` says.

        Raises as ``rehearse`` does.
        """
        loop = asyncio.get_running_loop()
        began_at, most = loop.time(), 0
        while left := sum(one.is_awaited(loop.time() - began_at) for one in await self._list()):
            most = max(most, left)
            progress("waiting for what channels were not told yet", most - left, most)
            await asyncio.sleep(CHANNELS_LOOK_S)

    async def begin(self) -> None:
        """Note what there is; raises as ``rehearse`` does."""
        self._before = {one.channel_id: one for one in await self._list()}
        if self._before:
            self._calls = calls_in(await self._host.metrics())
            async with self._postgres.connection() as connection:
                self._since_ms = await connection.fetchval(_sql.now_ms)
                rows = await connection.fetch(_sql.called)
            self._called_at_ms = {row["channel_id"]: row["called_at_ms"] for row in rows}

    @contextlib.asynccontextmanager
    async def following(self, sku: str) -> AsyncIterator[None]:
        """Write down, for the time of the block, when channels are told of the SKU."""
        task = asyncio.create_task(self._follow(sku))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait((task,))

    async def settle(self, sku: str, progress: Progress) -> None:
        """Wait until the channels that were in step are so again, but not for those that fail, nor very long."""
        loop = asyncio.get_running_loop()
        gives_up_at = loop.time() + CHANNELS_SETTLE_S
        waiting = await self._behind(sku)
        most = waiting
        while waiting and loop.time() < gives_up_at:
            progress("waiting for channels", most - waiting, most)
            await asyncio.sleep(CHANNELS_WATCH_S)
            waiting = await self._behind(sku)

    async def read(
        self, sku: str, levels: tuple[ChannelLevel, ...], ledger: LedgerFacts, *, own_id: str | None
    ) -> tuple[WatchedChannel, ...]:
        """Return what became of every channel that was there before and still is.

        Args:
            sku: that was followed.
            levels: the channels' levels of it now.
            ledger: its stock now.
            own_id: the rehearsal's own channel, which is not among them.
        """
        now = [one for one in await self._list() if one.channel_id in self._before and one.channel_id != own_id]
        if not now:
            return ()
        calls = calls_in(await self._host.metrics())
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.free_units, sku, self._since_ms)
            now_ms = await connection.fetchval(_sql.now_ms)
            others = await connection.fetch(_sql.others_told, sku, self._since_ms)
        await self._look(sku)
        units = _Units(
            changes=tuple((row["at_ms"], row["delta"]) for row in rows),
            now=ledger.on_hand - ledger.ring_fenced,
            now_ms=now_ms,
        )
        can = await self._capabilities(one.channel_id for one in now if one.state == "active")
        by_id = {one.channel_id: one for one in levels}
        told = {row["channel_id"]: row["skus"] for row in others}
        watched = (self._watched(one, by_id.get(one.channel_id), can.get(one.channel_id), units, calls) for one in now)
        return tuple(replace(one, other_skus=told.get(one.channel_id, 0)) for one in watched)

    def _watched(
        self, channel: ShopChannel, level: ChannelLevel | None, can: Capabilities | None, units: _Units, calls: Calls
    ) -> WatchedChannel:
        channel_id = channel.channel_id
        is_well = channel.state == "active" and channel.last_error is None
        lags: tuple[int, ...] = ()
        least = 0
        if level is not None and can is not None:
            changes = level_changes(units.changes, units.now, level, can)
            before = level_before(units.changes, units.now, level, can)
            lags = lags_ms(changes, self._in_step_at_ms.get(channel_id, ()), units.now_ms)
            least = least_calls(changes, before, can, called_at_ms=self._called_at_ms[channel_id], now_ms=units.now_ms)
        return WatchedChannel(
            channel_id=channel_id,
            kind=channel.kind,
            name=channel.name,
            must_converge=is_well and self._before[channel_id].in_step,
            lags_ms=lags,
            calls=calls.since(self._calls, channel_id),
            least_calls=least,
        )

    async def _list(self) -> tuple[ShopChannel, ...]:
        return (await self._host.get("/v1/channels", ShopChannels)).items

    async def _capabilities(self, channel_ids: Iterable[str]) -> Mapping[str, Capabilities]:
        """Return what each channel can take, but for those whose secrets do not open. None of them is called."""
        kinds = channel_kinds(self._secret, allow_private=True)
        channels = Channels(self._postgres, kinds, channel_vault(self._secret))

        async def save(secrets: Mapping[str, str]) -> None:
            raise RuntimeError(f"nothing is renewed here, and {len(secrets)} secrets would be lost")

        found = {}
        for channel_id in channel_ids:
            with contextlib.suppress(UnknownChannelError):
                config = await channels.config(channel_id)
                if config.kind in kinds:
                    channel = kinds[config.kind].open(config, save)
                    found[channel_id] = channel.capabilities
                    await channel.close()
        return found

    async def _follow(self, sku: str) -> None:
        while True:
            # Whoever leads the rehearsal notices when the server is gone.
            with contextlib.suppress(UnavailableError):
                await self._look(sku)
            await asyncio.sleep(CHANNELS_WATCH_S)

    async def _look(self, sku: str) -> None:
        for one in await self._told(sku):
            if one.told_version == one.version:
                self._in_step_at_ms.setdefault(one.channel_id, set()).add(one.told_at_ms)

    async def _behind(self, sku: str) -> int:
        return sum(
            one.told_version < one.version and not one.failing and self._before[one.channel_id].in_step
            for one in await self._told(sku)
            if one.channel_id in self._before
        )

    async def _told(self, sku: str) -> list[_Told]:
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.told, sku)
        return [msgspec.convert(dict(row), _Told) for row in rows]
