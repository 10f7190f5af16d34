"""After a draw: the first in the published order get the units, whatever dies on the way."""

import asyncio

import msgspec
import pytest
from redis.asyncio import Redis

from inventory.draws_pg import DrawnEntry, Draws
from inventory.holds import OpenOrder, Refused
from inventory.pools_pg import close_pool
from kit.ids import new_id
from kit.postgres import Postgres
from tests.integration.inventory.a_draw import ADraw
from tests.integration.inventory.test_pools import ring_fenced

BUYERS = [f"buyer-{n}" for n in range(20)]


@pytest.fixture
def draw(postgres: Postgres, redis: Redis) -> ADraw:
    return ADraw(postgres, redis)


async def test_exactly_the_first_of_the_order_get_a_hold_and_hear_of_it(draw: ADraw) -> None:
    await draw.open(7)
    await draw.enter(*BUYERS)
    await draw.draw()
    order = await draw.order()
    assert set(await draw.holders()) == set(order[:7])
    assert sorted((one.buyer_id, one.what) for one in draw.told) == sorted((one, "promoted") for one in order[:7])
    counts = await draw.counts()
    assert (counts.available, counts.held, counts.waiting, counts.drawn) == (0, 7, 13, True)


async def test_nobody_gets_a_unit_of_a_draw_before_it_or_beside_it(draw: ADraw) -> None:
    pool = await draw.open(5)
    await draw.enter(*BUYERS)
    assert await draw.holds.claim_many(pool, [draw.wish("eve")]) == [Refused(reason="invalid", temporary=False)]
    assert await draw.holds.join(pool, "eve") == "not_open"
    await draw.line.round()
    await draw.keeper.round()
    await draw.end_window()
    await draw.line.round()
    await draw.keeper.round()
    assert (await draw.counts()).available == 5
    assert not (await draw.pool()).closed
    assert await draw.mark()
    await draw.line.round()
    assert await draw.holds.claim_many(pool, [draw.wish("eve")]) == [Refused(reason="invalid", temporary=False)]
    assert set(await draw.holders()) == set((await draw.order())[:5])


async def test_units_that_come_back_pass_on_in_the_order(draw: ADraw) -> None:
    await draw.open(2)
    await draw.enter(*BUYERS)
    await draw.draw()
    order = await draw.order()
    for gone in range(3):
        holds = await draw.holders()
        await draw.holds.release(draw.pool_id, holds[order[gone]], order[gone])
        assert set(await draw.holders()) == {order[gone + 1], order[gone + 2]}
    pool = await draw.pool()
    line = await draw.holds.join(pool, "eve")
    assert not isinstance(line, str)
    assert line.place == len(BUYERS) - 5 + 1
    assert (await draw.counts()).held == 2


async def test_a_winner_who_lets_the_time_pass_makes_way_for_the_next(draw: ADraw) -> None:
    await draw.open(1, hold_ttl_ms=60)
    await draw.enter(*BUYERS[:3])
    await draw.draw()
    order = await draw.order()
    async with asyncio.timeout(5):
        while len([one for one in draw.told if one.what == "promoted"]) < 3:
            await asyncio.sleep(0.05)
            await draw.keeper.round()
    promoted = [one.buyer_id for one in draw.told if one.what == "promoted"]
    assert promoted == order


async def test_fewer_entries_than_units_give_everybody_one_and_the_rest_to_who_joins(draw: ADraw) -> None:
    await draw.open(5)
    await draw.enter("ana", "bob")
    await draw.draw()
    assert set(await draw.holders()) == {"ana", "bob"}
    joined = await draw.holds.join(await draw.pool(), "eve")
    assert not isinstance(joined, str)
    assert joined.place == 0
    assert (await draw.counts()).available == 2


async def test_a_draw_without_entries_ends_like_any_other(draw: ADraw) -> None:
    pool = await draw.open(3)
    await draw.draw()
    async with draw.postgres.connection() as connection:
        await connection.execute("UPDATE pools SET lined_up_at_ms = now_ms() - pass_on_ms")
    await draw.keeper.round()
    assert await ring_fenced(draw.postgres, pool.sku) == 0
    assert (await draw.pool()).closed


async def test_a_draw_is_not_closed_before_its_winners_were_served(draw: ADraw) -> None:
    await draw.open(1)
    await draw.enter("ana")
    async with draw.postgres.connection() as connection:
        await connection.execute("UPDATE pools SET starts_at_ms = 1, ends_at_ms = 2, pass_on_ms = 5")
    await draw.keeper.round()
    assert await draw.mark()
    await draw.keeper.round()
    assert not (await draw.pool()).closed
    await draw.lose_redis()
    await draw.line.round()
    assert set(await draw.holders()) == {"ana"}
    await asyncio.sleep(0.05)
    await draw.keeper.round()
    assert (await draw.pool()).closed
    assert set(await draw.holders()) == {"ana"}


