"""What a viewer's client makes of the server's clock. Pure. The browser's twin is ``live/web/server_clock.js``."""

from collections import deque
from typing import Final

import msgspec

CLOCK_SAMPLES: Final = 8
"""Round trips that are remembered: three minutes of heartbeats."""

CLOCK_KEPT_MS: Final = 10 * 60_000
"""How long a round trip counts: a cheap quartz drifts by 30 ms in ten minutes."""

CLOCK_GOOD_MS: Final = 100.0
"""A round trip this short is good enough: the error is at most half of it, and nobody sees 50 ms in a countdown."""

CLOCK_GOOD_SAMPLES: Final = 2
"""One is not enough: the first is that of the ``welcome``, whose making takes time before the clock is read."""

CLOCK_SLACK_MS: Final = 50.0
"""How far two round trips may disagree beyond their errors: drift since the older one, rounding."""


class _RoundTrip(msgspec.Struct, frozen=True, kw_only=True):
    """The true offset is within ``length_ms / 2`` of ``offset_ms``, wherever in between the server read its clock."""

    length_ms: float
    offset_ms: float
    ended_ms: float

    def contradicts(self, other: "_RoundTrip") -> bool:
        return abs(self.offset_ms - other.offset_ms) > (self.length_ms + other.length_ms) / 2 + CLOCK_SLACK_MS


class ServerClock:
    """The server's clock, as well as a viewer can know it. All times are milliseconds since the epoch.

    What was learnt outlives a connection: most reconnects meet a server whose clock is the same. When they do not, or
    when the computer slept, a new answer contradicts the old ones, and those are forgotten.
    """

    def __init__(self) -> None:
        self._samples: deque[_RoundTrip] = deque(maxlen=CLOCK_SAMPLES)

    def learn(self, sent_ms: float, received_ms: float, server_ms: float) -> None:
        """Learn from one request and its answer; the server is taken to have read its clock half-way through."""
        length_ms = received_ms - sent_ms
        if length_ms < 0:
            return
        new = _RoundTrip(length_ms=length_ms, offset_ms=server_ms + length_ms / 2 - received_ms, ended_ms=received_ms)
        best = self._best()
        if best is not None and new.contradicts(best):
            self._samples.clear()
        while self._samples and self._samples[0].ended_ms < received_ms - CLOCK_KEPT_MS:
            self._samples.popleft()
        self._samples.append(new)

    def is_good(self, now_ms: float) -> bool:
        """Tell whether little is gained by asking for the time: there are recent round trips, one of them short."""
        recent = [one.length_ms for one in self._samples if one.ended_ms >= now_ms - CLOCK_KEPT_MS]
        return len(recent) >= CLOCK_GOOD_SAMPLES and min(recent) <= CLOCK_GOOD_MS

    @property
    def offset_ms(self) -> float:
        """Server time minus local time; 0 before the first answer. The shortest round trip has the smallest error."""
        best = self._best()
        return best.offset_ms if best is not None else 0.0

    def _best(self) -> _RoundTrip | None:
        return min(self._samples, key=lambda one: one.length_ms, default=None)
