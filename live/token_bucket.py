"""How much is allowed in a time, pure: a bucket of tokens that refills."""

from typing import Final

_ROUNDING: Final = 0.001
"""Tokens: sums of fractions of a second may come out too large by less than this."""


class TokenBucket:
    """Allows ``burst`` at once and ``per_s`` for long.

    Kept as the moment at which it is full again, as the generic cell rate algorithm does: each token taken puts it off.

    Args:
        per_s: tokens that flow in each second.
        burst: tokens that it holds; it begins full.
        now: seconds of a monotonic clock.
    """

    __slots__ = ("_full_at", "_most_s", "_token_s")

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self._token_s = 1 / per_s
        self._most_s = (burst - 1 + _ROUNDING) / per_s
        self._full_at = now

    def allows(self, now: float) -> bool:
        """Take one token; False when there is none."""
        full_at = self._full_at
        if full_at <= now:
            self._full_at = now + self._token_s
            return True
        if full_at - now > self._most_s:
            return False
        self._full_at = full_at + self._token_s
        return True

    def is_full(self, now: float) -> bool:
        """Tell whether it holds all that it can."""
        return self._full_at <= now

    def wait_s(self, now: float) -> float:
        """Return in how many seconds there is a token again; 0 when there is one."""
        return max(0.0, self._full_at - now - self._most_s)
