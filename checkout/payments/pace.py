"""Our own limiter of calls to a provider: the provider's would cost an error each.

``Pace`` is the rule, pure: calls start evenly, so many a second, fewer for a while after the provider complained.
``PacedCalls`` lets callers wait for it, in the order in which they came, one line per endpoint.
"""

import asyncio
from collections import defaultdict

from checkout.limits import (
    PACE_LEAST_SHARE,
    PACE_MARGIN,
    PACE_MOST_WAIT_S,
    PACE_RECOVERY_SHARE_PER_S,
    PACE_SETTLES_S,
)
from kit.errors import UnavailableError


class Pace:
    """At most ``per_s`` starts in any second, whenever that second begins: evenly spaced.

    A bucket that refills lets twice as many through in its first second, and a burst arrives closer together, or
    further apart, than it was sent; both would be answered with 429 by a provider that counts by the second.

    Args:
        per_s: calls a second; below one, calls are so much further apart.
    """

    def __init__(self, per_s: float) -> None:
        if per_s <= 0:
            raise ValueError("the pace has to be positive")
        self._gap_s = PACE_MARGIN / per_s
        self._started_at = float("-inf")
        self._closed_until = float("-inf")
        self._share = 1.0
        self._slowed_at = float("-inf")

    def wait_s(self, now: float) -> float:
        """Return how long the next call has to wait, in seconds; 0 or less when it may start."""
        return max(self._closed_until, self._started_at + self._gap_s / self.share(now)) - now

    def start(self, now: float) -> None:
        """Write down that a call starts."""
        self._started_at = now

    def slow_down(self, now: float, pause_s: float) -> None:
        """The provider complained: nothing starts for ``pause_s``, and the pace is halved.

        Complaints that come together are one: they are about the same second.
        """
        self._closed_until = max(self._closed_until, now + pause_s)
        if now - self._slowed_at >= PACE_SETTLES_S:
            self._share = max(PACE_LEAST_SHARE, self.share(now) / 2)
            self._slowed_at = now

    def share(self, now: float) -> float:
        """Return how much of the full pace is used now; it grows back evenly."""
        return min(1.0, self._share + (now - self._slowed_at) * PACE_RECOVERY_SHARE_PER_S)


class PacedCalls:
    """One waiting line per endpoint.

    Args:
        per_s: calls a second for each endpoint.
    """

    def __init__(self, per_s: float) -> None:
        self._lines: defaultdict[str, _Line] = defaultdict(lambda: _Line(per_s))

    async def turn(self, endpoint: str) -> None:
        """Wait until a call to this endpoint may start.

        Raises:
            UnavailableError: ``overloaded``: too many wait already. Nothing was sent.
        """
        await self._lines[endpoint].turn()

    def slow_down(self, endpoint: str, pause_s: float) -> None:
        """Keep away from this endpoint for ``pause_s``, and go slower then."""
        self._lines[endpoint].slow_down(pause_s)


class _Line:
    def __init__(self, per_s: float) -> None:
        self._pace = Pace(per_s)
        self._most_waiting = max(1, int(per_s * PACE_MOST_WAIT_S))
        self._waiting = 0
        self._first = asyncio.Lock()  # wakes its waiters in the order in which they came

    async def turn(self) -> None:
        if self._waiting >= self._most_waiting:
            raise UnavailableError("too many calls wait for the payment provider", code="overloaded")
        self._waiting += 1
        try:
            async with self._first:
                clock = asyncio.get_running_loop().time
                while True:  # the wait may grow while we wait: a complaint came in
                    wait_s = self._pace.wait_s(clock())
                    if wait_s <= 0:
                        break
                    await asyncio.sleep(wait_s)
                self._pace.start(clock())
        finally:
            self._waiting -= 1

    def slow_down(self, pause_s: float) -> None:
        self._pace.slow_down(asyncio.get_running_loop().time(), pause_s)
