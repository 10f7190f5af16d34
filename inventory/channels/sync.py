"""Keeps every channel in step with the stock (D5): take what is due, tell it, write back what was told.

One process does this for all channels; others stand by. So a channel's calls happen one after the other, its rate
limit holds, and a late call cannot overtake a newer one. Who leads is decided by an advisory lock in Postgres, which
ends with the leader's connection. Each channel has a loop of its own: a dead one costs only its own lag.
"""

import asyncio
import random
from collections.abc import Sequence

import msgspec

from inventory.channels.backoff import backoff_ms
from inventory.channels.channel import Channel, ChannelConfig, ChannelDownError, ChannelGoneError, Level, Refused, Told
from inventory.channels.channels_pg import Channels, DueLevel, Failure
from inventory.channels.leader_pg import Leadership
from inventory.channels.limits import POLL_S, REFUSED_RETRY_MS, WATCH_S
from inventory.channels.registry import Registry
from kit.log import logger
from kit.tasks import Tasks, Wakeup

_log = logger("channels")


class ChannelLoop:
    """The work on one channel.

    Args:
        channel: owned by the caller, who closes it.
        wakeup: set when levels may have changed.
    """

    def __init__(self, channel_id: str, channel: Channel, channels: Channels, wakeup: Wakeup) -> None:
        self._channel_id = channel_id
        self._channel = channel
        self._channels = channels
        self._wakeup = wakeup
        self._failures = 0
        self._next_call_at = 0.0

    async def step(self) -> None:
        """One round: wait until a call is allowed, take, tell, write back; or wait for something to tell."""
        loop = asyncio.get_running_loop()
        # First the pause, then the taking: what is told is then as fresh as can be.
        await asyncio.sleep(max(0.0, self._next_call_at - loop.time()))
        due = await self._channels.take_due(self._channel_id, self._channel.capabilities.batch_size)
        due = await self._without_needless(due)
        if not due:
            await self._wakeup.wait(POLL_S)
            return
        self._next_call_at = loop.time() + 1 / self._channel.capabilities.calls_per_s
        try:
            answers = await self._channel.tell([one.level for one in due])
        except ChannelDownError as error:
            await self._call_failed(due, error)
        except ChannelGoneError as error:
            _log.warning("channel_gone", channel_id=self._channel_id, error=error.message)
            await self._channels.pause(self._channel_id, reason=error.message)
        else:
            self._failures = 0
            await self._write_back(due, answers)

    async def _without_needless(self, due: Sequence[DueLevel]) -> Sequence[DueLevel]:
        """A channel that only shows availability knows already when it was told the same side of zero."""
        if self._channel.capabilities.tells == "quantity":
            return due
        known = [one.level for one in due if one.told is not None and (one.told > 0) == (one.level.quantity > 0)]
        if known:
            await self._channels.told(self._channel_id, known)
        skus = {level.sku for level in known}
        return [one for one in due if one.level.sku not in skus]

    async def _call_failed(self, due: Sequence[DueLevel], error: ChannelDownError) -> None:
        self._failures += 1
        delay_ms = backoff_ms(self._failures, random.random(), retry_after_ms=error.retry_after_ms)  # noqa: S311 - jitter
        _log.warning("channel_down", channel_id=self._channel_id, error=error.message, retry_in_ms=delay_ms)
        await self._channels.failed(
            self._channel_id, [Failure(sku=one.level.sku, reason=error.message, delay_ms=delay_ms) for one in due]
        )
        # The other rows wait as well: it is the channel that is down.
        self._next_call_at = asyncio.get_running_loop().time() + delay_ms / 1000

    async def _write_back(self, due: Sequence[DueLevel], answers: Sequence[Told | Refused]) -> None:
        taken: list[Level] = []
        refused: list[Failure] = []
        for one, answer in zip(due, answers, strict=True):
            if isinstance(answer, Told):
                taken.append(one.level)
                continue
            delay_ms = backoff_ms(one.attempts + 1, random.random()) if answer.temporary else REFUSED_RETRY_MS  # noqa: S311 - jitter
            refused.append(Failure(sku=one.level.sku, reason=answer.reason, delay_ms=delay_ms))
        await self._channels.told(self._channel_id, taken)
        if refused:
            await self._channels.failed(self._channel_id, refused)


class _Running(msgspec.Struct, frozen=True, kw_only=True):
    config: ChannelConfig
    channel: Channel
    tasks: Tasks
    wakeup: Wakeup


class ChannelSync:
    """The loops of all active channels; give ``run`` to ``Tasks.forever``."""

    def __init__(self, channels: Channels, leadership: Leadership, kinds: Registry) -> None:
        self._channels = channels
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
            if wanted.get(channel_id) != running.config:
                del self._running[channel_id]
                await running.tasks.stop()
                await running.channel.close()
        for channel_id, config in wanted.items():
            if channel_id in self._running:
                continue
            kind = self._kinds.get(config.kind)
            if kind is None:
                await self._channels.pause(channel_id, reason=f"this version knows no channels of kind {config.kind!r}")
                continue
            channel = kind.open(config)
            running = _Running(config=config, channel=channel, tasks=Tasks(), wakeup=Wakeup())
            self._running[channel_id] = running
            running.tasks.forever(
                f"channel {channel_id}", ChannelLoop(channel_id, channel, self._channels, running.wakeup).step
            )
