"""Asking Redis; it is only read."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from redis.exceptions import NoPermissionError, ResponseError

from inventory.holds import Pool
from kit.cluster_redis import ClusterRedis
from kit.errors import UnavailableError
from kit.redis_client import RedisClient, redis_errors
from live.checkup.facts import BookFacts, RedisFacts
from live.checkup.limits import PINGS
from live.checkup.round_trips import RoundTrip, ahead_ms, latency_ms
from live.reconcile.facts_redis import read_book


async def ask_redis(redis: RedisClient, *, embedded: bool) -> list[RedisFacts]:
    """Return what the server says, or each master of a cluster.

    Raises:
        UnavailableError: it does not answer, or lets us not ask.
    """
    with redis_errors(), _refusals():
        if not isinstance(redis, ClusterRedis):
            return [await _ask(redis, "Redis", asked_as_cluster=False, embedded=embedded)]
        masters = await redis.masters()
        return [
            await _ask(node, f"Redis node {n}", asked_as_cluster=True, embedded=embedded)
            for n, node in enumerate(masters, 1)
        ]


async def ask_books(redis: RedisClient, pools: Sequence[Pool]) -> BookFacts:
    """Return which unfinished offers sell nothing before their books are rebuilt.

    Raises:
        UnavailableError: Redis does not answer.
    """
    recovering = []
    for pool in pools:
        book = await read_book(redis, pool.pool_id, whole=False)
        if not book.on_this_server or book.epoch != pool.epoch:
            recovering.append(pool.pool_id)
    return BookFacts(pools=len(pools), recovering=tuple(recovering))


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NoPermissionError as error:
        raise UnavailableError("Redis does not let this user ask (INFO, TIME)", code="redis_down") from error


async def _ask(redis: RedisClient, name: str, *, asked_as_cluster: bool, embedded: bool) -> RedisFacts:
    info = cast(Mapping[str, Any], await redis.info())
    trips = [await _trip(redis) for _ in range(PINGS)]
    return RedisFacts(
        name=name,
        version=str(info["redis_version"]),
        role=str(info["role"]),
        replicas=int(info.get("connected_slaves", 0)),
        in_cluster=bool(info.get("cluster_enabled", 0)),
        asked_as_cluster=asked_as_cluster,
        loading=bool(info.get("loading", 0)),
        append_only=bool(info.get("aof_enabled", 0)),
        appendfsync=await _appendfsync(redis),
        last_write_ok=info.get("aof_last_write_status", "ok") == "ok",
        eviction=str(info.get("maxmemory_policy", "noeviction")),
        used_bytes=int(info["used_memory"]),
        maxmemory_bytes=int(info.get("maxmemory", 0)),
        embedded=embedded,
        latency_ms=latency_ms(trips),
        ahead_ms=ahead_ms(trips),
    )


async def _appendfsync(redis: RedisClient) -> str | None:
    try:
        answer = cast(Mapping[str, str], await redis.config_get("appendfsync"))
    except ResponseError:
        return None  # a managed Redis, or a user without the permission
    return answer.get("appendfsync")


async def _trip(redis: RedisClient) -> RoundTrip:
    asked_at_ms, began_s = time.time() * 1000, time.perf_counter()
    seconds, microseconds = await redis.time()
    took_ms = (time.perf_counter() - began_s) * 1000
    return RoundTrip(asked_at_ms, seconds * 1000 + microseconds / 1000, took_ms)