@pytest.mark.parametrize("pages", range(8))
async def test_a_worker_killed_after_any_page_is_finished_by_the_next(draw: ADraw, pages: int) -> None:
    await draw.open(7)
    await draw.enter(*BUYERS)
    await draw.end_window()
    assert await draw.mark()

    class Dies(Draws):
        left = pages

        async def order(self, pool_id: str, *, after: str, limit: int) -> list[DrawnEntry]:
            if self.left == 0:
                raise asyncio.CancelledError
            self.left -= 1
            return await super().order(pool_id, after=after, limit=limit)

        async def mark_lined_up(self, pool_id: str) -> None:
            raise asyncio.CancelledError(pool_id)

    with pytest.raises(asyncio.CancelledError):
        await draw.a_line(Dies(draw.postgres)).round()
    expected = set((await draw.order())[:7])
    await draw.keeper.round()  # half a line serves nobody
    assert set(await draw.holders()) == (expected if pages == 7 else set())
    await draw.line.round()
    assert set(await draw.holders()) == expected
    assert (await draw.counts()).waiting == 13
    assert (await draw.pool()).lined_up


async def test_a_worker_killed_amid_a_thousand_winners_is_finished_by_the_next(draw: ADraw) -> None:
    pool = await draw.open(1_000)
    buyers = [f"buyer-{n}" for n in range(1_200)]
    await draw.enter(*buyers)
    await draw.end_window()
    assert await draw.mark()
    order = await draw.order()
    assert await draw.holds.line_up(pool, order, first=1, last=True) == "more"
    assert 0 < (await draw.counts()).held < 1_000
    await draw.line.round()
    assert set(await draw.holders()) == set(order[:1_000])
    assert (await draw.pool()).lined_up


async def test_two_workers_at_once_draw_once(draw: ADraw) -> None:
    await draw.open(7)
    await draw.enter(*BUYERS)
    await draw.end_window()
    assert sorted(await asyncio.gather(*(draw.mark() for _ in range(4)))) == [False, False, False, True]
    await asyncio.gather(*(draw.a_line(Draws(draw.postgres)).round() for _ in range(4)))
    assert set(await draw.holders()) == set((await draw.order())[:7])
    assert (await draw.counts()).waiting == 13


async def test_redis_lost_before_the_draw_changes_nothing(draw: ADraw) -> None:
    await draw.open(7)
    await draw.enter(*BUYERS)
    await draw.lose_redis()
    await draw.draw()
    assert set(await draw.holders()) == set((await draw.order())[:7])


async def test_after_redis_is_lost_buyers_keep_what_they_ordered_and_the_order_stands(draw: ADraw) -> None:
    await draw.open(4)
    await draw.enter(*BUYERS)
    await draw.draw()
    order = await draw.order()
    holds = await draw.holders()
    draw.orders = [
        OpenOrder(hold_id=holds[order[0]], buyer_id=order[0], quantity=1, status="sold"),
        OpenOrder(hold_id=holds[order[2]], buyer_id=order[2], quantity=1, status="submitted"),
    ]
    await draw.lose_redis()
    assert (await draw.counts()).available == 2
    await draw.line.round()
    counts = await draw.counts()
    assert (counts.available, counts.held, counts.sold, counts.waiting) == (0, 3, 1, 16)
    assert set(await draw.holders()) == {order[1], order[2], order[3]}


async def test_a_book_that_survived_drawn_is_not_lined_up_again(draw: ADraw) -> None:
    await draw.open(2)
    await draw.enter(*BUYERS)
    await draw.draw()
    order = await draw.order()
    await draw.holds.release(draw.pool_id, (await draw.holders())[order[0]], order[0])
    await draw.redis.hset(f"{{{draw.pool_id}}}:pool", "server", "another")
    await draw.keeper.round()
    await draw.line.round()
    assert set(await draw.holders()) == {order[1], order[2]}
    assert (await draw.counts()).waiting == len(BUYERS) - 3


async def test_a_book_of_another_life_or_of_no_draw_is_not_lined_up(draw: ADraw) -> None:
    pool = await draw.open(2)
    old = msgspec.structs.replace(pool, epoch=pool.epoch - 1)
    assert await draw.holds.line_up(old, BUYERS, first=1, last=True) == "recovering"
    await draw.redis.hset(f"{{{draw.pool_id}}}:pool", "server", "another")
    assert await draw.holds.line_up(pool, BUYERS, first=1, last=True) == "recovering"
    await draw.keeper.round()
    counts = await draw.counts()
    assert (counts.held, counts.waiting, counts.drawn) == (0, 0, False)
    plain = msgspec.structs.replace(pool, pool_id=new_id("offer"), mode="first_come")
    await draw.holds.open(plain)
    assert await draw.holds.line_up(plain, BUYERS, first=1, last=True) == "recovering"


async def test_a_voided_draw_serves_nobody(draw: ADraw) -> None:
    pool = await draw.open(2)
    await draw.enter(*BUYERS)
    async with draw.postgres.transaction() as connection:
        await close_pool(connection, draw.pool_id, release_holds=True)
    await draw.end_window()
    assert not await draw.mark()
    await draw.keeper.round()
    await draw.line.round()
    assert await draw.holders() == {}
    assert await ring_fenced(draw.postgres, pool.sku) == 0


async def test_when_the_time_for_passing_on_is_over_a_unit_goes_back_to_the_stock(draw: ADraw) -> None:
    pool = await draw.open(1)
    await draw.enter(*BUYERS)
    await draw.draw()
    async with draw.postgres.connection() as connection:
        await connection.execute("UPDATE pools SET lined_up_at_ms = now_ms() - pass_on_ms")
    await draw.keeper.round()
    [(winner, hold_id)] = (await draw.holders()).items()
    await draw.holds.release(draw.pool_id, hold_id, winner)
    assert await draw.holders() == {}
    await draw.keeper.round()
    assert await ring_fenced(draw.postgres, pool.sku) == 0
