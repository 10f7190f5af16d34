"""The claim desk when it is full: whoever is not taken is told so, and whoever is taken gets the book's answer."""

import asyncio

import pytest
from redis.asyncio import Redis

from inventory.draws_pg import Draws
from inventory.holds import Accepted, ClaimRequest
from kit.errors import UnavailableError
from kit.ids import new_id, new_ulid
from kit.postgres import Postgres
from live.claim_desk import ClaimDesk, DeskAnswer
from live.roles.stores import Stores
from tests.integration.inventory.test_pools import a_sku
from tests.integration.live.test_stage import a_show, a_stage, terms

UNITS = 30
CLAIMS = 100
QUEUED = 16


async def test_claims_that_find_the_desk_full_are_refused_hold_nothing_and_may_come_again(
    stores: Stores, postgres: Postgres, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.claim_desk.CLAIMS_MOST_QUEUED", QUEUED)
    stage = a_stage(postgres, redis)
    offer = await stage.open_offer(
        await a_show(stage), terms(await a_sku(postgres, UNITS), UNITS), offer_id=new_id("offer")
    )
    desk = ClaimDesk(stores.holds, Draws(stores.postgres), stores.offers)
    left = [
        ClaimRequest(pool_id=offer.offer_id, claim_id=new_ulid(), buyer_id=f"buyer_{number}", quantity=1)
        for number in range(CLAIMS)
    ]
    answers: list[DeskAnswer] = []
    codes: set[str] = set()
    rounds = 0
    while left:
        taken, refused = [], []
        for claim in left:
            try:
                taken.append(answer_of(desk, claim))
            except UnavailableError as error:
                refused.append(claim)
                codes.add(error.code)
        assert len(taken) == min(QUEUED, len(left)), "the desk takes what it has room for, and no more"
        async with asyncio.timeout(30):
            answers += await asyncio.gather(*taken)
        [counts] = await stores.holds.counts([offer.offer_id])
        assert counts.held == sum(isinstance(one, Accepted) for one in answers), "a refused claim holds nothing"
        left, rounds = refused, rounds + 1
    await desk.close()
    assert codes == {"overloaded"}
    assert rounds > CLAIMS // QUEUED
    assert len(answers) == CLAIMS
    assert sum(isinstance(one, Accepted) for one in answers) == UNITS


def answer_of(desk: ClaimDesk, request: ClaimRequest) -> "asyncio.Future[DeskAnswer]":
    """Queue a claim for a future."""
    answer: asyncio.Future[DeskAnswer] = asyncio.get_running_loop().create_future()
    desk.claim(request, answer)
    return answer
