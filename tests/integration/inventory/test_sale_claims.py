"""Claims, in the failures that others reported; F-numbers are those of ``docs/failures.md``."""

import asyncio

from redis.asyncio import Redis

from inventory.hold_ids import KEY_CHARS
from inventory.holds import Accepted, ClaimAnswer, ClaimRequest, Refused
from inventory.limits import BUYER_HOLDS_MOST, CLAIM_MOST_PER_CALL
from kit.ids import new_ulid
from tests.integration.inventory.stepped_sale import a_sale, accepted

CROWD = 1_000_000
RUSHED_ROUNDS = 300
RUSHED_BUYERS = 15


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
