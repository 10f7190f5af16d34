"""The pool hands a connection on whatever becomes of those who wait for it."""

import asyncio
import time
from importlib import metadata

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from kit.pool_redis import WaitingPool
from kit.redis_client import connect_redis

WAIT_S = 0.5


@pytest.fixture
def pool(redis_url: str) -> WaitingPool:
    made = WaitingPool.from_url(redis_url, max_connections=1, wait_s=WAIT_S, protocol=2)
    assert isinstance(made, WaitingPool)
    return made


async def test_who_is_cancelled_when_a_connection_becomes_free_passes_it_on(pool: WaitingPool) -> None:
    for turns in range(4):  # of the loop, between the release and the cancellation
        held = await pool.get_connection()
        first, second = asyncio.create_task(pool.get_connection()), asyncio.create_task(pool.get_connection())
        await asyncio.sleep(0.01)
        await pool.release(held)
        for _ in range(turns):
            await asyncio.sleep(0)
        if first.done():
            await pool.release(first.result())
        first.cancel()
        async with asyncio.timeout(WAIT_S / 2):
            passed_on = await second
        assert passed_on is held
        await pool.release(passed_on)
        await asyncio.gather(first, return_exceptions=True)
    await pool.disconnect()


async def test_no_connection_is_lost_however_callers_are_cancelled(pool: WaitingPool) -> None:
    redis = Redis.from_pool(pool)
    for n in range(200):
        calls = [asyncio.ensure_future(redis.ping()) for _ in range(4)]
        for _ in range(n % 12):
            await asyncio.sleep(0)
        for call in calls[:3]:
            call.cancel()
        assert await calls[3]
        await asyncio.gather(*calls, return_exceptions=True)
    await redis.aclose()


async def test_who_waits_too_long_is_told_and_keeps_nothing(pool: WaitingPool) -> None:
    held = await pool.get_connection()
    began_at = time.monotonic()
    with pytest.raises(RedisConnectionError, match="became free"):
        await pool.get_connection()
    assert WAIT_S * 0.9 < time.monotonic() - began_at < WAIT_S * 10
    await pool.release(held)
    await pool.release(await pool.get_connection())
    await pool.disconnect()


async def test_a_server_that_is_not_there_takes_no_connection_away() -> None:
    pool = WaitingPool(max_connections=1, wait_s=WAIT_S, host="127.0.0.1", port=1, protocol=2)
    for _ in range(3):
        with pytest.raises(RedisConnectionError, match=r"127\.0\.0\.1:1"):
            await pool.get_connection()


async def test_a_new_connection_does_not_look_up_the_librarys_version(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stands in the library's files, and reading them takes longer than connecting."""
    looked_up: list[str] = []
    version = metadata.version

    def look_up(name: str) -> str:
        looked_up.append(name)
        return version(name)

    monkeypatch.setattr(metadata, "version", look_up)
    client = connect_redis(redis_url)
    before = len(looked_up)
    await asyncio.gather(*(client.ping() for _ in range(3)))
    assert len(client.connection_pool._available_connections) == 3
    assert (before, len(looked_up)) == (1, 1)
    await client.aclose()
