"""The failures that others reported, one test each; F-numbers are those of the research notes."""

import asyncio
import time
from collections import Counter
from uuid import uuid4

import pytest
from msgspec.structs import replace
from redis.asyncio import Redis

from inventory.hold_ids import KEY_CHARS
from inventory.holds import Accepted, ClaimAnswer, ClaimRequest, HoldNews, InLine, OpenOrder, Pool, Refused
from inventory.holds_redis import RedisHolds
from inventory.limits import BUYER_HOLDS_MOST, CLAIM_MOST_PER_CALL
from kit.ids import new_ulid
from tests.integration.inventory.stepped_book import BEGIN_MS, BookKeys, a_stepped_pool, an_end, stepped_holds

TTL_MS = 100
CROWD = 1_000_000
RUSHED_ROUNDS = 300
RUSHED_BUYERS = 15


class SteppedSale:
    """A pool, its book and its clock."""

    def __init__(self, redis: Redis, allocated: int, *, limit: int = 1) -> None:
        self.pool = a_stepped_pool(f"offer_{uuid4().hex}", allocated, limit=limit, hold_ttl_ms=TTL_MS)
        self.holds = stepped_holds(redis)
        self.keys = BookKeys(redis, self.pool)
        self.now_ms = BEGIN_MS

    async def begin(self) -> None:
        await self.wait(0)
        await self.holds.open(self.pool)

    async def wait(self, step_ms: int) -> None:
        self.now_ms += step_ms
        await self.keys.set_clock(self.now_ms)

    async def claim(self, buyer_id: str, quantity: int = 1, claim_id: str | None = None) -> ClaimAnswer:
        [answer] = await self.holds.claim_many(self.pool, [a_claim(self.pool, buyer_id, quantity, claim_id)])
        return answer

    async def held(self, buyer_id: str, quantity: int = 1) -> str:
        answer = await self.claim(buyer_id, quantity)
        assert isinstance(answer, Accepted)
        return answer.hold_id

    async def fill(self, buyers: int, *, name: str = "crowd") -> list[ClaimAnswer]:
        wishes = [a_claim(self.pool, f"{name}-{n}") for n in range(buyers)]
        answers: list[ClaimAnswer] = []
        for at in range(0, buyers, CLAIM_MOST_PER_CALL):
            answers += await self.holds.claim_many(self.pool, wishes[at : at + CLAIM_MOST_PER_CALL])
        return answers

    async def join(self, buyer_id: str) -> object:
        return await self.holds.join(self.pool, buyer_id)

    async def news(self) -> list[tuple[str, str]]:
        found: list[HoldNews] = await self.holds.sweep([self.pool.pool_id])
        await self.holds.told(found)
        return sorted((one.buyer_id, one.what) for one in found)

    async def figures(self) -> tuple[int, int, int]:
        [counts] = await self.holds.counts([self.pool.pool_id])
        return counts.available, counts.held, counts.sold


def a_claim(pool: Pool, buyer_id: str, quantity: int = 1, claim_id: str | None = None) -> ClaimRequest:
    return ClaimRequest(pool_id=pool.pool_id, claim_id=claim_id or new_ulid(), buyer_id=buyer_id, quantity=quantity)


async def a_sale(redis: Redis, allocated: int, *, limit: int = 1) -> SteppedSale:
    sale = SteppedSale(redis, allocated, limit=limit)
    await sale.begin()
    return sale


def accepted(answers: list[ClaimAnswer]) -> int:
    return sum(isinstance(answer, Accepted) for answer in answers)


