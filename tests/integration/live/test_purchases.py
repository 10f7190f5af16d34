"""Purchases: the same answer however often it is asked, and the buyer's news posted once."""

import asyncio

import pytest
from redis.asyncio import Redis

from inventory.hold_ids import new_hold_id
from inventory.holds import Accepted, ClaimRequest
from kit.errors import ConflictError, InvalidError, NotFoundError
from kit.ids import new_id, new_ulid
from kit.postgres import Postgres
from live import wire
from live.roles.stores import Stores
from tests.integration.inventory.test_pools import a_sku
from tests.integration.live.test_stage import a_show, a_stage, terms


async def a_hold(stores: Stores, postgres: Postgres, redis: Redis) -> tuple[str, str]:
    """Return a show, and a hold of ana's in it."""
    stage = a_stage(postgres, redis)
    show_id = await a_show(stage)
    offer_id = (await stage.open_offer(show_id, terms(await a_sku(postgres, 9)), offer_id=new_id("offer"))).offer_id
    pool = await stores.pools.get(offer_id)
    assert pool is not None
    claim = ClaimRequest(pool_id=offer_id, claim_id=new_ulid(), buyer_id="ana", quantity=2)
    [answer] = await stores.holds.claim_many(pool, [claim])
    assert isinstance(answer, Accepted)
    return show_id, answer.hold_id


async def news(stores: Stores, show_id: str) -> int:
    """Return how many messages stand in the show's inbox."""
    [position] = await stores.inbox_log.positions([show_id])
    return 0 if position is None else position.seq


async def test_a_checkout_repeated_at_once_is_one_order_and_one_message(
    stores: Stores, postgres: Postgres, redis: Redis
) -> None:
    show_id, hold_id = await a_hold(stores, postgres, redis)
    answers = await asyncio.gather(*(stores.purchases.checkout(hold_id, "ana", "pm_test_ok", None) for _ in range(8)))
    assert len({one.order.order_id for one in answers}) == 1
    assert sum(one.is_news for one in answers) == 1
    assert (answers[0].order.amount.amount, answers[0].order.quantity) == (200, 2)
    assert await news(stores, show_id) == 1


async def test_a_release_repeated_is_told_once_and_then_cannot_be_paid(
    stores: Stores, postgres: Postgres, redis: Redis
) -> None:
    show_id, hold_id = await a_hold(stores, postgres, redis)
    answers = [await stores.purchases.release(hold_id, "ana") for _ in range(3)]
    assert [one.hold.status for one in answers] == ["released"] * 3
    assert [one.is_news for one in answers] == [True, False, False]
    assert await news(stores, show_id) == 1
    with pytest.raises(ConflictError) as refusal:
        await stores.purchases.checkout(hold_id, "ana", "pm_test_ok", None)
    assert refusal.value.code == "hold_released"


async def test_what_is_not_the_buyers_is_unknown_to_them(stores: Stores, postgres: Postgres, redis: Redis) -> None:
    show_id, hold_id = await a_hold(stores, postgres, redis)
    for one, buyer in ((hold_id, "eve"), (new_hold_id(2**40 - 1), "ana"), ("hold_x", "ana"), (new_id("order"), "ana")):
        with pytest.raises(NotFoundError) as refusal:
            await stores.purchases.checkout(one, buyer, "pm_test_ok", None)
        assert refusal.value.code == "unknown_hold"
        with pytest.raises(NotFoundError):
            await stores.purchases.release(one, buyer)
    with pytest.raises(InvalidError):
        await stores.purchases.checkout(hold_id, "ana", "pm_gold", None)
    assert await news(stores, show_id) == 0
    assert (await stores.purchases.release(hold_id, "ana")).hold.status == "released"


async def test_a_hold_that_is_being_paid_stays(stores: Stores, postgres: Postgres, redis: Redis) -> None:
    _, hold_id = await a_hold(stores, postgres, redis)
    await stores.purchases.checkout(hold_id, "ana", "pm_test_ok", None)
    released = await stores.purchases.release(hold_id, "ana")
    assert (released.hold.status, released.is_news) == ("submitted", False)


async def test_the_inbox_carries_the_wire_message_of_its_buyer(
    stores: Stores, postgres: Postgres, redis: Redis
) -> None:
    show_id, hold_id = await a_hold(stores, postgres, redis)
    begun = await stores.inbox_log.begin(show_id, 0)
    await stores.purchases.release(hold_id, "ana")
    entries = await stores.inbox_log.read(show_id, begun, limit=5)
    assert entries is not None
    [entry] = entries
    assert entry.payload.startswith(b'{"buyer_id":"ana","event":{"type":"hold.released"')
    assert isinstance(
        wire.decode_buyer_event(entry.payload[len(b'{"buyer_id":"ana","event":') : -1]), wire.HoldReleased
    )
