"""Redis forgets everything in the middle of a show: claims stop, stock is rebuilt, viewers take a snapshot (D10)."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from inventory.hold_ids import new_hold_id
from live import wire
from live.close_codes import CloseCode
from tests.integration.inventory.stepped_book import an_end
from tests.integration.live.gateway.house import House, Viewer, a_claim, open_house


@pytest.fixture
async def house(database_url: str, own_redis: str) -> AsyncIterator[House]:
    async with open_house(database_url, own_redis) as running:
        yield running


async def accepted(viewer: Viewer, offer_id: str) -> wire.ClaimAccepted:
    claim = a_claim(offer_id)
    await viewer.say(claim)
    await viewer.when(lambda: any(one.claim_id == claim.claim_id for one in viewer.all(wire.ClaimAccepted)))
    return viewer.all(wire.ClaimAccepted)[-1]


async def test_after_a_flush_claims_wait_and_then_sell_what_postgres_says_is_left(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=3, limit=3)
    keeper = house.keeper()
    await keeper.round()
    ana = await house.watch(show_id, "ana")
    paid = await accepted(ana, offer_id)
    await accepted(ana, offer_id)
    await ana.say(wire.Checkout(hold_id=paid.hold_id, payment_method="pm_test_ok"))
    await ana.get(wire.OrderSubmitted)
    old = await ana.get(wire.Welcome)

    await house.stores.redis.flushall()
    await house.stage.pause(show_id)
    assert await ana.closed() == CloseCode.STATE_LOST
    bob = await house.dial(show_id)
    await bob.say(wire.Hello(token=house.token("bob"), resume=wire.Position(old.epoch, old.seq)))
    welcome = await bob.get(wire.Welcome)
    assert not welcome.recovered
    assert isinstance(welcome.snapshot, wire.Snapshot)
    assert welcome.snapshot.show.state == "paused"
    await bob.say(a_claim(offer_id))
    refused = await bob.get(wire.ClaimRefused)
    assert (refused.reason, refused.temporary) == ("recovering", True)

    await keeper.round()
    # The paid unit stays reserved; the hold that only Redis knew is gone, and its unit is free again.
    [counts] = await house.stores.holds.counts([offer_id])
    assert (counts.available, counts.held, counts.sold) == (2, 1, 0)
    await bob.say(a_claim(offer_id))
    await bob.when(lambda: len(bob.all(wire.ClaimAccepted)) + len(bob.all(wire.ClaimRefused)) > 1)
    if not bob.all(wire.ClaimAccepted):
        # The first one after the recovery may still carry the old epoch.
        assert bob.all(wire.ClaimRefused)[-1].reason == "recovering"
    await accepted(bob, offer_id)
    assert (await house.stage.offer(offer_id)).held <= 3
    await house.stage.resume(show_id)
    await bob.up_to(await house.seq(show_id))


async def test_another_life_of_the_server_rebuilds_every_book_before_it_is_used(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    keeper = house.keeper()
    await keeper.round()
    before = await house.stores.pools.get(offer_id)
    await house.stores.redis.hset(f"{{{offer_id}}}:pool", "server", "another server")
    await house.keeper().round()
    after = await house.stores.pools.get(offer_id)
    assert before is not None
    assert after is not None
    assert after.epoch == before.epoch + 1
    [counts] = await house.stores.holds.counts([offer_id])
    assert (counts.epoch, counts.available) == (after.epoch, 10)
    await house.keeper().round()
    assert await house.stores.pools.get(offer_id) == after


async def test_reactions_that_redis_cannot_take_are_told_later(house: House) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    await asyncio.sleep(0.7)
    await house.stores.redis.config_set("maxmemory", "1")
    await viewer.say(wire.React(kind="heart", count=5))
    await asyncio.sleep(1.0)
    assert viewer.all(wire.Reactions) == []
    await house.stores.redis.config_set("maxmemory", "0")
    await viewer.when(lambda: sum(one.counts.get("heart", 0) for one in viewer.all(wire.Reactions)) == 5)


async def test_a_book_that_promised_more_than_there_is_shows_that_nothing_is_left(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=1)
    await house.keeper().round()
    pool = await house.stores.pools.get(offer_id)
    assert pool is not None
    ana = await house.watch(show_id, "ana")
    await accepted(ana, offer_id)
    # An order that was lost with the book is settled, and its unit is promised to ana.
    await house.stores.holds.resolve(offer_id, [an_end(new_hold_id(pool.pool_no), buyer_id="bob")])
    [counts] = await house.stores.holds.counts([offer_id])
    assert (counts.available, counts.held, counts.sold) == (-1, 1, 1)
    await ana.when(lambda: any(one.sold for one in ana.all(wire.OfferStock)))
    assert min(one.available for one in ana.all(wire.OfferStock)) == 0
    shown = await house.stage.offer(offer_id)
    assert (shown.available, shown.held, shown.sold) == (0, 1, 1)
    cem = await house.watch(show_id, "cem")
    welcome = await cem.get(wire.Welcome)
    assert isinstance(welcome.snapshot, wire.Snapshot)
    assert [one.available for one in welcome.snapshot.offers] == [0]


async def test_a_finished_offer_whose_book_is_gone_is_over_and_not_recovering(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    ana = await house.watch(show_id, "ana")
    await house.stage.close_offer(offer_id)
    await house.keeper().round()
    await house.stores.redis.delete(*[key async for key in house.stores.redis.scan_iter(match=f"{{{offer_id}}}:*")])
    await ana.say(a_claim(offer_id))
    refused = await ana.get(wire.ClaimRefused)
    assert (refused.reason, refused.temporary) == ("ended", False)
    await ana.say(wire.WaitlistJoin(offer_id=offer_id))
    left_out = await ana.get(wire.WaitlistRefused)
    assert (left_out.reason, left_out.temporary) == ("ended", False)
