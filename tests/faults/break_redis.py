"""What can happen to Redis."""

import asyncio
import time

from tests.faults.limits import AWAY_S, SLOW_S, STALE_S
from tests.faults.scene import Scene


async def kill_redis(scene: Scene) -> None:
    """Kill Redis and start it on its data."""
    await scene.kill_redis()
    await asyncio.sleep(AWAY_S)
    await scene.start_redis()


async def empty_redis(scene: Scene) -> None:
    """Kill Redis and start it with nothing."""
    await scene.kill_redis(memory_is_lost=True)
    scene.redis.forget()
    await asyncio.sleep(AWAY_S)
    await scene.start_redis()


async def age_redis(scene: Scene) -> None:
    """Kill Redis and start it on the data that it had ``STALE_S`` ago."""
    copy = scene.redis.copy_data()
    await asyncio.sleep(STALE_S)
    await scene.kill_redis(memory_is_lost=True)
    scene.redis.put_back(copy)
    await scene.start_redis()


async def promote_stale_replica(scene: Scene) -> None:
    """Cut a replica off, kill its master ``STALE_S`` later, and let it take over the master's address."""
    replica = scene.replica
    # Else it waits 5 s for other replicas.
    await scene.redis.client.config_set("repl-diskless-sync-delay", 0)
    await replica.start("--replicaof", "127.0.0.1", str(scene.redis.port))
    while (await replica.client.info("replication"))["master_link_status"] != "up":
        await asyncio.sleep(0.02)
    await replica.client.replicaof("127.0.0.1", "1")  # nobody is there
    await asyncio.sleep(STALE_S)
    await scene.kill_redis(memory_is_lost=True)
    await replica.take_over(scene.redis)
    scene.came_back()


async def flush_scripts(scene: Scene) -> None:
    """Let Redis forget its scripts again and again."""
    ends_at = time.monotonic() + 2.0
    while time.monotonic() < ends_at:
        await scene.redis.client.script_flush()
        await asyncio.sleep(0.02)


async def fill_memory(scene: Scene) -> None:
    """Leave Redis no memory to write with for two seconds."""
    await scene.redis.client.config_set("maxmemory", 1)
    await asyncio.sleep(2.0)
    await scene.redis.client.config_set("maxmemory", 0)


async def slow_redis(scene: Scene) -> None:
    """Stop Redis for ``SLOW_S``."""
    scene.redis.pause()
    try:
        await asyncio.sleep(SLOW_S)
    finally:
        scene.redis.resume()


async def kill_redis_thrice(scene: Scene) -> None:
    """Kill Redis again before anybody has caught their breath."""
    for _ in range(3):
        await kill_redis(scene)
        await asyncio.sleep(0.5)
