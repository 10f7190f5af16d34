"""The work on one channel: take what is due, tell it, ask what came of it, write back what was told."""

import asyncio
import random
from collections import deque
from collections.abc import Sequence

import msgspec

from inventory.channels.backoff import backoff_ms
from inventory.channels.call_pace import CallPace
from inventory.channels.channel import (
    Answer,
    AnswersLater,
    Channel,
    ChannelDownError,
    Level,
    Pending,
    Readable,
    Told,
)
from inventory.channels.drift import DriftCheck
from inventory.channels.figures import ChannelFigures
from inventory.channels.levels_pg import DueLevel, Failure, Levels
from inventory.channels.limits import (
    OUTCOME_FIRST_S,
    OUTCOME_MOST_S,
    OUTCOME_PAUSE_MOST_S,
    PENDING_MOST_CALLS,
    POLL_S,
    REFUSED_RETRY_MS,
)
from kit.log import logger
from kit.tasks import Wakeup

_log = logger("channels")


class _Asked(msgspec.Struct, kw_only=True):
    """A call that the channel still works on; times by the loop's clock, in seconds."""

    channel: AnswersLater
    pending: Pending
    due: Sequence[DueLevel]
    ask_at: float
    pause_s: float
    give_up_at: float


class ChannelLoop:
    """The work on one channel; one call at a time.

    Args:
        channel: owned by the caller, who closes it.
        wakeup: set when levels may have changed.
    """

    def __init__(
        self,
        channel_id: str,
        channel: Channel,
        *,
        levels: Levels,
        figures: ChannelFigures,
        wakeup: Wakeup,
    ) -> None:
        self._channel_id = channel_id
        self._channel = channel
        self._levels = levels
        self._figures = figures
        self._wakeup = wakeup
        can = channel.capabilities
        self._pace = CallPace(can.calls_per_s, at_once=can.calls_at_once)
        self._read_pace = self._pace if can.reads_per_s is None else CallPace(can.reads_per_s)
        self._drift: DriftCheck | None = None
        if can.reads:
            assert isinstance(channel, Readable), f"a channel that reads: {type(channel).__name__}"
            self._drift = DriftCheck(channel_id, channel, levels, figures, asyncio.get_running_loop().time())
        self._asked: deque[_Asked] = deque()
        self._group: str | None = None

    async def step(self) -> None:
        """One round: ask for what is worked on, or tell what is due, or wait for either.

        Raises:
            ChannelGoneError: do not go on.
        """
        clock = asyncio.get_running_loop().time
        if self._asked and self._asked[0].ask_at <= clock():
            await self._ask(self._asked[0])
            return
        # First the pause, then the taking: what is told is then as fresh as can be.
        wait_s = self._pace.wait_s()
        if wait_s > 0:
            await asyncio.sleep(min(wait_s, self._until_asked()))
            return
        due = await self._take()
        if due:
            self._pace.start()
            await self._tell(due)
        elif self._drift is not None and max(self._drift.wait_s(clock()), self._read_pace.wait_s()) <= 0:
            self._read_pace.start()
            await self._drift.step()
        else:
            await self._wakeup.wait(min(POLL_S, self._until_asked()))

    # --- telling ------------------------------------------------------------------------------------------------

    async def _take(self) -> Sequence[DueLevel]:
        if len(self._asked) >= PENDING_MOST_CALLS:
            return ()
        can = self._channel.capabilities
        if can.tells == "availability":
            await self._levels.pass_over(self._channel_id)
        due = await self._levels.take_due(
            self._channel_id,
            can.batch_size,
            # Where any may go together there is no next group to look for.
            after=self._group or None,
            # Of what the channel still works on nothing newer is told: it may finish two calls in the wrong order.
            but=[one.level.sku for asked in self._asked for one in asked.due],
            only_crossings=can.tells == "availability",
        )
        if due:
            self._group = due[0].group
        return due

    async def _tell(self, due: Sequence[DueLevel]) -> None:
        try:
            answers = await self._channel.tell([self._as_told(one.level) for one in due])
        except ChannelDownError as error:
            await self._call_failed(due, error)
            return
        self._pace.went_well()
        self._figures.called(self._channel_id, "taken")
        if isinstance(answers, Pending):
            assert isinstance(self._channel, AnswersLater), f"a channel with handles: {type(self._channel).__name__}"
            now = asyncio.get_running_loop().time()
            asked = _Asked(
                channel=self._channel,
                pending=answers,
                due=due,
                ask_at=now + OUTCOME_FIRST_S,
                pause_s=OUTCOME_FIRST_S,
                give_up_at=now + OUTCOME_MOST_S,
            )
            self._asked.append(asked)
        else:
            await self._write_back(due, answers)

    def _as_told(self, level: Level) -> Level:
        most = self._channel.capabilities.most_quantity
        return level if level.quantity <= most else msgspec.structs.replace(level, quantity=most)

    # --- what came of it ----------------------------------------------------------------------------------------

    def _until_asked(self) -> float:
        """Return for how long nothing is to be asked for, in seconds."""
        if not self._asked:
            return float("inf")
        return max(0.0, self._asked[0].ask_at - asyncio.get_running_loop().time())

    async def _ask(self, asked: _Asked) -> None:
        self._asked.popleft()
        now = asyncio.get_running_loop().time()
        try:
            answers = await asked.channel.outcome(asked.pending, [self._as_told(one.level) for one in asked.due])
        except ChannelDownError as error:
            if now < asked.give_up_at:
                self._ask_later(asked, now + max(asked.pause_s, (error.retry_after_ms or 0) / 1000))
            else:
                await self._call_failed(asked.due, error)
            return
        if answers is not None:
            await self._write_back(asked.due, answers)
        elif now < asked.give_up_at:
            self._ask_later(asked, now + asked.pause_s)
        else:
            late = ChannelDownError(f"the channel has not finished a call within {OUTCOME_MOST_S:.0f} s")
            await self._call_failed(asked.due, late)

    def _ask_later(self, asked: _Asked, at: float) -> None:
        asked.ask_at = at
        asked.pause_s = min(asked.pause_s * 2, OUTCOME_PAUSE_MOST_S)
        self._asked.append(asked)
        self._asked = deque(sorted(self._asked, key=lambda one: one.ask_at))

    async def _call_failed(self, due: Sequence[DueLevel], error: ChannelDownError) -> None:
        # The other rows wait as well: it is the channel that is down.
        delay_ms = self._pace.failed(error)
        _log.warning("channel_down", channel_id=self._channel_id, error=error.message, retry_in_ms=delay_ms)
        self._figures.called(self._channel_id, "failed")
        await self._levels.failed(
            self._channel_id, [Failure(level=one.level, reason=error.message, delay_ms=delay_ms) for one in due]
        )
        self._pace.rest(delay_ms)

    async def _write_back(self, due: Sequence[DueLevel], answers: Sequence[Answer]) -> None:
        taken: list[DueLevel] = []
        refused: list[Failure] = []
        for one, answer in zip(due, answers, strict=True):
            if isinstance(answer, Told):
                taken.append(one)
                continue
            delay_ms = backoff_ms(one.attempts + 1, random.random()) if answer.temporary else REFUSED_RETRY_MS  # noqa: S311 - jitter
            refused.append(Failure(level=one.level, reason=answer.reason, delay_ms=delay_ms))
        self._figures.told(self._channel_id, len(taken), len(refused))
        await self._levels.told(self._channel_id, taken)
        if refused:
            await self._levels.failed(self._channel_id, refused)
