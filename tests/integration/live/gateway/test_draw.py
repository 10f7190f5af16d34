"""A draw as viewers see it: they enter, everybody hears the seed, winners get a hold like any other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from inventory.draw import drawn_order, seed_hash
from inventory.draw_line import DrawLine
from inventory.draws_pg import Draws
from kit.ids import new_ulid
from live import wire
from live.draw_clock import DrawClock
from live.offer_clock import OfferClock
from live.show_draws_pg import ShowDraws
from tests.integration.live.gateway.house import House, Viewer


async def enter(viewer: Viewer, offer_id: str, *, claim_id: str | None = None, quantity: int = 1) -> str:
    claim_id = claim_id or new_ulid()
    await viewer.say(wire.Claim(claim_id=claim_id, offer_id=offer_id, quantity=quantity))
    return claim_id


@asynccontextmanager
async def worker(house: House) -> AsyncIterator[None]:
    """Run what a worker does about a draw."""
    stores = house.stores
    line = DrawLine(Draws(stores.postgres), stores.holds)
    clocks = (
        OfferClock(stores.show_offers, house.relay),
        DrawClock(ShowDraws(stores.postgres, stores.show_offers), line, house.relay),
    )

    async def run() -> None:
        while True:
            for clock in clocks:
                await clock.round()
            await asyncio.sleep(0.05)

    running = asyncio.create_task(run())
    async with house.kept():
        yield
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_who_enters_is_drawn_or_not_and_a_winner_pays_as_anybody(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=2, limit=1, duration_ms=1_500, mode="draw")
    buyers = [f"buyer-{n}" for n in range(6)]
    viewers = {one: await house.watch(show_id, one, binary=one == "buyer-0") for one in buyers}
    guest = await house.watch(show_id)
    card = (await guest.get(wire.Welcome)).snapshot
    assert isinstance(card, wire.Snapshot)
    [shown] = card.offers
    assert (shown.mode, shown.seed) == ("draw", None)
    for viewer in viewers.values():
        claim_id = await enter(viewer, offer_id)
        entered = await viewer.get(wire.ClaimEntered)
        assert entered == wire.ClaimEntered(claim_id=claim_id, offer_id=offer_id, drawn_at_ms=shown.ends_at_ms)
    async with worker(house):
        drawn = await guest.get(wire.OfferDrawn)
        assert seed_hash(drawn.seed) == shown.seed_hash
        assert drawn.entries == 6
        order = drawn_order(drawn.seed, buyers)
        for winner in order[:2]:
            promoted = await viewers[winner].get(wire.HoldPromoted)
            assert (promoted.offer_id, promoted.quantity) == (offer_id, 1)
        await guest.when(lambda: [(one.available, one.held) for one in guest.all(wire.OfferStock)][-1:] == [(0, 2)])
        # A winner lets go: the unit passes on.
        hold_id = viewers[order[0]].all(wire.HoldPromoted)[0].hold_id
        await viewers[order[0]].say(wire.Release(hold_id=hold_id))
        next_one = await viewers[order[2]].get(wire.HoldPromoted)
        await viewers[order[2]].say(wire.Checkout(hold_id=next_one.hold_id, payment_method="pm_test_ok"))
        await viewers[order[2]].get(wire.OrderSubmitted)
    assert not any(viewers[loser].all(wire.HoldPromoted) for loser in order[3:])
    late = await house.watch(show_id)
    snapshot = (await late.get(wire.Welcome)).snapshot
    assert isinstance(snapshot, wire.Snapshot)
    assert [(one.state, one.seed) for one in snapshot.offers] == [("ended", drawn.seed)]


async def test_one_entry_each_on_every_device_and_nothing_else_counts(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=2, limit=1, mode="draw")
    phone, laptop, eve = [await house.watch(show_id, one) for one in ("ana", "ana", "eve")]
    claim_id = await enter(phone, offer_id)
    first = await phone.get(wire.ClaimEntered)
    await enter(laptop, offer_id, claim_id=claim_id)
    assert await laptop.get(wire.ClaimEntered) == first
    await enter(laptop, offer_id)
    await enter(eve, offer_id, claim_id=claim_id)
    await enter(eve, offer_id, quantity=2)
    await eve.say(wire.WaitlistJoin(offer_id=offer_id))
    assert (await laptop.get(wire.ClaimRefused)).reason == "buyer_limit"
    assert {(await eve.get(wire.ClaimRefused, n)).reason for n in (1, 2)} == {"invalid"}
    assert (await eve.get(wire.WaitlistRefused)).reason == "not_open"
    assert (await house.stage.offer(offer_id)).waiting == 1


async def test_taps_of_many_at_once_are_all_answered_and_count_once(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=2, limit=1, mode="draw")
    viewers = [await house.watch(show_id, f"buyer-{n}") for n in range(60)]
    await asyncio.gather(*(enter(viewer, offer_id) for viewer in viewers for _ in range(5)))
    for viewer in viewers:
        await viewer.get(wire.ClaimEntered)
        await viewer.get(wire.ClaimRefused, 4)
        assert len(viewer.all(wire.ClaimEntered)) == 1
    assert (await house.stage.offer(offer_id)).waiting == 60