async def test_of_many_buyers_who_start_together_exactly_one_gets_the_last_unit_every_time(redis: Redis) -> None:
    # F1
    sale = await a_sale(redis, 1, limit=RUSHED_ROUNDS)
    for lap in range(RUSHED_ROUNDS):
        barrier = asyncio.Barrier(RUSHED_BUYERS)

        async def claims(buyer_id: str, start: asyncio.Barrier = barrier) -> ClaimAnswer:
            await start.wait()
            return await sale.claim(buyer_id)

        answers = await asyncio.gather(*(claims(f"buyer-{n}") for n in range(RUSHED_BUYERS)))
        [(n, won)] = [(n, one) for n, one in enumerate(answers) if isinstance(one, Accepted)]
        assert await sale.figures() == (0, 1, 0), lap
        await sale.holds.release(sale.pool.pool_id, won.hold_id, f"buyer-{n}")


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


async def test_a_sale_whose_key_another_hold_has_is_counted_and_leaves_that_hold_alone(redis: Redis) -> None:
    # The book was lost and the same claim came again: two holds of one key.
    sale = await a_sale(redis, 3, limit=3)
    empty = await sale.keys.remember()
    claim_id = new_ulid()
    lost = await sale.claim("ana", 1, claim_id)
    await sale.keys.restore(empty)
    sale.pool = replace(sale.pool, epoch=2)
    await sale.holds.rebuild(sale.pool, [], closed=False)
    await sale.wait(20)
    again = await sale.claim("ana", 1, claim_id)
    assert isinstance(lost, Accepted)
    assert isinstance(again, Accepted)
    await sale.holds.resolve(sale.pool.pool_id, [an_end(lost.hold_id)])
    assert await sale.figures() == (1, 1, 1)
    [hold] = (await sale.holds.holds_of([sale.pool.pool_id], ["ana"]))["ana"]
    assert hold.hold_id == again.hold_id
    assert isinstance(await sale.claim("ana"), Accepted)
    assert await sale.claim("ana") == Refused(reason="buyer_limit", temporary=False)


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


async def test_a_buyer_who_left_the_line_is_not_promoted_and_the_next_one_is(redis: Redis) -> None:
    # F22
    sale = await a_sale(redis, 1)
    called = await sale.held("ana")
    for place, buyer_id in enumerate(("bob", "cem", "dee"), 1):
        assert await sale.join(buyer_id) == InLine(place=place)
    assert await sale.holds.leave(sale.pool.pool_id, "bob")
    await sale.holds.release(sale.pool.pool_id, called, "ana")
    assert await sale.news() == [("ana", "released"), ("cem", "promoted")]
    assert await sale.figures() == (0, 1, 0)


async def test_a_claim_gets_no_unit_before_those_who_wait_even_when_one_call_cannot_serve_them_all(
    redis: Redis,
) -> None:
    # F22: 300 units come back at once, 400 wait, and one call serves 256 of them.
    sale = await a_sale(redis, 300)
    await sale.fill(300)
    await asyncio.gather(*(sale.join(f"waits-{n}") for n in range(400)))
    await sale.wait(TTL_MS)
    assert await sale.claim("eve") == Refused(reason="sold_out", temporary=True)
    await sale.news()
    assert await sale.figures() == (0, 300, 0)
    [counts] = await sale.holds.counts([sale.pool.pool_id])
    assert counts.waiting == 100


async def test_never_more_people_are_promoted_than_units_came_back(redis: Redis) -> None:
    # F22
    sale = await a_sale(redis, 40)
    answers = await sale.fill(40)
    await asyncio.gather(*(sale.join(f"waits-{n}") for n in range(100)))
    gone = [(n, one.hold_id) for n, one in enumerate(answers) if isinstance(one, Accepted) and n % 2]
    await asyncio.gather(
        *(sale.holds.release(sale.pool.pool_id, called, f"crowd-{n}") for n, called in gone),
        *(sale.holds.sweep([sale.pool.pool_id]) for _ in range(20)),
    )
    assert Counter(what for _, what in await sale.news()) == {"released": 20, "promoted": 20}
    assert await sale.figures() == (0, 40, 0)


