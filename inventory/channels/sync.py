"""Keeps every channel in step with the stock (D5): its own loops for each, in one process.

One process does this for all channels; others stand by. So a channel's calls happen one after the other, its rate
limit holds, and a late call cannot overtake a newer one. Who leads is decided by an advisory lock in Postgres, which
ends with the leader's connection. Each channel has loops of its own: a dead one costs only its own lag. And each kind
of work has one: a sale over there is not read late because ten thousand products are being published.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from inventory.channels.announcements_loop import AnnouncementsLoop
from inventory.channels.announcing import Announces
from inventory.channels.channel import Channel, ChannelConfig, ChannelGoneError
from inventory.channels.channels_pg import Channels
from inventory.channels.figures import ChannelFigures
from inventory.channels.leader_pg import Leadership
from inventory.channels.limits import WATCH_S
from inventory.channels.loop import ChannelLoop
from inventory.channels.orders_loop import OrdersLoop
from inventory.channels.products_loop import ProductsLoop
from inventory.channels.publishing import Lists, Publishes
from inventory.channels.registry import Registry
from inventory.channels.rows import ChannelRows
from inventory.channels.selling import Sells
from kit.log import logger
from kit.tasks import Tasks, Wakeup

_log = logger("channels")


class _Running(msgspec.Struct, frozen=True, kw_only=True):
    config: ChannelConfig
    channel: Channel
    tasks: Tasks
    wakeups: list[Wakeup]


class ChannelSync:
    """The loops of all active channels; give ``run`` to ``Tasks.forever``."""

    def __init__(
        self, channels: Channels, rows: ChannelRows, leadership: Leadership, kinds: Registry, figures: ChannelFigures
    ) -> None:
        self._channels = channels
        self._rows = rows
        self._figures = figures
        self._leadership = leadership
        self._kinds = kinds
        self._running: dict[str, _Running] = {}

    async def run(self) -> None:
        """Lead until cancelled or until the connection that holds the lead is lost; return after a while as standby.

        Raises:
            UnavailableError: Postgres does not answer. All loops have ended.
        """
        async with self._leadership.lead(self._wake) as lead:
            if lead is None:
                await asyncio.sleep(WATCH_S)
                return
            try:
                while True:
                    await self._follow(await self._channels.active())
                    self._figures.measured(await self._channels.list())
                    await asyncio.sleep(WATCH_S)
                    await lead.check()
            finally:
                await self._follow({})
                self._figures.measured(())

    def _wake(self) -> None:
        for running in self._running.values():
            for wakeup in running.wakeups:
                wakeup.set()

    async def _follow(self, wanted: dict[str, ChannelConfig]) -> None:
        """Make the loops those of the channels that are wanted, as they are set up now."""
        for channel_id, running in list(self._running.items()):
            if not _is_same(wanted.get(channel_id), running.config):
                del self._running[channel_id]
                await running.tasks.stop()
                await running.channel.close()
                self._figures.forget(channel_id)
        for channel_id, config in wanted.items():
            if channel_id in self._running:
                continue
            kind = self._kinds.get(config.kind)
            if kind is None:
                await self._channels.pause(channel_id, reason=f"this version knows no channels of kind {config.kind!r}")
                continue
            try:
                channel = kind.open(config, partial(self._channels.save_secrets, channel_id))
            except Exception:  # noqa: BLE001 - one channel's settings must not stop all others; the trace is logged
                _log.exception("channel_not_opened", channel_id=channel_id)
                await self._channels.pause(channel_id, reason="its settings cannot be used: connect it anew")
                continue
            self._start(config, channel)

    def _start(self, config: ChannelConfig, channel: Channel) -> None:
        """Start a loop for each kind of work that the channel can do."""
        channel_id, rows, figures = config.channel_id, self._rows, self._figures
        running = _Running(config=config, channel=channel, tasks=Tasks(), wakeups=[])
        self._running[channel_id] = running

        def wakeup() -> Wakeup:
            running.wakeups.append(Wakeup())
            return running.wakeups[-1]

        def forever(work: str, step: Callable[[], Awaitable[None]]) -> None:
            running.tasks.forever(f"channel {channel_id} {work}", partial(self._until_gone, channel_id, step))

        stock = ChannelLoop(channel_id, channel, levels=rows.levels, figures=figures, wakeup=wakeup())
        forever("stock", stock.step)
        if isinstance(channel, Sells) and channel.capabilities.orders != "none":
            orders = OrdersLoop(channel_id, channel, orders=rows.orders, figures=figures, wakeup=wakeup())
            forever("orders", orders.step)
        if isinstance(channel, Publishes | Lists):
            products = ProductsLoop(
                channel_id,
                channel,
                products=rows.products,
                items=rows.items,
                links=rows.links,
                levels=rows.levels,
                figures=figures,
                wakeup=wakeup(),
            )
            forever("products", products.step)
        if isinstance(channel, Announces):
            messages = AnnouncementsLoop(
                channel_id, channel, announcements=rows.announcements, figures=figures, wakeup=wakeup()
            )
            forever("messages", messages.step)

    async def _until_gone(self, channel_id: str, step: Callable[[], Awaitable[None]]) -> None:
        """One round; a channel that wants no more calls is paused until somebody resumes it."""
        try:
            await step()
        except ChannelGoneError as error:
            _log.warning("channel_gone", channel_id=channel_id, error=error.message)
            self._figures.called(channel_id, "gone")
            await self._channels.pause(channel_id, reason=error.message)


def _is_same(wanted: ChannelConfig | None, running: ChannelConfig) -> bool:
    """Whether a channel may go on as it is: its secrets it renews itself."""
    return wanted is not None and msgspec.structs.replace(wanted, secrets=running.secrets) == running
