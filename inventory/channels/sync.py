"""Keeps every channel in step with the stock (D5): its own loops for each, in one process.

One process does this for all channels; others stand by. So a channel's calls happen one after the other, its rate
limit holds, and a late call cannot overtake a newer one. Who leads is decided by an advisory lock in Postgres, which
ends with the leader's connection. Each channel has loops of its own: a dead one costs only its own lag. And each kind
of work has one: a sale over there is not read late because ten thousand products are being published.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec

from inventory.channels.announcements_loop import AnnouncementsLoop
from inventory.channels.announcing import Announces
from inventory.channels.channel import Channel, ChannelConfig, ChannelGoneError
from inventory.channels.channels_pg import Channels
from inventory.channels.figures import ChannelFigures
from inventory.channels.leader_pg import Leadership
from inventory.channels.limits import REST_S, WAKE_GAP_S, WATCH_S
from inventory.channels.loop import ChannelLoop
from inventory.channels.orders_loop import OrdersLoop
from inventory.channels.products_loop import ProductsLoop
from inventory.channels.publishing import Lists, Publishes
from inventory.channels.registry import Registry
from inventory.channels.rows import ChannelRows
from inventory.channels.selling import Sells
from kit.log import logger
from kit.tasks import Tasks, Wakeup

STOCK: Final = "stock"
"""The loop that tells levels; a notification without a word is for it ..."""

OTHER_WORK: Final = "work"
"""... and this one for all others."""

_log = logger("channels")


class _Running(msgspec.Struct, frozen=True, kw_only=True):
    config: ChannelConfig
    channel: Channel
    tasks: Tasks
    wakeups: dict[str, Wakeup]


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
        self._changed: set[str] = set()
        self._bell: asyncio.TimerHandle | None = None
        self._rang_at = 0.0

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
                if self._bell is not None:
                    self._bell.cancel()
                    self._bell = None
                await self._follow({})
                self._figures.measured(())

    def _wake(self, about: str) -> None:
        """Wake the loops that a change is about, at once after a rest, and so often at most."""
        self._changed.add(STOCK if about == "" else about)
        if self._bell is None:
            loop = asyncio.get_running_loop()
            self._bell = loop.call_at(self._rang_at + WAKE_GAP_S, self._ring)

    def _ring(self) -> None:
        self._bell = None
        self._rang_at = asyncio.get_running_loop().time()
        for running in self._running.values():
            for work, wakeup in running.wakeups.items():
                if (STOCK if work == STOCK else OTHER_WORK) in self._changed:
                    wakeup.set()
        self._changed.clear()

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
                channel = kind.open(config, partial(self._channels.save_secrets, config))
            except Exception:  # noqa: BLE001 - one channel's settings must not stop all others; the trace is logged
                _log.exception("channel_not_opened", channel_id=channel_id)
                await self._channels.pause(channel_id, reason="its settings cannot be used: connect it anew")
                continue
            self._start(config, channel)

    def _start(self, config: ChannelConfig, channel: Channel) -> None:
        """Start a loop for each kind of work that the channel can do."""
        channel_id, rows, figures = config.channel_id, self._rows, self._figures
        running = _Running(config=config, channel=channel, tasks=Tasks(), wakeups={})
        self._running[channel_id] = running

        def wakeup(work: str) -> Wakeup:
            running.wakeups[work] = Wakeup()
            return running.wakeups[work]

        def forever(work: str, step: Callable[[], Awaitable[None]]) -> None:
            running.tasks.forever(f"channel {channel_id} {work}", partial(self._until_gone, channel_id, work, step))

        stock = ChannelLoop(channel_id, channel, levels=rows.levels, figures=figures, wakeup=wakeup(STOCK))
        forever(STOCK, stock.step)
        if isinstance(channel, Sells) and channel.capabilities.orders != "none":
            orders = OrdersLoop(channel_id, channel, orders=rows.orders, figures=figures, wakeup=wakeup("orders"))
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
                wakeup=wakeup("products"),
            )
            forever("products", products.step)
        if isinstance(channel, Announces):
            messages = AnnouncementsLoop(
                channel_id, channel, announcements=rows.announcements, figures=figures, wakeup=wakeup("messages")
            )
            forever("messages", messages.step)

    async def _until_gone(self, channel_id: str, work: str, step: Callable[[], Awaitable[None]]) -> None:
        """One round. A channel that wants to be told nothing more is paused until somebody resumes it.

        Whether it may be asked for orders or given products is another matter: the rest goes on.
        """
        try:
            await step()
        except ChannelGoneError as error:
            _log.warning("channel_gone", channel_id=channel_id, work=work, error=error.message)
            self._figures.called(channel_id, "gone")
            if work == STOCK:
                await self._channels.pause(channel_id, reason=error.message)
                # By then its loops are ended, or it was resumed before anybody looked.
                await asyncio.sleep(2 * WATCH_S)
            else:
                await self._channels.note_error(channel_id, f"{work}: {error.message}")
                await asyncio.sleep(REST_S)


def _is_same(wanted: ChannelConfig | None, running: ChannelConfig) -> bool:
    """Whether a channel may go on as it is: its secrets it renews itself."""
    return wanted is not None and msgspec.structs.replace(wanted, secrets=running.secrets) == running