async def test_a_promoted_buyer_who_does_nothing_passes_the_unit_on_until_somebody_buys(redis: Redis) -> None:
    # F22
    sale = await a_sale(redis, 1)
    await sale.held("ana")
    for buyer_id in ("bob", "cem"):
        await sale.join(buyer_id)
    await sale.wait(TTL_MS)
    assert await sale.news() == [("ana", "expired"), ("bob", "promoted")]
    await sale.wait(sale.pool.waitlist_hold_ttl_ms)
    assert await sale.news() == [("bob", "expired"), ("cem", "promoted")]
    [hold] = (await sale.holds.holds_of([sale.pool.pool_id], ["cem"]))["cem"]
    await sale.holds.submit(sale.pool.pool_id, hold.hold_id, "cem")
    await sale.holds.resolve(sale.pool.pool_id, [an_end(hold.hold_id)])
    assert await sale.figures() == (0, 0, 1)


async def test_nobody_is_promoted_after_the_end_or_once_the_offer_is_closed(redis: Redis) -> None:
    # F22
    for ending in ("end", "freeze"):
        sale = await a_sale(redis, 1)
        called = await sale.held("ana")
        await sale.join("bob")
        await sale.holds.submit(sale.pool.pool_id, called, "ana")
        if ending == "end":
            await sale.wait(sale.pool.ends_at_ms - BEGIN_MS)
        else:
            await sale.holds.freeze(sale.pool.pool_id)
        await sale.holds.resolve(sale.pool.pool_id, [an_end(called, "released")])
        assert await sale.news() == []
        assert await sale.figures() == (1, 0, 0)


async def test_scripts_that_are_forgotten_in_the_middle_of_a_rush_cost_nobody_a_unit(redis: Redis) -> None:
    # F24
    sale = await a_sale(redis, 100)

    async def forgets() -> None:
        for _ in range(30):
            await redis.script_flush()
            await asyncio.sleep(0)

    laps = [sale.fill(40, name=f"lap-{n}") for n in range(10)]
    *answers, _ = await asyncio.gather(*laps, forgets())
    assert sum(accepted(one) for one in answers if one) == 100
    assert await sale.figures() == (0, 100, 0)


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


async def test_terms_changed_by_a_rebuild_count_for_what_comes_and_leave_orders_alone(redis: Redis) -> None:
    # F36
    sale = await a_sale(redis, 4, limit=2)
    paying, live = await sale.held("ana", 2), await sale.held("bob")
    await sale.holds.submit(sale.pool.pool_id, paying, "ana")
    sale.pool = replace(sale.pool, epoch=2, per_buyer_limit=1, hold_ttl_ms=500, allocated=5)
    order = OpenOrder(hold_id=paying, buyer_id="ana", quantity=2, status="submitted")
    await sale.holds.rebuild(sale.pool, [order], closed=False)
    assert await sale.figures() == (2, 3, 0)
    assert await sale.claim("ana") == Refused(reason="buyer_limit", temporary=False)
    found = await sale.holds.holds_of([sale.pool.pool_id], ["bob"])
    assert [(one.hold_id, one.expires_at_ms) for one in found["bob"]] == [(live, BEGIN_MS + TTL_MS)]
    new = await sale.claim("cem")
    assert isinstance(new, Accepted)
    assert new.expires_at_ms == BEGIN_MS + 500
    await sale.holds.resolve(sale.pool.pool_id, [an_end(paying, quantity=2)])
    assert await sale.figures() == (1, 2, 2)


async def test_a_buyer_who_claimed_anew_before_a_crash_has_no_more_than_the_limit_after_it(redis: Redis) -> None:
    # F23, I9: the hold that was given back is in the older memory, the one that was bought is in Postgres.
    sale = await a_sale(redis, 3)
    given_back = await sale.held("ana")
    memory = await sale.keys.remember()
    await sale.holds.release(sale.pool.pool_id, given_back, "ana")
    await sale.wait(1)
    bought = await sale.held("ana")
    await sale.keys.restore(memory)
    sale.pool = replace(sale.pool, epoch=2)
    order = OpenOrder(hold_id=bought, buyer_id="ana", quantity=1, status="sold")
    await sale.holds.rebuild(sale.pool, [order], closed=False)
    late = await sale.holds.submit(sale.pool.pool_id, given_back, "ana")
    assert late is not None
    assert late.status == "released"
    assert await sale.figures() == (2, 0, 1)


