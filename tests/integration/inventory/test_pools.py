"""Pools: ring-fenced in one transaction, given back once."""

import asyncio

import pytest

from inventory.holds import PoolCounts
from inventory.pools_pg import Pools, PoolTerms, close_pool, create_pool, set_ends_at
from inventory.stock import receive
from inventory.stock_pg import record_movements
from kit.errors import ConflictError
from kit.ids import new_id
from kit.postgres import Postgres

TERMS = {
    "per_buyer_limit": 1,
    "starts_at_ms": 0,
    "ends_at_ms": 5,
    "grace_ms": 0,
    "hold_ttl_ms": 5,
    "waitlist_hold_ttl_ms": 5,
}


async def a_sku(postgres: Postgres, stock: int) -> str:
    sku = new_id("sku")
    async with postgres.transaction() as connection:
        await connection.execute("INSERT INTO products (product_id, product_key, title) VALUES ($1, $1, 'Mug')", sku)
        await connection.execute(
            "INSERT INTO variants (sku, product_id, price_amount, price_currency) VALUES ($1, $1, 1, 'EUR')", sku
        )
        await connection.execute("INSERT INTO stock (sku) VALUES ($1)", sku)
        await record_movements(connection, [receive(sku, stock, key=f"receive:{sku}", reason="test")])
    return sku


async def a_pool(postgres: Postgres, sku: str, quantity: int) -> str:
    pool_id = new_id("offer")
    async with postgres.transaction() as connection:
        await create_pool(connection, pool_id, PoolTerms(sku=sku, quantity=quantity, mode="first_come", **TERMS))
    return pool_id


async def ring_fenced(postgres: Postgres, sku: str) -> int:
    async with postgres.connection() as connection:
        fenced: int = await connection.fetchval("SELECT ring_fenced FROM stock WHERE sku = $1", sku)
    return fenced


async def test_too_little_stock_leaves_no_pool_behind(postgres: Postgres) -> None:
    sku = await a_sku(postgres, 10)
    await a_pool(postgres, sku, 6)
    with pytest.raises(ConflictError) as refusal:
        await a_pool(postgres, sku, 5)
    assert refusal.value.code == "stock_short"
    assert await ring_fenced(postgres, sku) == 6
    async with postgres.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM pools WHERE sku = $1", sku) == 1


async def test_pools_opened_at_once_never_take_more_than_there_is(postgres: Postgres) -> None:
    sku = await a_sku(postgres, 10)
    results = await asyncio.gather(*(a_pool(postgres, sku, 3) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(one, str) for one in results) == 3, results
    assert {one.code for one in results if isinstance(one, ConflictError)} == {"stock_short"}
    assert await ring_fenced(postgres, sku) == 9


async def test_a_closing_pool_gives_each_unit_back_once(postgres: Postgres) -> None:
    sku = await a_sku(postgres, 10)
    pool_id, pools = await a_pool(postgres, sku, 6), Pools(postgres)
    counts = PoolCounts(epoch=1, current=True, allocated=6, available=4, held=2, sold=0)
    assert not await pools.settle_close(pool_id, counts), "an open pool gives nothing back"
    assert await ring_fenced(postgres, sku) == 6
    async with postgres.transaction() as connection:
        await close_pool(connection, pool_id, release_holds=False)
    assert not await pools.settle_close(
        pool_id, PoolCounts(epoch=2, current=True, allocated=6, available=6, held=0, sold=0)
    )
    assert await ring_fenced(postgres, sku) == 6, "another epoch's counts say nothing"
    finished = await asyncio.gather(*(pools.settle_close(pool_id, counts) for _ in range(5)))
    assert finished == [False] * 5
    assert await ring_fenced(postgres, sku) == 2
    done = PoolCounts(epoch=1, current=True, allocated=6, available=6, held=0, sold=0)
    assert sorted(await asyncio.gather(*(pools.settle_close(pool_id, done) for _ in range(3)))) == [False, False, True]
    assert await ring_fenced(postgres, sku) == 0
    assert await pools.next_epoch(pool_id) is None
    assert pool_id not in [one.pool_id for one in await pools.unfinished()]


async def test_a_pool_is_found_by_its_id_and_by_its_number(postgres: Postgres) -> None:
    pool_id, pools = await a_pool(postgres, await a_sku(postgres, 2), 2), Pools(postgres)
    pool = await pools.get(pool_id)
    assert pool is not None
    assert await pools.by_no(pool.pool_no) == pool
    assert await pools.by_no(pool.pool_no + 1) is None
    assert await pools.get("offer_none") is None
    async with postgres.transaction() as connection:
        await set_ends_at(connection, pool_id, 99)
    later = await pools.get(pool_id)
    assert later is not None
    assert later.ends_at_ms == 99
    await pools.close_overdue()
    closed = await pools.get(pool_id)
    assert closed is not None
    assert closed.closed
