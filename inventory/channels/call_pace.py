"""When one loop of a channel may call it next: the channel's own pace, and a pause that grows with each failure."""

import asyncio
import random

from inventory.channels.backoff import backoff_ms
from inventory.channels.channel import ChannelDownError
from kit.pace import Pace


class CallPace:
    """Of one loop.

    Args:
        per_s: calls per second for long.
        at_once: calls that may follow each other directly after a rest.
    """

    def __init__(self, per_s: float, *, at_once: int = 1) -> None:
        self._clock = asyncio.get_running_loop().time
        self._pace = Pace(per_s, at_once=at_once)
        self._failures = 0

    def wait_s(self) -> float:
        """Return how long the next call has to wait, in seconds; 0 or less when it may start."""
        return self._pace.wait_s(self._clock())

    def start(self) -> None:
        """Write down that a call starts."""
        self._pace.start(self._clock())

    def went_well(self) -> None:
        """The channel answered: a failure after this is the first again."""
        self._failures = 0

    def failed(self, error: ChannelDownError) -> int:
        """Close the channel for a while, and return for how long, in milliseconds."""
        self._failures += 1
        delay_ms = backoff_ms(self._failures, random.random(), retry_after_ms=error.retry_after_ms)  # noqa: S311 - jitter
        self.rest(delay_ms)
        return delay_ms

    def rest(self, delay_ms: int) -> None:
        """Keep the channel closed for so long from now: for what was put off by as much is not due before."""
        self._pace.slow_down(self._clock(), delay_ms / 1000)
