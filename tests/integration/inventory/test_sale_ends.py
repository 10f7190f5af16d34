"""How holds end, in the failures that others reported; F-numbers are those of ``docs/failures.md``."""

import asyncio
import time
from uuid import uuid4

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from inventory.holds import Accepted, InLine, Refused
from inventory.holds_redis import RedisHolds
from tests.integration.inventory.stepped_book import BEGIN_MS, a_stepped_pool, an_end
from tests.integration.inventory.stepped_sale import TTL_MS, a_claim, a_sale, accepted


async def test_a_hold_released_many_times_at_once_gives_its_units_back_once(redis: Redis) -> None:
    # F4
    sale = await a_sale(redis, 5, limit=2)
    called = await sale.held("ana", 2)
    other = await sale.held("bob")
    ends = await asyncio.gather(*(sale.holds.release(sale.pool.pool_id, called, "ana") for _ in range(20)))
    assert {one.status for one in ends if one is not None} == {"released"}
    assert await sale.figures() == (4, 1, 0)
    await sale.holds.submit(sale.pool.pool_id, other, "bob")
    await sale.holds.resolve(sale.pool.pool_id, [an_end(other)])
    late = await sale.holds.release(sale.pool.pool_id, other, "bob")
    await sale.holds.resolve(sale.pool.pool_id, [an_end(other, "released"), an_end(called, "released")])
    assert late is not None
    assert late.status == "sold"
    assert await sale.figures() == (4, 0, 1)


async def test_to_keep_fewer_than_none_is_to_keep_none(redis: Redis) -> None:
    sale = await a_sale(redis, 3, limit=3)
    called = await sale.held("ana", 3)
    given = await sale.holds.release(sale.pool.pool_id, called, "ana", keep=-2)
    assert given is not None
    assert given.status == "released"
    assert await sale.figures() == (3, 0, 0)


async def test_a_part_given_back_twice_goes_back_once(redis: Redis) -> None:
    # F4
    sale = await a_sale(redis, 3, limit=3)
    called = await sale.held("ana", 3)
    for _ in range(2):
        kept = await sale.holds.release(sale.pool.pool_id, called, "ana", keep=1)
        assert kept is not None
        assert (kept.status, kept.quantity) == ("held", 1)
        assert await sale.figures() == (2, 1, 0)


@pytest.mark.parametrize("others", [0, 1_000])
async def test_a_buyers_own_overdue_hold_blocks_neither_their_claim_nor_their_place_in_line(
    redis: Redis, others: int
) -> None:
    # F8: also when so many holds are overdue that one call does not end them all.
    for ask in ("claim", "join"):
        sale = await a_sale(redis, others + 1)
        await sale.fill(others)
        await sale.wait(20)
        await sale.held("ana")
        await sale.wait(2 * TTL_MS)
        if ask == "claim":
            assert isinstance(await sale.claim("ana"), Accepted)
        else:
            assert await sale.join("ana") == InLine(place=0)
        [hold] = (await sale.holds.holds_of([sale.pool.pool_id], ["ana"]))["ana"]
        assert hold.status == "held"


async def test_expired_units_are_sold_again_although_nobody_ever_sweeps(redis: Redis) -> None:
    # F11
    sale = await a_sale(redis, 500)
    for lap in range(4):
        assert accepted(await sale.fill(700, name=f"lap-{lap}")) == 500
        await sale.wait(TTL_MS + 20)
    assert accepted(await sale.fill(600, name="last")) == 500


async def test_a_sweeper_that_comes_late_ends_five_thousand_overdue_holds_within_a_second(redis: Redis) -> None:
    # F11
    sale = await a_sale(redis, 5_000)
    assert accepted(await sale.fill(5_000)) == 5_000
    await sale.wait(60 * TTL_MS)
    begun = time.perf_counter()
    told = 0
    while found := await sale.holds.sweep([sale.pool.pool_id]):
        await sale.holds.told(found)
        told += len(found)
    taken_s = time.perf_counter() - begun
    assert told == 5_000
    assert await sale.figures() == (5_000, 0, 0)
    assert taken_s < 1


async def test_a_hold_whose_unit_somebody_else_has_is_not_extended(redis: Redis) -> None:
    # F12
    sale = await a_sale(redis, 1)
    called = await sale.held("ana")
    await sale.wait(TTL_MS)
    new = await sale.held("bob")
    late = await sale.holds.extend(sale.pool.pool_id, called, "ana", nth=1)
    assert late is not None
    assert (late.status, late.extensions) == ("expired", 0)
    assert await sale.figures() == (0, 1, 0)
    [hold] = (await sale.holds.holds_of([sale.pool.pool_id], ["ana", "bob"]))["bob"]
    assert (hold.hold_id, hold.expires_at_ms) == (new, BEGIN_MS + 2 * TTL_MS)


async def test_a_hold_is_not_extended_at_its_deadline_and_its_unit_is_free_by_that(redis: Redis) -> None:
    # F12
    sale = await a_sale(redis, 1)
    called = await sale.held("ana")
    await sale.wait(TTL_MS)
    late = await sale.holds.extend(sale.pool.pool_id, called, "ana", nth=1)
    assert late is not None
    assert late.status == "expired"
    assert await sale.figures() == (1, 0, 0)


@pytest.mark.parametrize("skew_s", [-600, 600])
async def test_a_wrong_clock_of_the_process_or_the_buyer_changes_no_deadline_and_no_answer(
    redis: Redis, monkeypatch: pytest.MonkeyPatch, skew_s: int
) -> None:
    # F26
    right_s, right_ns = time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: right_s() + skew_s)
    monkeypatch.setattr(time, "time_ns", lambda: right_ns() + skew_s * 1_000_000_000)
    holds = RedisHolds(redis)
    now_ms = int(right_s() * 1000)
    pool = replace(
        a_stepped_pool(f"offer_{uuid4().hex}", 2),
        starts_at_ms=now_ms - 1000,
        ends_at_ms=now_ms + 5000,
        hold_ttl_ms=1000,
    )
    await holds.open(pool)
    first, second, third = await holds.claim_many(pool, [a_claim(pool, f"buyer-{n}") for n in range(3)])
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert third == Refused(reason="sold_out", temporary=True)
    assert now_ms + 1000 <= first.expires_at_ms < now_ms + 3000
    submitted = await holds.submit(pool.pool_id, first.hold_id, "buyer-0")
    assert submitted is not None
    assert submitted.status == "submitted"
