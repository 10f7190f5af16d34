import asyncio
import time

import pytest
from redis.asyncio import Redis

from inventory.hold_ids import new_hold_id
from inventory.holds import Accepted, ClaimAnswer, ClaimRequest, Hold, HoldAsked, OpenOrder, Pool, Refused
from inventory.holds_redis import RedisHolds
from inventory.limits import HOLDS_OF_MOST_BUYERS, HOLDS_OF_MOST_CALLS
from kit.ids import new_id, new_ulid
from tests.integration.inventory.stepped_book import an_end


def a_pool(
    allocated: int = 10,
    *,
    limit: int = 2,
    starts_in_ms: int = -1000,
    ends_in_ms: int = 60_000,
    grace_ms: int = 0,
    hold_ttl_ms: int = 60_000,
    epoch: int = 1,
) -> Pool:
    now = int(time.time() * 1000)
    return Pool(
        pool_id=new_id("offer"),
        pool_no=7,
        epoch=epoch,
        sku="MUG",
        allocated=allocated,
        per_buyer_limit=limit,
        starts_at_ms=now + starts_in_ms,
        ends_at_ms=now + ends_in_ms,
        grace_ms=grace_ms,
        hold_ttl_ms=hold_ttl_ms,
        waitlist_hold_ttl_ms=hold_ttl_ms,
    )


def a_claim(pool: Pool, buyer_id: str, quantity: int = 1, claim_id: str | None = None) -> ClaimRequest:
    return ClaimRequest(pool_id=pool.pool_id, claim_id=claim_id or new_ulid(), buyer_id=buyer_id, quantity=quantity)


@pytest.fixture
def holds(redis: Redis) -> RedisHolds:
    return RedisHolds(redis)


async def claim(
    holds: RedisHolds, pool: Pool, buyer_id: str, quantity: int = 1, claim_id: str | None = None
) -> ClaimAnswer:
    [answer] = await holds.claim_many(pool, [a_claim(pool, buyer_id, quantity, claim_id)])
    return answer


async def accepted(holds: RedisHolds, pool: Pool, buyer_id: str, quantity: int = 1) -> str:
    answer = await claim(holds, pool, buyer_id, quantity)
    assert isinstance(answer, Accepted)
    return answer.hold_id


async def figures(holds: RedisHolds, pool: Pool) -> tuple[int, int, int]:
    [counts] = await holds.counts([pool.pool_id])
    assert counts.allocated == counts.available + counts.held + counts.sold
    assert min(counts.available, counts.held, counts.sold) >= 0
    return counts.available, counts.held, counts.sold


async def test_exactly_the_allocated_units_are_held_when_many_claim_at_once(holds: RedisHolds) -> None:
    pool = a_pool(50)
    await holds.open(pool)
    batches = [[a_claim(pool, f"buyer-{batch}-{n}") for n in range(30)] for batch in range(10)]
    answers = await asyncio.gather(*(holds.claim_many(pool, batch) for batch in batches))
    flat = [one for batch in answers for one in batch]
    assert sum(isinstance(one, Accepted) for one in flat) == 50
    assert {one.reason for one in flat if isinstance(one, Refused)} == {"sold_out"}
    assert await figures(holds, pool) == (0, 50, 0)


async def test_a_repeated_claim_gets_its_first_answer_and_takes_nothing_more(holds: RedisHolds) -> None:
    pool = a_pool()
    await holds.open(pool)
    claim_id = new_ulid()
    first = await claim(holds, pool, "ana", 2, claim_id)
    again = [await claim(holds, pool, "ana", 2, claim_id) for _ in range(3)]
    assert isinstance(first, Accepted)
    assert again == [first] * 3
    assert await figures(holds, pool) == (8, 2, 0)


async def test_a_claim_id_of_another_buyer_or_quantity_is_invalid(holds: RedisHolds) -> None:
    pool = a_pool()
    await holds.open(pool)
    claim_id = new_ulid()
    await claim(holds, pool, "ana", 1, claim_id)
    for buyer, quantity in (("bob", 1), ("ana", 2)):
        assert await claim(holds, pool, buyer, quantity, claim_id) == Refused(reason="invalid", temporary=False)
    assert await figures(holds, pool) == (9, 1, 0)