async def test_a_million_buyers_of_five_hundred_units_leave_nothing_behind_but_five_hundred_holds(redis: Redis) -> None:
    sale = await a_sale(redis, 500)
    sizes: list[int] = []
    total = 0
    for first in range(0, CROWD, CLAIM_MOST_PER_CALL):
        batch = [
            ClaimRequest(pool_id=sale.pool.pool_id, claim_id=f"01J0000000{n:016}", buyer_id=f"buyer-{n}", quantity=1)
            for n in range(first, min(first + CLAIM_MOST_PER_CALL, CROWD))
        ]
        total += accepted(await sale.holds.claim_many(sale.pool, batch))
        if first in (2 * CLAIM_MOST_PER_CALL, CROWD // CLAIM_MOST_PER_CALL * CLAIM_MOST_PER_CALL):
            sizes.append(await sale.keys.size_bytes())
    assert total == 500
    assert await sale.figures() == (0, 500, 0)
    assert sizes[0] == sizes[1] < 500 * 300


async def test_a_claim_id_is_one_wish_of_one_buyer_and_each_offer_has_a_book_of_its_own(redis: Redis) -> None:
    sale, other = await a_sale(redis, 5, limit=3), await a_sale(redis, 5)
    claim_id = new_ulid()
    first = await sale.claim("ana", 1, claim_id)
    invalid = Refused(reason="invalid", temporary=False)
    assert await sale.claim("eve", 1, claim_id) == invalid
    assert await sale.claim("ana", 2, claim_id) == invalid
    assert await sale.claim("ana", 1, claim_id) == first
    elsewhere = await other.claim("ana", 1, claim_id)
    assert isinstance(first, Accepted)
    assert isinstance(elsewhere, Accepted)
    assert elsewhere.hold_id[-KEY_CHARS:] == first.hold_id[-KEY_CHARS:]
    assert await sale.holds.submit(sale.pool.pool_id, first.hold_id, "eve") is None
    assert await sale.figures() == (4, 1, 0)


async def test_of_two_buyers_with_one_claim_id_at_once_one_is_refused(redis: Redis) -> None:
    sale = await a_sale(redis, 50, limit=1)
    for lap in range(25):
        claim_id = new_ulid()
        answers = await asyncio.gather(*(sale.claim(f"{who}-{lap}", 1, claim_id) for who in ("ana", "eve")))
        assert accepted(list(answers)) == 1
        assert Refused(reason="invalid", temporary=False) in answers
    assert await sale.figures() == (25, 25, 0)


async def test_a_claim_that_was_refused_leaves_nothing_and_may_come_again(redis: Redis) -> None:
    sale = await a_sale(redis, 1)
    called = await sale.held("ana")
    claim_id = new_ulid()
    assert await sale.claim("bob", 1, claim_id) == Refused(reason="sold_out", temporary=True)
    await sale.holds.release(sale.pool.pool_id, called, "ana")
    assert isinstance(await sale.claim("bob", 1, claim_id), Accepted)


async def test_a_buyer_has_a_limited_number_of_live_holds_whatever_their_limit_of_units(redis: Redis) -> None:
    sale = await a_sale(redis, 2 * BUYER_HOLDS_MOST, limit=2 * BUYER_HOLDS_MOST)
    answers = [await sale.claim("ana", 1, new_ulid()) for _ in range(BUYER_HOLDS_MOST + 2)]
    assert sum(isinstance(one, Accepted) for one in answers) == BUYER_HOLDS_MOST
    assert answers[-1] == Refused(reason="buyer_limit", temporary=False)
    assert isinstance(await sale.claim("bob", 1, new_ulid()), Accepted)
