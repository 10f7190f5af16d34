"""When a viewer's client comes back, and what it makes of positions. Pure; ``live/client.py`` acts on it.

The browser's twin is ``live/web/reconnect.js``.
"""

from collections.abc import Callable
from typing import Final, Literal

from live.close_codes import CloseCode
from live.wire import Goodbye, Position, Welcome

BACKOFF_FIRST_S: Final = 0.5
"""The first wait is up to this long."""

BACKOFF_MOST_S: Final = 20.0
"""No back-off is longer than this."""

RESTART_SPREAD_S: Final = 10.0
"""After 1012 without a ``goodbye`` everyone comes back within this long: they were all cut in the same moment."""

OVERLOAD_LEAST_S: Final = 5.0
"""After a close that says "too much" nobody comes back earlier."""

RETRY_AFTER_MOST_S: Final = 300.0
"""Most of a ``Retry-After`` that is believed: a mistaken one must not cost a viewer the show."""

STATUSES_THAT_PASS: Final = frozenset({408, 425, 429})
"""HTTP statuses from 400 to 499 that another try may not meet: timeout, too early, too many."""

TRY_AGAIN_LATER: Final = 1013
"""The registered close code for overload; proxies send it, our gateway sends ``OVERLOAD``."""


def backoff_ceiling_s(attempt: int) -> float:
    """Return the longest wait before try number ``attempt``, counted from 0 after a good connection."""
    return min(BACKOFF_MOST_S, BACKOFF_FIRST_S * (1 << min(attempt, 16)))


class Reconnect:
    """How long to wait before the next try.

    Exponential back-off with full jitter, from 0.5 to 20 s, that starts anew only after a welcome: a server that takes
    connections and drops them is as far from well as one that takes none. Every wait that the server asks for is
    spread at random as well: who was sent away together must not come back together.

    Args:
        random01: gives numbers in [0, 1).
    """

    def __init__(self, random01: Callable[[], float]) -> None:
        self._random01 = random01
        self._attempt = 0
        self._goodbye: Goodbye | None = None

    def welcomed(self) -> None:
        """Start anew."""
        self._attempt = 0
        self._goodbye = None

    def take_goodbye(self, goodbye: Goodbye) -> None:
        """Remember the window in which the server wants to see us again; it counts once."""
        self._goodbye = goodbye

    def wait_s(self, close_code: int, retry_after_s: float = 0.0) -> float:
        """Return the seconds until the next try, and count it."""
        goodbye, self._goodbye = self._goodbye, None
        if goodbye is not None:
            spread_ms = max(0, goodbye.reconnect_max_ms - goodbye.reconnect_min_ms)
            return (goodbye.reconnect_min_ms + self._random01() * spread_ms) / 1000
        least_s = min(retry_after_s, RETRY_AFTER_MOST_S)
        if close_code in (TRY_AGAIN_LATER, CloseCode.OVERLOAD):
            least_s = max(least_s, OVERLOAD_LEAST_S)
        spread_s = max(least_s, backoff_ceiling_s(self._attempt))
        if close_code == CloseCode.SERVICE_RESTART:
            spread_s = max(spread_s, RESTART_SPREAD_S)
        self._attempt += 1
        return least_s + self._random01() * spread_s


def may_dial_again(status: int) -> bool:
    """Tell whether to come back after a dial that was answered with an HTTP status instead of an upgrade.

    A 4xx says that this very dial is wrong: a malformed show, an origin that may not. Those that mean *later* are not.
    """
    return not 400 <= status <= 499 or status in STATUSES_THAT_PASS


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