async def test_the_limit_counts_live_and_sold_units_and_frees_with_a_release(holds: RedisHolds) -> None:
    pool = a_pool(limit=2)
    await holds.open(pool)
    first = await accepted(holds, pool, "ana")
    second = await accepted(holds, pool, "ana")
    limit = Refused(reason="buyer_limit", temporary=False)
    assert await claim(holds, pool, "ana") == limit
    await holds.submit(pool.pool_id, first, "ana")
    await holds.resolve(pool.pool_id, [an_end(first)])
    assert await claim(holds, pool, "ana") == limit
    await holds.release(pool.pool_id, second, "ana")
    assert isinstance(await claim(holds, pool, "ana"), Accepted)
    assert await figures(holds, pool) == (8, 1, 1)


async def test_claims_before_the_start_and_after_the_grace_are_refused(holds: RedisHolds) -> None:
    early = a_pool(starts_in_ms=5_000)
    late = a_pool(starts_in_ms=-9_000, ends_in_ms=-2_000, grace_ms=1_000)
    in_grace = a_pool(starts_in_ms=-9_000, ends_in_ms=-2_000, grace_ms=10_000)
    for pool in (early, late, in_grace):
        await holds.open(pool)
    assert await claim(holds, early, "ana") == Refused(reason="not_open", temporary=True)
    assert await claim(holds, late, "ana") == Refused(reason="ended", temporary=False)
    assert isinstance(await claim(holds, in_grace, "ana"), Accepted)


async def test_a_wrong_or_missing_epoch_answers_recovering_and_changes_nothing(holds: RedisHolds) -> None:
    pool = a_pool(epoch=3)
    recovering = Refused(reason="recovering", temporary=True)
    assert await claim(holds, pool, "ana") == recovering
    await holds.open(a_pool_like(pool, epoch=2))
    assert await claim(holds, pool, "ana") == recovering
    assert await figures(holds, pool) == (10, 0, 0)


def a_pool_like(pool: Pool, *, epoch: int) -> Pool:
    return Pool(**{**{name: getattr(pool, name) for name in pool.__struct_fields__}, "epoch": epoch})


async def test_an_overdue_unit_is_claimable_without_the_sweeper(holds: RedisHolds) -> None:
    pool = a_pool(1, hold_ttl_ms=500)
    await holds.open(pool)
    hold_id = await accepted(holds, pool, "ana")
    assert await claim(holds, pool, "bob") == Refused(reason="sold_out", temporary=True)
    await asyncio.sleep(0.55)
    assert isinstance(await claim(holds, pool, "bob"), Accepted)
    late = await holds.submit(pool.pool_id, hold_id, "ana")
    assert late is not None
    assert late.status == "expired"
    assert await figures(holds, pool) == (0, 1, 0)


async def test_an_overdue_hold_cannot_be_paid_although_nobody_swept(holds: RedisHolds) -> None:
    pool = a_pool(1, hold_ttl_ms=20)
    await holds.open(pool)
    hold_id = await accepted(holds, pool, "ana")
    await asyncio.sleep(0.06)
    hold = await holds.submit(pool.pool_id, hold_id, "ana")
    assert hold is not None
    assert hold.status == "expired"
    assert await figures(holds, pool) == (1, 0, 0)


async def test_the_sweeper_reports_each_end_until_it_was_told(holds: RedisHolds) -> None:
    pool = a_pool(hold_ttl_ms=20)
    await holds.open(pool)
    hold_id = await accepted(holds, pool, "ana")
    await asyncio.sleep(0.06)
    first = await holds.sweep([pool.pool_id])
    assert [(one.hold_id, one.buyer_id, one.what) for one in first] == [(hold_id, "ana", "expired")]
    assert await holds.sweep([pool.pool_id]) == first
    await holds.told(first)
    assert await holds.sweep([pool.pool_id]) == []
    assert await figures(holds, pool) == (10, 0, 0)


async def test_holds_submitted_together_have_their_own_answers(holds: RedisHolds, redis: Redis) -> None:
    here, there = a_pool(), a_pool()
    for pool in (here, there):
        await holds.open(pool)
    ana, bob = await accepted(holds, here, "ana"), await accepted(holds, there, "bob")
    asked = [
        HoldAsked(pool_id=here.pool_id, hold_id=ana, buyer_id="ana"),
        HoldAsked(pool_id=here.pool_id, hold_id=ana, buyer_id="mallory"),
        HoldAsked(pool_id=there.pool_id, hold_id=bob, buyer_id="bob"),
    ]
    await redis.script_flush()
    for _ in range(2):
        answers = await holds.submit_many(asked)
        assert [isinstance(one, Hold) and one.status for one in answers] == ["submitted", False, "submitted"]
        assert answers[1] is None


