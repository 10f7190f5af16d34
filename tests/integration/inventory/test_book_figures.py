"""What the keeper shows of the books, as they are in Redis."""

import time

import pytest
from redis.asyncio import Redis

from inventory.book_figures import BookFigures
from inventory.holds import Accepted, ClaimRequest
from kit.ids import new_ulid
from kit.metrics import new_registry
from kit.postgres import Postgres
from tests.integration.inventory.stepped_book import BEGIN_MS, BookKeys, a_stepped_pool, stepped_holds
from tests.integration.inventory.test_keeper import Yard


async def test_the_keeper_shows_units_lost_books_and_when_it_got_through(postgres: Postgres, redis: Redis) -> None:
    yard, registry = Yard(postgres, redis), new_registry()
    yard.keeper._figures = BookFigures(registry)
    figure = registry.get_sample_value
    pool = await yard.pool(5)
    await yard.hold(pool)
    await yard.keeper.round()
    units = {state: figure("showdrop_pool_units", {"state": state}) for state in ("available", "held", "sold")}
    assert units == {"available": 4, "held": 1, "sold": 0}
    assert (figure("showdrop_pools"), figure("showdrop_pools_recovering")) == (1, 0)
    assert figure("showdrop_keeper_last_round_timestamp_seconds") == pytest.approx(time.time(), abs=5)
    await yard.forget_book(pool)
    await yard.keeper.round()
    assert figure("showdrop_pools_recovering") == 1, "as the round found it"
    assert figure("showdrop_pool_rebuilds_total") == 1
    await yard.keeper.round()
    assert figure("showdrop_pools_recovering") == 0


async def test_units_that_a_book_promised_and_has_not_are_shown(postgres: Postgres, redis: Redis) -> None:
    yard, registry = Yard(postgres, redis), new_registry()
    yard.keeper._figures = BookFigures(registry)
    pool = await yard.pool(5)
    await redis.hset(f"{{{pool.pool_id}}}:pool", "available", -2)
    await yard.keeper.round()
    assert registry.get_sample_value("showdrop_pool_oversold_units") == 2
    assert registry.get_sample_value("showdrop_pool_units", {"state": "available"}) == 0


async def test_the_sweep_lag_is_that_of_the_hold_longest_overdue(redis: Redis) -> None:
    pool = a_stepped_pool("offer_lag", 5, hold_ttl_ms=100)
    book, keys = stepped_holds(redis), BookKeys(redis, pool)
    await keys.set_clock(BEGIN_MS)
    await book.open(pool)
    claim = ClaimRequest(pool_id=pool.pool_id, claim_id=new_ulid(), buyer_id="ana", quantity=1)
    assert isinstance((await book.claim_many(pool, [claim]))[0], Accepted)
    assert await book.overdue_ms([pool.pool_id, "offer_of_nobody"]) == 0
    await keys.set_clock(BEGIN_MS + 100 + 7_000)
    assert await book.overdue_ms([pool.pool_id, "offer_of_nobody"]) == 7_000
    await book.sweep([pool.pool_id])
    assert await book.overdue_ms([pool.pool_id]) == 0
    assert await book.overdue_ms([]) == 0
