"""How much is allowed in a time, pure: a bucket of tokens that refills."""


class TokenBucket:
    """Allows ``burst`` at once and ``per_s`` for long.

    Args:
        per_s: tokens that flow in each second.
        burst: tokens that it holds; it begins full.
        now: seconds of a monotonic clock.
    """

    __slots__ = ("_burst", "_filled_at", "_left", "_per_s")

    def __init__(self, per_s: float, burst: float, now: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._left = burst
        self._filled_at = now

    def allows(self, now: float) -> bool:
        """Take one token; False when there is none."""
        left = self._left + (now - self._filled_at) * self._per_s
        left = left if left < self._burst else self._burst
        self._filled_at = now
        if left < 1:
            self._left = left
            return False
        self._left = left - 1
        return True
