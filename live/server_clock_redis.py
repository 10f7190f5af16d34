"""The clock that viewers are told: that of Redis, which decides about holds (D6), whatever clock this machine has."""

from kit.clock import now_ms
from kit.redis_client import RedisClient, pipelined
from live.limits import SERVER_CLOCK_WAIT_MOST_MS


class ServerClock:
    """How far the clock of Redis is ahead of ours; looked at again and again.

    Args:
        redis: whose clock it is; in a cluster that of any node.
    """

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._offset_ms: float | None = None

    def now_ms(self) -> int:
        """Return the time of Redis, milliseconds since the epoch; our own as long as Redis was never asked."""
        return now_ms() + round(self._offset_ms or 0)

    async def look(self) -> None:
        """Ask Redis for its time; an answer that was long on its way counts only when there is no better one.

        Raises:
            UnavailableError: Redis does not answer.
        """
        asked_ms = now_ms()
        [(seconds, microseconds)] = await pipelined(self._redis, [("TIME",)])
        heard_ms = now_ms()
        if self._offset_ms is None or heard_ms - asked_ms <= SERVER_CLOCK_WAIT_MOST_MS:
            server_ms = int(seconds) * 1000 + int(microseconds) / 1000
            self._offset_ms = server_ms - (asked_ms + heard_ms) / 2
