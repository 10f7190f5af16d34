"""The connections to Redis, scripts with automatic reload, and the one place where redis-py's errors become ours."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha1
from pathlib import Path
from typing import Any

import redis.exceptions
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.driver_info import DriverInfo
from redis.exceptions import NoScriptError, ResponseError

from kit.cluster_redis import ClusterRedis
from kit.errors import UnavailableError
from kit.metrics import Spread
from kit.pool_redis import WaitingPool
from kit.slots import Address, is_cluster, parse_cluster_url

MAX_CONNECTIONS = 16
CONNECT_TIMEOUT_S = 5.0
# Longer than any script of ours by orders of magnitude; a Redis that is slower than this counts as gone.
SOCKET_TIMEOUT_S = 5.0


_GONE = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.InvalidResponse,  # something else listens there
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    redis.exceptions.ClusterDownError,  # also a master that is down
    redis.exceptions.TryAgainError,
    redis.exceptions.AskError,  # also a slot that has moved: redirected too often
    OSError,
    TimeoutError,
)

_NOT_NOW = (
    "BUSY ",
    "LOADING ",
    "MISCONF ",
    "NOREPLICAS ",
    "CLUSTERDOWN ",
    "TRYAGAIN ",
    "MASTERDOWN ",
    "READONLY ",
    "OOM ",
)
"""How errors begin that end by themselves, or when an operator acts: a script that runs for long, a full disk."""


@contextmanager
def redis_errors() -> Iterator[None]:
    """Turn "Redis does not answer, or cannot now" into ``UnavailableError``; a mistake of ours passes through."""
    try:
        yield
    except ResponseError as error:
        # The library has a class of its own for some of these and none for others.
        if not isinstance(error, _GONE) and not str(error).startswith(_NOT_NOW):
            raise
        word = next((one.strip() for one in _NOT_NOW if str(error).startswith(one)), type(error).__name__)
        raise UnavailableError(f"Redis cannot now: {word}", code="redis_down") from error
    except _GONE as error:
        raise UnavailableError(f"Redis does not answer: {type(error).__name__}", code="redis_down") from error


def connect_redis(url: str, *, max_connections: int = MAX_CONNECTIONS, waits: Spread | None = None) -> Redis:
    """Return a client with a bounded pool that waits for a free connection instead of failing.

    Nothing is sent yet. Retries are off: our scripts are idempotent, and their callers decide about a second try.

    Args:
        url: ``redis://…``, ``rediss://…`` or ``unix://…``; for a cluster ``redis+cluster://host:port[,host:port…]`` or
            ``rediss+cluster://…``.
        max_connections: most connections at once, of a cluster to each node.
        waits: where the seconds that callers waited for a free connection are counted.

    Raises:
        ValueError: the URL is malformed.
    """
    waited = Spread() if waits is None else waits
    if not is_cluster(url):
        return _connect_server(url, max_connections, waited)
    cluster = parse_cluster_url(url)

    def connect(node: Address) -> Redis:
        return _connect_server(cluster.of_node(node), max_connections, waited)

    return ClusterRedis(cluster.seeds, connect)


def _connect_server(url: str, max_connections: int, waits: Spread) -> Redis:
    pool = WaitingPool.from_url(
        url,
        max_connections=max_connections,
        wait_s=SOCKET_TIMEOUT_S,
        waits=waits,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=SOCKET_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
        driver_info=DriverInfo(),  # else each connection reads the library's version from its files anew
    )
    return Redis.from_pool(pool)


RedisClient = Redis
"""For those who pass a client on: only ``*_redis.py`` files talk to one. It may be a ``ClusterRedis``."""

Command = tuple[str | int | bytes, ...]


async def pipelined(client: Redis, commands: Sequence[Command], *, atomic: bool = False) -> list[Any]:
    """Send commands in one round trip and return their replies, in order.

    In a cluster it is one round trip to each node concerned, all at the same time. When one of them does not answer,
    what was sent to the others is done all the same; see ``pipelined_each``.

    Args:
        client: whose connection is used.
        commands: each as its words, such as ``("HGET", key, field)``.
        atomic: run them as one transaction; all keys are of one hash tag.

    Raises:
        UnavailableError: Redis does not answer.
    """
    with redis_errors():
        if isinstance(client, ClusterRedis):
            replies = await client.run(commands, atomic=atomic)
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
            return replies
        pipeline = client.pipeline(transaction=atomic)
        for command in commands:
            pipeline.execute_command(*command)
        return await pipeline.execute()


async def pipelined_each(client: Redis, commands: Sequence[Command]) -> list[Any]:
    """Do as ``pipelined``, for a caller who can use the replies of some nodes without those of the others.

    Returns:
        The replies, in order; an ``UnavailableError`` in the place of each that a node did not give.
    """
    if not isinstance(client, ClusterRedis):
        try:
            return list(await pipelined(client, commands))
        except UnavailableError as error:
            return [error] * len(commands)
    try:
        with redis_errors():
            replies = await client.run(commands)
    except UnavailableError as error:
        return [error] * len(commands)
    return [_or_unavailable(reply) for reply in replies]


def _or_unavailable(reply: object) -> object:
    if not isinstance(reply, Exception):
        return reply
    try:
        with redis_errors():
            raise reply
    except UnavailableError as error:
        return error


async def subscriber(client: Redis) -> Redis:
    """Return the client to subscribe with: in a cluster that of any node which answers, since all hear everything.

    Raises:
        UnavailableError: Redis does not answer.
    """
    with redis_errors():
        return await client.healthy_node() if isinstance(client, ClusterRedis) else client


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
