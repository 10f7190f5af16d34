"""Redis stands still for some seconds: claims are answered meanwhile, and afterwards all goes on by itself (F27)."""

import asyncio
import contextlib
import os
import signal
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

import pytest

from inventory.draws_pg import Draws
from inventory.holds import Accepted, ClaimAnswer, ClaimRequest, InLine, Pool
from inventory.holds_redis import RedisHolds
from inventory.limits import CLAIM_MOST_PER_CALL
from kit.ids import new_ulid
from kit.tasks import Tasks
from live import wire
from live.claim_desk import RECOVERING, ClaimDesk
from live.limits import CLAIM_ANSWER_LAST_S, CLAIM_ANSWER_MOST_S
from live.waiting_lists import WaitingLists
from tests.integration.live.gateway.house import House, Viewer, a_claim, open_house
from tests.integration.live.test_claim_desk import answer_of

WAIT_MOST_S = CLAIM_ANSWER_MOST_S + 0.5
BUYERS = 400


@pytest.fixture
async def house(database_url: str, own_redis: str) -> AsyncIterator[House]:
    async with open_house(database_url, own_redis) as running:
        yield running


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """Let the server's process stand still; the kernel still takes what is sent to it."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def redis_pid(house: House) -> int:
    return int((await house.stores.redis.info("server"))["process_id"])


async def answer_after(viewer: Viewer, claim: wire.Claim) -> tuple[wire.ClaimAccepted | wire.ClaimRefused, float]:
    """Say a claim; return its answer, and the seconds that it took."""
    heard_before, began = len(viewer.heard), asyncio.get_running_loop().time()

    def answers() -> list[wire.ClaimAccepted | wire.ClaimRefused]:
        new = viewer.heard[heard_before:]
        return [
            one
            for one in new
            if isinstance(one, wire.ClaimAccepted | wire.ClaimRefused) and one.claim_id == claim.claim_id
        ]

    await viewer.say(claim)
    await viewer.when(lambda: bool(answers()))
    return answers()[0], asyncio.get_running_loop().time() - began


async def test_claims_are_answered_while_redis_stands_still_and_nobody_waits_for_another(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=50, limit=20)
    viewers = [await house.watch(show_id, f"buyer-{n}") for n in range(8)]
    ana = viewers[0]
    await ana.say(a_claim(offer_id))
    await ana.get(wire.ClaimAccepted)
    keeping = Tasks()
    keeping.forever("keeper", house.keeper().round, every_s=0.1)
    with stopped(await redis_pid(house)):
        asked = []
        for n in range(40):
            # At every moment of the call that is under way, over three seconds.
            asked.append(asyncio.create_task(answer_after(viewers[n % 8], a_claim(offer_id))))
            await asyncio.sleep(0.08)
        answers = await asyncio.gather(*asked)
    for answer, _ in answers:
        assert isinstance(answer, wire.ClaimRefused)
        assert (answer.reason, answer.temporary) == ("recovering", True)
    # Half of them came in the middle of a call or later; behind one another, each would wait for longer than a call.
    assert statistics.median(waited_s for _, waited_s in answers) < CLAIM_ANSWER_MOST_S
    async with asyncio.timeout(8):
        while True:
            answer, _ = await answer_after(ana, a_claim(offer_id))
            if isinstance(answer, wire.ClaimAccepted):
                break
            assert answer.reason == "recovering"
            await asyncio.sleep(0.1)
    await keeping.stop()


async def test_an_answer_that_came_while_the_gateway_stood_still_counts(house: House) -> None:
    offer_id = await house.offer(await house.show())
    desk = ClaimDesk(house.stores.holds, Draws(house.stores.postgres), house.stores.offers)
    lists = WaitingLists(house.stores.offers, house.stores.holds)
    await house.stores.offers.get(offer_id)
    for number, stands_still_s in enumerate((CLAIM_ANSWER_MOST_S, CLAIM_ANSWER_LAST_S)):
        await house.stores.redis.client_pause(900, all=True)
        claim = answer_of(desk, _request(offer_id, number))
        wishes = [asyncio.create_task(one) for one in (lists.join(offer_id, "ana"), lists.leave(offer_id, "ana"))]
        await asyncio.sleep(0.2)
        assert not claim.done()
        # The gateway itself stands still, while Redis goes on.
        asyncio.get_running_loop().call_soon(time.sleep, stands_still_s)
        assert isinstance(await claim, Accepted)
        assert await asyncio.gather(*wishes) == [InLine(place=0), None]
    await desk.close()


async def test_a_claim_that_was_decided_and_not_answered_is_answered_when_it_comes_again(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    ana = await house.watch(show_id, "ana")
    await ana.say(a_claim(offer_id))
    await ana.get(wire.ClaimAccepted)
    claim = a_claim(offer_id)
    with stopped(await redis_pid(house)):
        answer, _ = await answer_after(ana, claim)
        assert isinstance(answer, wire.ClaimRefused)
        assert (answer.reason, answer.temporary) == ("recovering", True)
    async with asyncio.timeout(8):
        while (await house.stores.holds.counts([offer_id]))[0].held < 2:
            await asyncio.sleep(0.05)
    answer, _ = await answer_after(ana, claim)
    assert isinstance(answer, wire.ClaimAccepted)
    assert (await house.stores.holds.counts([offer_id]))[0].held == 2


def _request(offer_id: str, number: int) -> ClaimRequest:
    return ClaimRequest(pool_id=offer_id, claim_id=new_ulid(), buyer_id=f"buyer-{number}", quantity=1)


class DeafHolds(RedisHolds):
    """Goes on once although it was cancelled, as Python 3.11 may while it sends."""

    async def claim_many(self, pool: Pool, claims: Sequence[ClaimRequest]) -> list[ClaimAnswer]:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30)
        await asyncio.sleep(30)
        return await super().claim_many(pool, claims)


async def test_a_call_that_does_not_hear_the_first_cancellation_holds_nobody_up(house: House) -> None:
    offer_id = await house.offer(await house.show())
    desk = ClaimDesk(DeafHolds(house.stores.redis), Draws(house.stores.postgres), house.stores.offers)
    async with asyncio.timeout(WAIT_MOST_S + 1):
        assert await answer_of(desk, _request(offer_id, 0)) == RECOVERING
        await desk.close()


async def test_however_many_batches_wait_all_are_answered_with_the_first(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    desk = ClaimDesk(house.stores.holds, Draws(house.stores.postgres), house.stores.offers)
    await house.stores.offers.get(offer_id)
    with stopped(await redis_pid(house)):
        began = asyncio.get_running_loop().time()
        answers = [answer_of(desk, _request(offer_id, n)) for n in range(20 * CLAIM_MOST_PER_CALL)]
        assert set(await asyncio.gather(*answers)) == {RECOVERING}
        # One after the other, the batches would take twenty times as long.
        assert asyncio.get_running_loop().time() - began < 3 * WAIT_MOST_S
        assert not desk.busy()
        # Who comes next is asked for anew, and does not get the earlier ones' answer at once.
        late = answer_of(desk, _request(offer_id, 0))
        await asyncio.sleep(CLAIM_ANSWER_MOST_S / 2)
        assert not late.done()
        assert await late == RECOVERING
    await desk.close()


async def test_joins_of_a_waiting_list_share_calls_and_are_answered_while_redis_stands_still(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=1)
    lists, redis = WaitingLists(house.stores.offers, house.stores.holds), house.stores.redis
    taken = ClaimRequest(pool_id=offer_id, claim_id=new_ulid(), buyer_id="first", quantity=1)
    offer = await house.stores.offers.get(offer_id)
    assert offer is not None
    await house.stores.holds.claim_many(offer.pool, [taken])

    async def scripts() -> int:
        return int((await redis.info("commandstats"))["cmdstat_evalsha"]["calls"])

    before = await scripts()
    joined = await asyncio.gather(*(lists.join(offer_id, f"buyer_{number}") for number in range(BUYERS)))
    calls = await scripts() - before
    assert joined == [InLine(place=number + 1) for number in range(BUYERS)]
    assert calls < BUYERS / 4, "the ticks of the gateway are among them"
    with stopped(await redis_pid(house)):
        began_s = asyncio.get_running_loop().time()
        told = await asyncio.gather(*(lists.join(offer_id, f"late_{number}") for number in range(BUYERS)))
        took_s = asyncio.get_running_loop().time() - began_s
    assert told == ["recovering"] * BUYERS
    assert took_s < 3 * WAIT_MOST_S, "whoever waits behind a call that is not answered has waited as long"
    async with asyncio.timeout(10):
        while (again := await lists.join(offer_id, "buyer_0")) == "recovering":
            await asyncio.sleep(0.05)
    assert again == InLine(place=1)
