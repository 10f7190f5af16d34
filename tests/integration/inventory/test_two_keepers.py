"""No lock, no lease: a keeper that stands still for longer than its round wakes up to find its work done."""

import asyncio
import time
from collections.abc import Sequence

import pytest
from redis.asyncio import Redis

from inventory.holds import Accepted, ClaimRequest, Hold, HoldNews, OpenOrder, PoolCounts
from inventory.keeper import Keeper
from inventory.pools_pg import Pools, PoolState
from kit.ids import new_ulid
from kit.postgres import Postgres
from tests.integration.inventory.test_keeper import Yard
from tests.integration.inventory.test_pools import ring_fenced


@pytest.fixture
async def yard(postgres: Postgres, redis: Redis) -> Yard:
    return Yard(postgres, redis)


class Pause:
    """A keeper stands still here, until it is told to go on."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def here(self) -> None:
        self.reached.set()
        await self.go_on.wait()


class StandsStillBeforeGivingBack(Pools):
    """Has the counts, and gives units back by them much later."""

    def __init__(self, postgres: Postgres, pause: Pause) -> None:
        super().__init__(postgres)
        self._pause = pause

    async def settle_close(self, pool_id: str, counts: PoolCounts, *, finish: bool = True) -> bool:
        await self._pause.here()
        return await super().settle_close(pool_id, counts, finish=finish)


class StandsStillBeforeRebuilding(Pools):
    """Has begun an epoch, and rebuilds the book much later."""

    def __init__(self, postgres: Postgres, pause: Pause) -> None:
        super().__init__(postgres)
        self._pause = pause

    async def next_epoch(self, pool_id: str) -> PoolState | None:
        pool = await super().next_epoch(pool_id)
        await self._pause.here()
        return pool


def a_keeper(yard: Yard, pools: Pools) -> Keeper:
    async def note(news: Sequence[HoldNews]) -> Sequence[HoldNews]:
        yard.told += news
        return news

    async def orders_of(_pool_id: str) -> Sequence[OpenOrder]:
        return yard.orders

    async def settle(hold: Hold) -> None:
        yard.stale.append(hold)

    return Keeper(pools=pools, holds=yard.holds, orders_of=orders_of, tell=note, settle_stale=settle)


async def units_returned(yard: Yard, pool: PoolState) -> int:
    async with yard.postgres.connection() as connection:
        returned: int = await connection.fetchval(
            "SELECT coalesce(-sum(ring_fenced_delta), 0)::bigint FROM movements WHERE pool_id = $1 AND kind = 'return'",
            pool.pool_id,
        )
    return returned


async def test_a_keeper_that_stands_still_before_giving_units_back_gives_none_twice(yard: Yard) -> None:
    pool, pause = await yard.pool(5, hold_ttl_ms=1_500), Pause()
    await yard.hold(pool)
    await yard.close(pool)
    late = asyncio.create_task(a_keeper(yard, StandsStillBeforeGivingBack(yard.postgres, pause)).round())
    await pause.reached.wait()

    await yard.keeper.round()
    assert await units_returned(yard, pool) == 4
    await asyncio.sleep(1.55)
    await yard.keeper.round()
    assert await units_returned(yard, pool) == 5

    pause.go_on.set()
    await late
    await yard.keeper.round()
    assert await units_returned(yard, pool) == 5
    assert await ring_fenced(yard.postgres, pool.sku) == 0


async def test_a_keeper_that_stands_still_before_rebuilding_does_not_undo_the_next_book(yard: Yard) -> None:
    pool, pause = await yard.pool(5), Pause()
    for buyer_id in ("ana", "bob"):
        await yard.hold(pool, buyer_id)
    await yard.redis.hset(f"{{{pool.pool_id}}}:pool", "server", "a server that is no more")
    late = asyncio.create_task(a_keeper(yard, StandsStillBeforeRebuilding(yard.postgres, pause)).round())
    await pause.reached.wait()

    await yard.keeper.round()
    for buyer_id in ("cid", "dan"):
        await yard.hold(pool, buyer_id)
    before = await yard.counts(pool)
    assert (before.epoch, before.held, before.available) == (pool.epoch + 2, 4, 1)

    pause.go_on.set()
    await late
    assert await yard.counts(pool) == before
    await yard.hold(pool, "eve")
    claim = ClaimRequest(pool_id=pool.pool_id, claim_id=new_ulid(), buyer_id="fay", quantity=1)
    [answer] = await yard.holds.claim_many(await yard.state(pool.pool_id), [claim])
    assert not isinstance(answer, Accepted)


async def test_news_that_two_keepers_tell_frees_its_unit_once(yard: Yard) -> None:
    pool, pause = await yard.pool(3, hold_ttl_ms=500), Pause()
    hold_id = await yard.hold(pool)
    await asyncio.sleep(0.55)

    async def tell_slowly(news: Sequence[HoldNews]) -> Sequence[HoldNews]:
        await pause.here()
        yard.told += news
        return news

    late = asyncio.create_task(yard.another_keeper(tell=tell_slowly).round())
    await pause.reached.wait()
    await yard.keeper.round()
    # Meanwhile the unit is sold to somebody else: what is told twice must not free it again.
    taken = [await yard.hold(pool, buyer_id) for buyer_id in ("bob", "cid", "dan")]
    for taken_id, buyer_id in zip(taken, ("bob", "cid", "dan"), strict=True):
        await yard.holds.submit(pool.pool_id, taken_id, buyer_id)
    pause.go_on.set()
    await late
    await yard.keeper.round()
    counts = await yard.counts(pool)
    assert (counts.available, counts.held) == (0, 3)
    # One piece of news, however often it is told: the inbox knows it again by hold and kind.
    assert {(one.hold_id, one.what) for one in yard.told} == {(hold_id, "expired")}


async def test_four_keepers_at_once_return_every_unit_once(yard: Yard) -> None:
    pools = [await yard.pool(5, hold_ttl_ms=150) for _ in range(4)]
    for pool in pools:
        for buyer_id in ("ana", "bob"):
            await yard.hold(pool, buyer_id)
    for pool in pools[:2]:
        await yard.redis.hset(f"{{{pool.pool_id}}}:pool", "server", "a server that is no more")
    for pool in pools:
        await yard.close(pool)
    until = time.monotonic() + 10
    while await yard.pools.unfinished() and time.monotonic() < until:
        await asyncio.gather(*(yard.another_keeper().round() for _ in range(4)))
    assert [await units_returned(yard, pool) for pool in pools] == [5] * 4
    assert [await ring_fenced(yard.postgres, pool.sku) for pool in pools] == [0] * 4
