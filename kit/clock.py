"""The time of this process, for what is only measured or displayed.

What decides (a hold's deadline, an offer's end) is decided by Redis ``TIME`` or by Postgres, never by this clock.
"""

import time


def now_ms() -> int:
    """Return the wall clock as integer milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
