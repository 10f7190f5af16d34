"""Keeps every channel in step with the stock (D5): a loop for each, in one process.

One process does this for all channels; others stand by. So a channel's calls happen one after the other, its rate
limit holds, and a late call cannot overtake a newer one. Who leads is decided by an advisory lock in Postgres, which
ends with the leader's connection. Each channel has a loop of its own: a dead one costs only its own lag.
"""

import asyncio
from functools import partial

import msgspec

from inventory.channels.channel import Channel, ChannelConfig
from inventory.channels.channels_pg import Channels
from inventory.channels.figures import ChannelFigures
from inventory.channels.leader_pg import Leadership
from inventory.channels.levels_pg import Levels
from inventory.channels.limits import WATCH_S
from inventory.channels.loop import ChannelLoop
from inventory.channels.registry import Registry
from kit.tasks import Tasks, Wakeup


class _Running(msgspec.Struct, frozen=True, kw_only=True):
    config: ChannelConfig
    channel: Channel
    tasks: Tasks
    wakeup: Wakeup


class ChannelSync:
    """The loops of all active channels; give ``run`` to ``Tasks.forever``."""

    def __init__(
        self, channels: Channels, levels: Levels, leadership: Leadership, kinds: Registry, figures: ChannelFigures
    ) -> None:
        self._channels = channels
        self._levels = levels
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
                    await asyncio.sleep(WATCH_S)
                    await lead.check()
            finally:
                await self._follow({})

    def _wake(self) -> None:
        for running in self._running.values():
            running.wakeup.set()

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
            channel = kind.open(config, partial(self._channels.save_secrets, channel_id))
            running = _Running(config=config, channel=channel, tasks=Tasks(), wakeup=Wakeup())
            self._running[channel_id] = running
            loop = ChannelLoop(
                channel_id,
                channel,
                channels=self._channels,
                levels=self._levels,
                figures=self._figures,
                wakeup=running.wakeup,
            )
            running.tasks.forever(f"channel {channel_id}", loop.step)


def _is_same(wanted: ChannelConfig | None, running: ChannelConfig) -> bool:
    """Whether a channel may go on as it is: its secrets it renews itself."""
    return wanted is not None and msgspec.structs.replace(wanted, secrets=running.secrets) == running
