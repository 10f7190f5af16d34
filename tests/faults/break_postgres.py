"""What can happen to Postgres while people pay."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeAlias

import asyncpg

from tests.faults.cutting_proxy import at_random
from tests.faults.limits import (
    AWAY_S,
    BETWEEN_KILLS_S,
    CUT_FOR_S,
    CUT_SHARES,
    DEADLOCKS_FOR_S,
    FULL_BEFORE_LOG_S,
    FULL_FOR_S,
    IDLE_MOST,
    LOCK_HELD_S,
    LOCKED_MOST,
    LOCKERS,
    NO_SLOT_FOR_S,
    POSTGRES_ENDS_S,
)
from tests.faults.scene import Scene

# A string: asyncpg's classes are generic for type checkers only.
Session: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_TROUBLES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)

_END_OTHERS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE backend_type = 'client backend' AND application_name <> 'faults idle'
"""
_LOCK_POOL = "SELECT 1 FROM pools WHERE pool_id = $1 FOR UPDATE"
_LOCK_STOCK = "SELECT 1 FROM stock JOIN pools USING (sku, location) WHERE pool_id = $1 FOR UPDATE OF stock"
_LOCK_ORDER = "SELECT 1 FROM orders WHERE order_id = $1 FOR UPDATE"
# Showdrop locks orders in the order of their ids.
_NEWEST = """
SELECT order_id FROM orders WHERE pool_id = $1 AND state IN ('submitted', 'authorised', 'confirmed')
ORDER BY order_id DESC LIMIT $2
"""


async def kill_postgres_twice(scene: Scene) -> None:
    """Kill the postmaster and start it on its data, and once more as soon as everybody has come back."""
    assert scene.postgres is not None
    for _ in range(2):
        await scene.postgres.kill()
        scene.strike()
        await asyncio.sleep(AWAY_S)
        await scene.postgres.start()
        await asyncio.sleep(BETWEEN_KILLS_S)


async def cut_commits(scene: Scene) -> None:
    """Cut connections where transactions end: a part of all of them, at random."""
    assert scene.proxy is not None
    scene.proxy.choose = at_random(scene.rng, CUT_SHARES)
    await asyncio.sleep(CUT_FOR_S)
    scene.proxy.choose = lambda _end: None
    scene.strike(sum(scene.proxy.cuts.values()))


async def exhaust_pool(scene: Scene) -> None:
    """Let idle clients take every connection that Postgres has, and whoever had one lose it."""
    assert scene.postgres is not None
    ends_at = time.monotonic() + NO_SLOT_FOR_S
    async with contextlib.AsyncExitStack() as idle:
        first = await idle.enter_async_context(_connected(scene.postgres.url, "faults idle"))
        while time.monotonic() < ends_at:
            for _ in range(IDLE_MOST):
                try:
                    await idle.enter_async_context(_connected(scene.postgres.url, "faults idle"))
                except asyncpg.TooManyConnectionsError:
                    scene.strike()
                    break
            await first.execute(_END_OTHERS)
            await asyncio.sleep(0.02)


async def lock_up(scene: Scene) -> None:
    """Lock orders, pool and stock in other orders than Showdrop does, again and again, by several clients."""
    async with _connected(scene.database_url, "faults") as connection:
        before = await _deadlocks(connection)
        async with asyncio.TaskGroup() as lockers:
            for number in range(LOCKERS):
                lockers.create_task(_lock_again_and_again(scene, (_stock_first, _orders_first)[number % 2]))
        # Sessions tell of their deadlocks when they have nothing to do.
        await asyncio.sleep(1.0)
        scene.strike(await _deadlocks(connection) - before)


async def _lock_again_and_again(scene: Scene, lock: Callable[[Scene, Session], Awaitable[None]]) -> None:
    ends_at = time.monotonic() + DEADLOCKS_FOR_S
    async with _connected(scene.database_url, "faults") as connection:
        # The others are to find the deadlock, and to be the ones who are broken off.
        await connection.execute("SET deadlock_timeout = '3s'; SET lock_timeout = '2s'")
        while time.monotonic() < ends_at:
            with contextlib.suppress(asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError):
                async with connection.transaction():
                    await lock(scene, connection)
            await asyncio.sleep(scene.rng.uniform(0, LOCK_HELD_S))


async def _stock_first(scene: Scene, connection: Session) -> None:
    await connection.execute(_LOCK_STOCK, scene.offer_id)
    await asyncio.sleep(LOCK_HELD_S)
    await connection.execute(_LOCK_POOL, scene.offer_id)


async def _orders_first(scene: Scene, connection: Session) -> None:
    for row in await connection.fetch(_NEWEST, scene.offer_id, LOCKED_MOST):
        await connection.execute(_LOCK_ORDER, row["order_id"])
        await asyncio.sleep(LOCK_HELD_S / LOCKED_MOST)
    await connection.execute(_LOCK_POOL, scene.offer_id)


async def _deadlocks(connection: Session) -> int:
    counted: int = await connection.fetchval(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    )
    return counted


async def fill_disk(scene: Scene) -> None:
    """Fill the disk of the data; then leave no room for the next piece of the log either, of which Postgres ends."""
    assert scene.postgres is not None
    assert scene.disk is not None
    ends_at = time.monotonic() + FULL_FOR_S
    await _keep_full(scene, time.monotonic() + FULL_BEFORE_LOG_S)
    with contextlib.suppress(*_TROUBLES):
        async with asyncio.timeout(FULL_FOR_S), _connected(scene.postgres.url, "faults") as connection:
            while True:
                await connection.execute("SELECT pg_logical_emit_message(true, 'faults', 'x'), pg_switch_wal()")
    await _keep_full(scene, ends_at)
    scene.disk.empty()
    scene.strike(scene.postgres.said("No space left on device"))
    if await scene.postgres.has_ended(POSTGRES_ENDS_S):
        await scene.postgres.start()


async def _keep_full(scene: Scene, until: float) -> None:
    assert scene.disk is not None
    while time.monotonic() < until:
        scene.disk.fill()
        await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def _connected(url: str, name: str) -> AsyncIterator[Session]:
    connection = await asyncpg.connect(url, server_settings={"application_name": name}, timeout=10)
    try:
        yield connection
    finally:
        connection.terminate()
