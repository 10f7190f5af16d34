"""The keeper: every round moves what is, and one that died in the middle left nothing half done."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import pytest
from redis.asyncio import Redis

from inventory.holds import (
    Accepted,
    ClaimAnswer,
    ClaimRequest,
    Hold,
    HoldNews,
    InLine,
    OpenOrder,
    OrderEnd,
    Pool,
    PoolCounts,
    Refused,
)
from inventory.holds_redis import RedisHolds
from inventory.keeper import REBUILDS_MOST, STALE_EVERY_ROUNDS, Keeper
from inventory.limits import BOOK_KEPT_S
from inventory.pools_pg import Pools, PoolState, PoolTerms, close_pool, create_pool, set_ends_at
from kit.errors import UnavailableError
from kit.ids import new_id, new_ulid
from kit.postgres import Postgres
from tests.integration.inventory.stepped_book import an_end
from tests.integration.inventory.test_pools import a_sku, ring_fenced


class Yard:
    """Pools, their books, and a keeper whose surroundings take notes."""

    def __init__(self, postgres: Postgres, redis: Redis) -> None:
        self.postgres = postgres
        self.pools = Pools(postgres)
        self.holds = RedisHolds(redis)
        self.redis = redis
        self.told: list[HoldNews] = []
        self.stale: list[Hold] = []
        self.orders: list[OpenOrder] = []
        self.written_after_reading: list[OpenOrder] = []
        self.keeper = self.another_keeper()

    def another_keeper(
        self, *, tell: Callable[[Sequence[HoldNews]], Awaitable[Sequence[HoldNews]]] | None = None
    ) -> Keeper:
        async def note(news: Sequence[HoldNews]) -> Sequence[HoldNews]:
            self.told += news
            return news

        async def orders_of(_pool_id: str) -> Sequence[OpenOrder]:
            read = list(self.orders)
            if self.written_after_reading:
                self.orders.append(self.written_after_reading.pop(0))
            return read

        async def settle(hold: Hold) -> None:
            self.stale.append(hold)

        return Keeper(pools=self.pools, holds=self.holds, orders_of=orders_of, tell=tell or note, settle_stale=settle)

    async def pool(self, quantity: int = 5, *, hold_ttl_ms: int = 60_000, ends_in_ms: int = 60_000) -> PoolState:
        sku, pool_id, now = await a_sku(self.postgres, quantity), new_id("offer"), int(time.time() * 1000)
        terms = PoolTerms(
            sku=sku,
            quantity=quantity,
            per_buyer_limit=quantity,
            starts_at_ms=now - 1_000,
            ends_at_ms=now + ends_in_ms,
            grace_ms=0,
            hold_ttl_ms=hold_ttl_ms,
            waitlist_hold_ttl_ms=hold_ttl_ms,
        )
        async with self.postgres.transaction() as connection:
            await create_pool(connection, pool_id, terms)
        pool = await self.state(pool_id)
        await self.holds.open(pool)
        return pool

    async def state(self, pool_id: str) -> PoolState:
        pool = await self.pools.get(pool_id)
        assert pool is not None
        return pool

    async def claim(self, pool: PoolState, buyer_id: str) -> ClaimAnswer:
        claim = ClaimRequest(pool_id=pool.pool_id, claim_id=new_ulid(), buyer_id=buyer_id, quantity=1)
        [answer] = await self.holds.claim_many(await self.state(pool.pool_id), [claim])
        return answer

    async def hold(self, pool: PoolState, buyer_id: str = "ana") -> str:
        answer = await self.claim(pool, buyer_id)
        assert isinstance(answer, Accepted)
        return answer.hold_id

    async def close(self, pool: PoolState, *, release_holds: bool = False) -> None:
        async with self.postgres.transaction() as connection:
            await close_pool(connection, pool.pool_id, release_holds=release_holds)

    async def book_ends_at_ms(self, pool: PoolState) -> int:
        """Return the end that the book knows."""
        ends = await self.redis.hget(f"{{{pool.pool_id}}}:pool", "ends")
        assert isinstance(ends, bytes)
        return int(ends)

    async def forget_book(self, pool: PoolState) -> None:
        await self.redis.delete(*[key async for key in self.redis.scan_iter(match=f"{{{pool.pool_id}}}:*")])

    async def counts(self, pool: PoolState) -> PoolCounts:
        [counts] = await self.holds.counts([pool.pool_id])
        return counts


@pytest.fixture
async def yard(postgres: Postgres, redis: Redis) -> Yard:
    return Yard(postgres, redis)


async def test_a_closed_pool_gives_back_what_is_free_now_and_the_rest_as_holds_end(yard: Yard) -> None:
    pool = await yard.pool(5, hold_ttl_ms=1_500)
    hold_id = await yard.hold(pool)
    await yard.close(pool)
    await yard.keeper.round()
    assert await ring_fenced(yard.postgres, pool.sku) == 1
    await yard.keeper.round()
    assert await ring_fenced(yard.postgres, pool.sku) == 1
    await asyncio.sleep(1.55)
    await yard.keeper.round()
    assert await ring_fenced(yard.postgres, pool.sku) == 0
    assert [(one.hold_id, one.what) for one in yard.told] == [(hold_id, "expired")]
    assert pool.pool_id not in [one.pool_id for one in await yard.pools.unfinished()]


async def test_nothing_of_a_finished_pool_is_left_in_redis_a_day_later(yard: Yard) -> None:
    pool = await yard.pool(3, hold_ttl_ms=1)
    await yard.hold(pool)
    assert isinstance(await yard.holds.join(await yard.state(pool.pool_id), "cem"), InLine)
    await yard.close(pool)
    await asyncio.sleep(0.03)
    while pool.pool_id in [one.pool_id for one in await yard.pools.unfinished()]:
        await yard.keeper.round()
    # What comes late finds the hold as it ended, and leaves nothing that would stay.
    hold = yard.told[0]
    late = await yard.holds.release(pool.pool_id, hold.hold_id, hold.buyer_id)
    assert late is not None
    await yard.holds.resolve(
        pool.pool_id, [OrderEnd(hold_id=hold.hold_id, buyer_id=hold.buyer_id, quantity=1, outcome="released")]
    )
    keys = [key async for key in yard.redis.scan_iter(match=f"{{{pool.pool_id}}}:*")]
    assert keys
    for key in keys:
        assert 0 < await yard.redis.ttl(key) <= BOOK_KEPT_S, key


async def test_a_voided_pool_lets_its_holds_go_at_once(yard: Yard) -> None:
    pool = await yard.pool()
    hold_id = await yard.hold(pool)
    await yard.close(pool, release_holds=True)
    await yard.keeper.round()
    await yard.keeper.round()
    assert await ring_fenced(yard.postgres, pool.sku) == 0
    assert [(one.hold_id, one.what) for one in yard.told] == [(hold_id, "released")]


async def test_a_pool_past_its_end_is_closed_by_the_clock(yard: Yard) -> None:
    pool = await yard.pool(ends_in_ms=-500)
    await yard.keeper.round()
    assert await ring_fenced(yard.postgres, pool.sku) == 0


async def test_an_end_that_could_not_be_told_is_told_by_the_next_round(yard: Yard) -> None:
    pool = await yard.pool(hold_ttl_ms=1)
    hold_id = await yard.hold(pool)
    await asyncio.sleep(0.03)

    async def fail(_ends: Sequence[HoldNews]) -> Sequence[HoldNews]:
        raise UnavailableError("the inbox does not answer")

    with pytest.raises(UnavailableError):
        await yard.another_keeper(tell=fail).round()
    await yard.keeper.round()
    await yard.keeper.round()
    assert [one.hold_id for one in yard.told] == [hold_id]


async def test_news_of_which_only_a_part_could_be_told_is_told_in_part_and_again(yard: Yard) -> None:
    pool = await yard.pool(hold_ttl_ms=1)
    hold_ids = {await yard.hold(pool) for _ in range(3)}
    await asyncio.sleep(0.03)
    heard: list[HoldNews] = []

    async def tell_one(news: Sequence[HoldNews]) -> Sequence[HoldNews]:
        heard.append(news[0])
        return news[:1]

    keeper = yard.another_keeper(tell=tell_one)
    for _ in range(4):
        await keeper.round()
    assert sorted(one.hold_id for one in heard) == sorted(hold_ids)


async def test_a_pool_that_cannot_be_served_does_not_keep_the_others_from_it(yard: Yard) -> None:
    away, closing = await yard.pool(), await yard.pool(5)
    await yard.close(closing)

    class PartlyAway(RedisHolds):
        async def prolong(self, pool: Pool) -> None:
            if pool.pool_id == away.pool_id:
                raise UnavailableError("its part of the cluster is away", code="redis_down")
            await super().prolong(pool)

    yard.holds = PartlyAway(yard.redis)
    await yard.another_keeper().round()
    assert closing.pool_id not in [one.pool_id for one in await yard.pools.unfinished()]


async def test_a_lost_book_is_rebuilt_from_the_orders(yard: Yard) -> None:
    pool = await yard.pool(5)
    hold_ids = [await yard.hold(pool) for _ in range(3)]
    await yard.forget_book(pool)
    yard.orders = [
        OpenOrder(hold_id=hold_ids[0], buyer_id="ana", quantity=1, status="sold"),
        OpenOrder(hold_id=hold_ids[1], buyer_id="ana", quantity=1, status="submitted"),
    ]
    await yard.keeper.round()
    counts = await yard.counts(pool)
    assert (counts.epoch, counts.available, counts.held, counts.sold) == (pool.epoch + 1, 3, 1, 1)
    await yard.keeper.round()
    assert await yard.counts(pool) == counts


async def test_a_keeper_that_died_between_epoch_and_rebuild_is_finished_by_another(yard: Yard) -> None:
    pool = await yard.pool()
    hold_id = await yard.hold(pool)
    await yard.pools.next_epoch(pool.pool_id)
    await yard.another_keeper().round()
    counts = await yard.counts(pool)
    assert counts.epoch == (await yard.state(pool.pool_id)).epoch
    assert (counts.available, counts.held) == (4, 1)
    found = await yard.holds.holds_of([pool.pool_id], ["ana"])
    assert [one.hold_id for one in found["ana"]] == [hold_id]


async def test_another_server_makes_every_book_anew_once(yard: Yard) -> None:
    pool = await yard.pool()
    await yard.redis.hset(f"{{{pool.pool_id}}}:pool", "server", "a server that is no more")
    await yard.another_keeper().round()
    assert (await yard.state(pool.pool_id)).epoch == pool.epoch + 1
    await yard.another_keeper().round()
    assert (await yard.state(pool.pool_id)).epoch == pool.epoch + 1


async def test_the_book_learns_a_later_end_that_nobody_told_it(yard: Yard) -> None:
    pool = await yard.pool(ends_in_ms=100)
    later = pool.ends_at_ms + 60_000
    async with yard.postgres.transaction() as connection:
        await set_ends_at(connection, pool.pool_id, later)
    await yard.keeper.round()
    assert await yard.book_ends_at_ms(pool) == later
    await yard.holds.prolong(pool)
    assert await yard.book_ends_at_ms(pool) == later, "an older end comes too late"


async def test_a_submission_without_an_order_is_brought_to_its_end(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory.keeper.SUBMISSION_STALE_MS", 0)
    pool = await yard.pool()
    kept, submitted = await yard.hold(pool), await yard.hold(pool)
    await yard.holds.submit(pool.pool_id, submitted, "ana")
    for _ in range(STALE_EVERY_ROUNDS):
        await yard.keeper.round()
    assert [(one.hold_id, one.status) for one in yard.stale] == [(submitted, "submitted")]
    assert kept not in [one.hold_id for one in yard.stale]


@pytest.mark.parametrize("written", [True, False], ids=["settled after", "written and settled after"])
async def test_a_sale_noted_after_the_orders_were_read_survives_the_rebuild(yard: Yard, written: bool) -> None:
    pool = await yard.pool()
    hold_id = await yard.hold(pool)
    await yard.holds.submit(pool.pool_id, hold_id, "ana")
    read_before = [OpenOrder(hold_id=hold_id, buyer_id="ana", quantity=1, status="submitted")] if written else []
    await yard.holds.resolve(pool.pool_id, [an_end(hold_id)])
    fresh = await yard.pools.next_epoch(pool.pool_id)
    assert fresh is not None
    await yard.holds.rebuild(fresh, read_before, closed=False)
    counts = await yard.counts(pool)
    assert (counts.available, counts.held, counts.sold) == (4, 0, 1)


def an_order(hold_id: str, buyer_id: str = "ana", *, status: Literal["submitted", "sold"] = "submitted") -> OpenOrder:
    return OpenOrder(hold_id=hold_id, buyer_id=buyer_id, quantity=1, status=status)


async def test_an_order_written_between_the_reading_and_the_rebuilding_is_in_the_book(yard: Yard) -> None:
    pool = await yard.pool(3)
    hold_id = await yard.hold(pool)
    await yard.forget_book(pool)
    yard.written_after_reading = [an_order(hold_id)]
    await yard.keeper.round()
    counts = await yard.counts(pool)
    assert (counts.epoch, counts.available, counts.held) == (pool.epoch + 2, 2, 1)
    await yard.keeper.round()
    assert await yard.counts(pool) == counts


async def test_a_book_is_not_rebuilt_for_ever_while_orders_keep_coming(yard: Yard) -> None:
    pool = await yard.pool(9)
    hold_ids = [await yard.hold(pool) for _ in range(9)]
    await yard.forget_book(pool)
    yard.written_after_reading = [an_order(hold_id) for hold_id in hold_ids]
    counts = await yard.keeper.recover(pool.pool_id)
    assert counts is not None
    assert (counts.epoch, counts.held) == (pool.epoch + REBUILDS_MOST, 2 * (REBUILDS_MOST - 1))
    assert counts.current


@pytest.mark.parametrize("taken", [False, True], ids=["the unit is free", "the unit is promised again"])
async def test_an_order_that_no_rebuild_saw_takes_its_unit_when_it_is_settled(yard: Yard, taken: bool) -> None:
    pool = await yard.pool(1)
    lost = await yard.hold(pool)
    await yard.forget_book(pool)
    await yard.keeper.round()
    assert (await yard.counts(pool)).available == 1, "the book cannot know"
    again = await yard.hold(pool, "bob") if taken else None
    if again is not None:
        await yard.holds.submit(pool.pool_id, again, "bob")
    yard.orders = [an_order(lost, status="sold")]
    for _ in range(2):
        await yard.holds.resolve(pool.pool_id, [an_end(lost)])
        counts = await yard.counts(pool)
        assert (counts.available, counts.held, counts.sold) == (-int(taken), int(taken), 1)
        assert counts.available == counts.allocated - counts.sold - counts.held
        assert await yard.claim(pool, "cem") == Refused(reason="sold_out", temporary=taken)
    if again is not None:
        # Postgres has no unit for bob.
        await yard.holds.resolve(pool.pool_id, [an_end(again, "released", buyer_id="bob")])
    await yard.keeper.round()
    counts = await yard.counts(pool)
    assert (counts.available, counts.held, counts.sold) == (0, 0, 1)
    assert await yard.claim(pool, "cem") == Refused(reason="sold_out", temporary=False)
    await yard.keeper.recover(pool.pool_id)
    counts = await yard.counts(pool)
    assert (counts.available, counts.held, counts.sold) == (0, 0, 1)
