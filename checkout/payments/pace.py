"""Our own limiter of calls to a provider: the provider's would cost an error each.

Callers wait for their turn in the order in which they came, one line per endpoint, at a pace (``kit/pace.py``).
"""

import asyncio
from collections import defaultdict

from checkout.limits import PACE_MOST_WAIT_S
from kit.errors import UnavailableError
from kit.pace import Pace


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
