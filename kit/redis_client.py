"""The connections to Redis, scripts with automatic reload, and the one place where redis-py's errors become ours."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha1
from pathlib import Path
from typing import Any

import redis.exceptions
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError

from kit.errors import UnavailableError

MAX_CONNECTIONS = 16
CONNECT_TIMEOUT_S = 5.0
# Longer than any script of ours by orders of magnitude; a Redis that is slower than this counts as gone.
SOCKET_TIMEOUT_S = 5.0


_GONE = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ClusterDownError,
    redis.exceptions.TryAgainError,
    redis.exceptions.MasterDownError,
    OSError,
    TimeoutError,
)


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn "Redis does not answer, or cannot now" into ``UnavailableError``; a mistake of ours passes through."""
    try:
        yield
    except _GONE as error:
        raise UnavailableError(f"Redis does not answer: {type(error).__name__}", code="redis_down") from error


def connect_redis(url: str, *, max_connections: int = MAX_CONNECTIONS) -> Redis:
    """Return a client with a bounded pool that waits for a free connection instead of failing.

    Nothing is sent yet. Retries are off: our scripts are idempotent, and their callers decide about a second try.

    Args:
        url: ``redis://…``, ``rediss://…`` or ``unix://…``.
        max_connections: most connections at once.
    """
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=max_connections,
        timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=SOCKET_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
    return Redis.from_pool(pool)


RedisClient = Redis
"""For those who pass a client on: only ``*_redis.py`` files talk to one."""

Command = tuple[str | int | bytes, ...]


async def pipelined(client: Redis, commands: Sequence[Command], *, atomic: bool = False) -> list[Any]:
    """Send commands in one round trip and return their replies, in order.

    Args:
        client: whose connection is used.
        commands: each as its words, such as ``("HGET", key, field)``.
        atomic: run them as one transaction.

    Raises:
        UnavailableError: Redis does not answer.
    """
    with redis_errors():
        pipeline = client.pipeline(transaction=atomic)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute()


class Script:
    """One Lua script, called by its hash and sent whole when the server does not know it (D7).

    ``SCRIPT FLUSH``, a restart or a failover therefore costs one extra call, not an outage.

    Args:
        paths: the Lua files that make up the script, in order: what it shares with others first.
    """

    def __init__(self, *paths: Path) -> None:
        self.source = "\n".join(path.read_text(encoding="utf-8") for path in paths)
        # SHA-1 is what the Redis protocol names scripts by; nothing here relies on its strength.
        self.sha = sha1(self.source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(self, client: Redis, keys: Sequence[str], args: Sequence[str | int | bytes]) -> object:
        """Run the script; what it returns is the Redis reply, undecoded.

        Raises:
            UnavailableError: Redis does not answer, or the script failed.
        """
        with redis_errors():
            try:
                return await client.evalsha(self.sha, len(keys), *keys, *args)
            except NoScriptError:
                return await client.eval(self.source, len(keys), *keys, *args)
