"""Several wishes for one stock in one call are decided one after the other, each knowing of those before it."""

import pytest
from redis.asyncio import Redis

from inventory.holds import Accepted, ClaimAnswer, Refused
from inventory.holds_redis import RedisHolds
from tests.integration.inventory.test_holds_redis import a_claim, a_pool, figures


@pytest.fixture
def holds(redis: Redis) -> RedisHolds:
    return RedisHolds(redis)


def taken(answers: list[ClaimAnswer]) -> list[bool]:
    return [isinstance(one, Accepted) for one in answers]


@pytest.mark.parametrize("second", ["ana", "bob"], ids=["one buyer", "two buyers"])
async def test_two_wishes_in_one_call_never_get_more_than_there_is_together(holds: RedisHolds, second: str) -> None:
    pool = a_pool(5, limit=10)
    await holds.open(pool)
    answers = await holds.claim_many(pool, [a_claim(pool, "ana", 3), a_claim(pool, second, 3)])
    assert taken(answers) == [True, False]
    assert isinstance(answers[1], Refused)
    assert answers[1].reason == "sold_out"
    assert await figures(holds, pool) == (2, 3, 0)


async def test_a_smaller_wish_behind_one_that_does_not_fit_gets_the_rest(holds: RedisHolds) -> None:
    pool = a_pool(5, limit=10)
    await holds.open(pool)
    wishes = [a_claim(pool, "ana", 3), a_claim(pool, "ana", 3), a_claim(pool, "bob", 2), a_claim(pool, "cid", 1)]
    assert taken(await holds.claim_many(pool, wishes)) == [True, False, True, False]
    assert await figures(holds, pool) == (0, 5, 0)


async def test_two_wishes_of_one_buyer_in_one_call_count_towards_one_limit(holds: RedisHolds) -> None:
    pool = a_pool(10, limit=4)
    await holds.open(pool)
    answers = await holds.claim_many(pool, [a_claim(pool, "ana", 3), a_claim(pool, "ana", 3), a_claim(pool, "bob", 3)])
    assert taken(answers) == [True, False, True]
    assert isinstance(answers[1], Refused)
    assert answers[1].reason == "buyer_limit"
    assert await figures(holds, pool) == (4, 6, 0)


async def test_one_wish_for_more_than_there_is_gets_nothing_and_leaves_everything(holds: RedisHolds) -> None:
    pool = a_pool(5, limit=10)
    await holds.open(pool)
    assert taken(await holds.claim_many(pool, [a_claim(pool, "ana", 6)])) == [False]
    assert await figures(holds, pool) == (5, 0, 0)
