"""Which reads Redis serves: everything that any client asks it, heard through ``MONITOR``.

Redis's own counters would not do: they count what a script reads inside as if a client had asked for it.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, Protocol, cast

from redis import Redis

READS: Final = frozenset({
    "xrange", "xrevrange", "xread", "get", "mget", "hget", "hmget", "hgetall", "hlen", "hvals", "hkeys",
    "zrange", "zrangebyscore", "zrevrange", "zscore", "zmscore", "zcard", "smembers", "sismember", "scard", "lrange",
    "llen", "exists", "evalsha", "eval",
})  # fmt: skip
"""Commands that read, and scripts, which may."""

_END: Final = "the end of a count of reads"
_IN_SCRIPT: Final = "lua"


class _Monitor(Protocol):
    """What redis-py's monitor does; it says so without types."""

    def __enter__(self) -> "_Monitor": ...

    def __exit__(self, *error: object) -> None: ...

    def listen(self) -> Iterator[dict[str, str]]: ...


class ReadCounter:
    """Counts reads between ``begin`` and ``end``.

    Args:
        redis_url: which Redis.
    """

    def __init__(self, redis_url: str) -> None:
        self._redis = Redis.from_url(redis_url, protocol=2)
        self._heard: _Monitor | None = None

    def begin(self) -> None:
        """Count from now on."""
        monitor = cast(_Monitor, cast(Any, self._redis).monitor())
        self._heard = monitor.__enter__()

    def end(self) -> Counter[str]:
        """Stop, and return how often each was read: by command and key, or script.

        What scripts read inside is not counted.
        """
        assert self._heard is not None
        self._redis.echo(_END)
        counts: Counter[str] = Counter()
        for heard in self._heard.listen():
            words = heard["command"].split()
            name = words[0].lower() if words else ""
            if name == "echo" and _END in heard["command"]:
                break
            if heard["client_type"] != _IN_SCRIPT and name in READS:
                counts[" ".join([name, *words[1:2]])] += 1
        self.close_monitor()
        return counts

    def close_monitor(self) -> None:
        """Stop listening; harmless when nobody listens."""
        if self._heard is not None:
            self._heard.__exit__(None, None, None)
            self._heard = None

    def close(self) -> None:
        """Let the connections go."""
        self.close_monitor()
        self._redis.close()
