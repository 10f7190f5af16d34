"""Who waits, in the failures that others reported; F-numbers are those of ``docs/failures.md``."""

import asyncio
from collections import Counter

from redis.asyncio import Redis

from inventory.holds import Accepted, InLine, Refused
from tests.integration.inventory.stepped_book import BEGIN_MS, an_end
from tests.integration.inventory.stepped_sale import TTL_MS, a_sale


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