async def test_a_submitted_hold_does_not_expire_and_ends_once(holds: RedisHolds) -> None:
    pool = a_pool(hold_ttl_ms=500)
    await holds.open(pool)
    hold_id = await accepted(holds, pool, "ana")
    submitted = await holds.submit(pool.pool_id, hold_id, "ana")
    assert submitted is not None
    assert submitted.status == "submitted"
    await asyncio.sleep(0.55)
    assert await holds.sweep([pool.pool_id]) == []
    released = await holds.release(pool.pool_id, hold_id, "ana")
    assert released is not None
    assert released.status == "submitted"
    await holds.resolve(pool.pool_id, [an_end(hold_id), an_end(hold_id, "released"), an_end(hold_id)])
    assert await figures(holds, pool) == (9, 0, 1)


async def test_another_buyers_hold_is_unknown(holds: RedisHolds) -> None:
    pool = a_pool()
    await holds.open(pool)
    hold_id = await accepted(holds, pool, "ana")
    assert await holds.submit(pool.pool_id, hold_id, "eve") is None
    assert await holds.release(pool.pool_id, hold_id, "eve") is None
    assert await figures(holds, pool) == (9, 1, 0)


async def test_closing_refuses_claims_and_voiding_also_ends_live_holds(holds: RedisHolds) -> None:
    pool = a_pool()
    await holds.open(pool)
    live = await accepted(holds, pool, "ana")
    paying = await accepted(holds, pool, "bob")
    await holds.submit(pool.pool_id, paying, "bob")
    await holds.freeze(pool.pool_id)
    assert await claim(holds, pool, "eve") == Refused(reason="ended", temporary=False)
    assert await figures(holds, pool) == (8, 2, 0)
    released = await holds.sweep([pool.pool_id], releasing=[pool.pool_id])
    assert [(one.hold_id, one.what) for one in released] == [(live, "released")]
    assert await figures(holds, pool) == (9, 1, 0)


async def test_a_buyers_holds_are_listed_while_they_live(holds: RedisHolds) -> None:
    pool = a_pool()
    await holds.open(pool)
    first, second = await accepted(holds, pool, "ana"), await accepted(holds, pool, "ana")
    await holds.submit(pool.pool_id, second, "ana")
    found: dict[str, list[Hold]] = await holds.holds_of([pool.pool_id], ["ana"])
    assert [(one.hold_id, one.status) for one in found["ana"]] == [(first, "held"), (second, "submitted")]
    await holds.release(pool.pool_id, first, "ana")
    await holds.resolve(pool.pool_id, [an_end(second, "released")])
    assert await holds.holds_of([pool.pool_id], ["ana"]) == {}


async def test_a_rebuilt_book_lists_a_buyers_holds_oldest_first(holds: RedisHolds) -> None:
    pool = a_pool()
    await holds.open(pool)
    first = await accepted(holds, pool, "ana")
    await asyncio.sleep(0.005)
    second = await accepted(holds, pool, "ana")
    await holds.submit(pool.pool_id, second, "ana")
    order = OpenOrder(hold_id=second, buyer_id="ana", quantity=1, status="submitted")
    await holds.rebuild(a_pool_like(pool, epoch=2), [order], closed=False)
    found = await holds.holds_of([pool.pool_id], ["ana"])
    assert [one.hold_id for one in found["ana"]] == [first, second]


async def test_of_overdue_holds_only_those_being_paid_are_listed(holds: RedisHolds) -> None:
    pool = a_pool(hold_ttl_ms=1_000)
    await holds.open(pool)
    paying, _ = await accepted(holds, pool, "ana"), await accepted(holds, pool, "ana")
    await holds.submit(pool.pool_id, paying, "ana")
    await asyncio.sleep(1.05)
    found = await holds.holds_of([pool.pool_id], ["ana"])
    assert [(one.hold_id, one.status) for one in found["ana"]] == [(paying, "submitted")]


