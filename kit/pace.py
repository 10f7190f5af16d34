"""How far apart calls to somebody else's server have to be, pure: the limit is theirs, and what exceeds it an error."""

from typing import Final

MARGIN: Final = 1.05
"""Our calls are this much further apart than they may be: some come closer together on their way."""

SETTLES_S: Final = 1.0
"""Complaints about too many calls within this time count once."""

LEAST_SHARE: Final = 0.1
"""Slower than this part of the full pace it does not get."""

RECOVERY_SHARE_PER_S: Final = 0.02
"""After a complaint the full pace is back within half a minute."""


class Pace:
    """At most ``per_s`` starts in any second, whenever that second begins: evenly spaced.

    A bucket that refills lets twice as many through in its first second, and a burst arrives closer together, or
    further apart, than it was sent; both would be answered with 429 by a provider that counts by the second.

    Args:
        per_s: calls a second for long; below one, calls are so much further apart.
        at_once: calls that may follow each other directly after a rest: so many come on top of ``per_s`` in the first
            second.
    """

    def __init__(self, per_s: float, *, at_once: int = 1) -> None:
        if per_s <= 0 or at_once < 1:
            raise ValueError("the pace has to be positive")
        self._gap_s = MARGIN / per_s
        self._ahead = at_once - 1
        self._free_at = float("-inf")  # when the next call may start, were there none ahead
        self._closed_until = float("-inf")
        self._share = 1.0
        self._slowed_at = float("-inf")

    def wait_s(self, now: float) -> float:
        """Return how long the next call has to wait, in seconds; 0 or less when it may start."""
        return max(self._closed_until, self._free_at - self._ahead * self._gap_s) - now

    def start(self, now: float) -> None:
        """Write down that a call starts."""
        self._free_at = max(self._free_at, now) + self._gap_s / self.share(now)

    def slow_down(self, now: float, pause_s: float) -> None:
        """The provider complained: nothing starts for ``pause_s``, and the pace is halved.

        Complaints that come together are one: they are about the same second.
        """
        self._closed_until = max(self._closed_until, now + pause_s)
        if now - self._slowed_at >= SETTLES_S:
            self._share = max(LEAST_SHARE, self.share(now) / 2)
            self._slowed_at = now

    def share(self, now: float) -> float:
        """Return how much of the full pace is used now; it grows back evenly."""
        return min(1.0, self._share + (now - self._slowed_at) * RECOVERY_SHARE_PER_S)
