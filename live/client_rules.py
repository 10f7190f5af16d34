"""When a viewer's client comes back, and what it makes of positions and clocks. Pure; ``client_ws.py`` acts on it.

The same rules as those of the browser's client, ``live/web/reconnect.js`` and ``live/web/server_clock.js``.
"""

from collections import deque
from typing import Final, Literal

from live.wire import Position, Welcome

BACKOFF_FIRST_S: Final = 0.5
"""The first wait is up to this long."""

BACKOFF_MOST_S: Final = 20.0
"""No wait is longer than this."""

CLOCK_SAMPLES: Final = 8
"""Round trips that are remembered; an older, better one must not outlive a drifting clock."""


def backoff_s(attempt: int, random01: float) -> float:
    """Return how long to wait: exponential with full jitter, so that ten thousand viewers do not come back in step.

    Args:
        attempt: 0 for the first try after a good connection.
        random01: in [0, 1).
    """
    return random01 * min(BACKOFF_MOST_S, BACKOFF_FIRST_S * (1 << min(attempt, 16)))


def judge_seq(last_seq: int, seq: int) -> Literal["apply", "duplicate", "gap"]:
    """Tell what to do with the log event at ``seq`` when ``last_seq`` was the last one applied."""
    if seq <= last_seq:
        return "duplicate"
    return "apply" if seq == last_seq + 1 else "gap"


class LogPlace:
    """Where a viewer is in the show's log.

    Attributes:
        position: the last event that was applied; None when a full snapshot is needed.
    """

    def __init__(self) -> None:
        self.position: Position | None = None
        self._applied_since_welcome = 0

    def welcome(self, welcome: Welcome) -> None:
        """Begin at the welcome; a recovered one goes on from here: the events up to ``welcome.seq`` follow."""
        if not welcome.recovered or self.position is None:
            self.position = Position(epoch=welcome.epoch, seq=welcome.seq)
        self._applied_since_welcome = 0

    def take(self, seq: int) -> Literal["apply", "duplicate", "gap"]:
        """Move to an event, and tell what to do with it; after a gap only another connection helps."""
        position = self.position
        if position is None:
            return "duplicate"
        verdict = judge_seq(position.seq, seq)
        if verdict == "apply":
            self.position = Position(epoch=position.epoch, seq=seq)
            self._applied_since_welcome += 1
        elif verdict == "gap" and self._applied_since_welcome == 0:
            # Resuming has just failed to fill this very gap: ask for a full snapshot instead.
            self.position = None
        return verdict


class ServerClock:
    """The server's clock, as well as a viewer can know it. All times are milliseconds since the epoch."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=CLOCK_SAMPLES)  # (round trip, offset)

    def learn(self, sent_ms: float, received_ms: float, server_ms: float) -> None:
        """Learn from one request and its answer; the server is taken to have read its clock half-way through."""
        round_trip_ms = received_ms - sent_ms
        if round_trip_ms >= 0:
            self._samples.append((round_trip_ms, server_ms + round_trip_ms / 2 - received_ms))

    def reset(self) -> None:
        """Forget everything, for example because another server answers now."""
        self._samples.clear()

    @property
    def offset_ms(self) -> float:
        """Server time minus local time; 0 before the first answer. The shortest round trip has the smallest error."""
        return min(self._samples)[1] if self._samples else 0.0

    @property
    def round_trip_ms(self) -> float | None:
        """The round trip that the offset was taken from."""
        return min(self._samples)[0] if self._samples else None