async def test_many_buyers_holds_in_many_pools_are_found_wherever_the_calls_are_cut(holds: RedisHolds) -> None:
    buyers = [f"buyer-{n}" for n in range(2 * HOLDS_OF_MOST_BUYERS + 1)]
    pools = [a_pool(hold_ttl_ms=60_000 + n) for n in range(HOLDS_OF_MOST_CALLS // 3 + 2)]
    expected: dict[str, list[tuple[str, str]]] = {}
    for pool in pools:
        await holds.open(pool)
        for at in (0, HOLDS_OF_MOST_BUYERS - 1, HOLDS_OF_MOST_BUYERS, len(buyers) - 1):
            hold_id = await accepted(holds, pool, buyers[at])
            expected.setdefault(buyers[at], []).append((pool.pool_id, hold_id))
    empty = a_pool()
    await holds.open(empty)
    found = await holds.holds_of([empty.pool_id, *(pool.pool_id for pool in pools), "offer_unknown"], buyers)
    assert {who: [(one.pool_id, one.hold_id) for one in theirs] for who, theirs in found.items()} == expected
    assert all(one.buyer_id == who for who, theirs in found.items() for one in theirs)


async def test_holds_are_found_by_a_server_that_forgot_the_script(holds: RedisHolds, redis: Redis) -> None:
    pools = [a_pool(), a_pool()]
    for pool in pools:
        await holds.open(pool)
        await accepted(holds, pool, "ana")
    await redis.script_flush()
    found = await holds.holds_of([pool.pool_id for pool in pools], ["ana", "bob"])
    assert [one.pool_id for one in found["ana"]] == [pool.pool_id for pool in pools]


async def test_nobody_and_nowhere_have_no_holds(holds: RedisHolds) -> None:
    pool = a_pool()
    await holds.open(pool)
    await accepted(holds, pool, "ana")
    assert await holds.holds_of([], ["ana"]) == {}
    assert await holds.holds_of([pool.pool_id], []) == {}


async def test_a_lost_book_is_rebuilt_from_postgres(holds: RedisHolds) -> None:
    pool, paying = a_pool(10, epoch=2), new_hold_id(7)
    orders = [
        OpenOrder(hold_id=new_hold_id(7), buyer_id="ana", quantity=2, status="sold"),
        OpenOrder(hold_id=paying, buyer_id="bob", quantity=1, status="submitted"),
    ]
    await holds.rebuild(pool, orders, closed=False)
    assert await figures(holds, pool) == (7, 1, 2)
    assert await claim(holds, pool, "ana") == Refused(reason="buyer_limit", temporary=False)
    assert isinstance(await claim(holds, pool, "bob"), Accepted)
    await holds.resolve(pool.pool_id, [an_end(paying)])
    assert await figures(holds, pool) == (6, 1, 3)


async def test_a_rebuild_keeps_surviving_holds_and_follows_postgres_where_they_differ(holds: RedisHolds) -> None:
    pool = a_pool(3, limit=3)
    await holds.open(pool)
    kept = await accepted(holds, pool, "ana")
    bought = await accepted(holds, pool, "bob")
    # Postgres knows that bob's order is confirmed and that a third buyer, whom this book forgot, is paying.
    orders = [
        OpenOrder(hold_id=bought, buyer_id="bob", quantity=1, status="sold"),
        OpenOrder(hold_id=new_hold_id(7), buyer_id="cem", quantity=1, status="submitted"),
    ]
    newer = a_pool_like(pool, epoch=2)
    await holds.rebuild(newer, orders, closed=False)
    assert await figures(holds, newer) == (0, 2, 1)
    found = await holds.holds_of([pool.pool_id], ["ana"])
    assert [one.hold_id for one in found["ana"]] == [kept]
    assert await claim(holds, pool, "dee") == Refused(reason="recovering", temporary=True)
    # The same epoch begins once: a late second rebuild changes nothing.
    await holds.rebuild(newer, [], closed=False)
    assert await figures(holds, newer) == (0, 2, 1)


async def test_a_rebuild_drops_live_holds_that_no_longer_fit(holds: RedisHolds) -> None:
    pool = a_pool(1)
    await holds.open(pool)
    loser = await accepted(holds, pool, "ana")
    order = OpenOrder(hold_id=new_hold_id(7), buyer_id="bob", quantity=1, status="submitted")
    await holds.rebuild(a_pool_like(pool, epoch=2), [order], closed=False)
    assert await figures(holds, pool) == (0, 1, 0)
    assert [(one.hold_id, one.what) for one in await holds.sweep([pool.pool_id])] == [(loser, "released")]


async def test_scripts_come_back_after_the_cache_was_flushed(holds: RedisHolds, redis: Redis) -> None:
    pool = a_pool()
    await holds.open(pool)
    await redis.script_flush()
    assert isinstance(await claim(holds, pool, "ana"), Accepted)
