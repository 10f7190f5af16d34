"""The clock that viewers are told: that of Redis, which decides about holds (D6), whatever clock this machine has."""

import time

from kit.clock import now_ms
from kit.redis_client import RedisClient, pipelined
from live.limits import SERVER_CLOCK_LOOKS_MOST, SERVER_CLOCK_WAIT_MOST_MS


class ServerClock:
    """How far the clock of Redis is ahead of ours; looked at again and again.

    Args:
        redis: whose clock it is; in a cluster that of any node.
    """

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._offset_ms = 0.0
        self._looks_since_good = SERVER_CLOCK_LOOKS_MOST

    def now_ms(self) -> int:
        """Return the time of Redis, milliseconds since the epoch; our own as long as Redis was never asked."""
        return now_ms() + round(self._offset_ms)

    async def look(self) -> None:
        """Ask Redis for its time; an answer that was long on its way counts only when there was no better one for long.

        Raises:
            UnavailableError: Redis does not answer.
        """
        asked_s = time.monotonic()
        [(seconds, microseconds)] = await pipelined(self._redis, [("TIME",)])
        took_ms = (time.monotonic() - asked_s) * 1000
        self._looks_since_good += 1
        if took_ms <= SERVER_CLOCK_WAIT_MOST_MS or self._looks_since_good >= SERVER_CLOCK_LOOKS_MOST:
            server_ms = int(seconds) * 1000 + int(microseconds) / 1000
            self._offset_ms = server_ms + took_ms / 2 - now_ms()
            self._looks_since_good = 0
