"""How long to leave a failing channel alone. Pure."""

from inventory.channels.limits import BACKOFF_FIRST_MS, BACKOFF_MOST_MS, RETRY_AFTER_MOST_MS


def backoff_ms(failures: int, chance: float, *, retry_after_ms: int | None = None) -> int:
    """Milliseconds to wait before the next try.

    The wait doubles with each failure up to ``BACKOFF_MOST_MS``; its lower half is fixed and its upper half is chance,
    so that channels which failed together do not come back together. What the channel asked for is the least.

    Args:
        failures: failures in a row, from 1.
        chance: 0.0 to 1.0.
        retry_after_ms: what the channel asked for; more than ``RETRY_AFTER_MOST_MS`` counts as that.
    """
    longest = min(BACKOFF_FIRST_MS << min(failures - 1, 16), BACKOFF_MOST_MS)
    own = round(longest * (0.5 + 0.5 * chance))
    return max(own, min(retry_after_ms or 0, RETRY_AFTER_MOST_MS))
