"""The waiting list over the WebSocket, with a worker beside the gateway: who waits gets what comes back."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from kit.ids import new_id
from live import wire
from live.client import ShowdropClient
from live.limits import CLAIM_ANSWER_LAST_S, WAITLIST_MOST_IN_FLIGHT
from live.roles.worker import WorkerRole
from tests.integration.live.gateway.house import PATIENCE_S, House, Viewer, a_claim, open_house

TOLD_WITHIN_S = 1.0


@asynccontextmanager
async def at_work(house: House) -> AsyncIterator[None]:
    """Run a worker: its keeper brings the news, its settlement declines payments."""
    worker = await WorkerRole.start(house.place, demo=False)
    try:
        yield
    finally:
        await worker.stop()


async def a_buyer_with_the_last_units(
    house: House, offer_id: str, show_id: str, quantity: int = 1
) -> tuple[Viewer, str]:
    viewer = await house.watch(show_id, "owner")
    await viewer.say(a_claim(offer_id, quantity))
    return viewer, (await viewer.get(wire.ClaimAccepted)).hold_id


async def place_of(viewer: Viewer, offer_id: str) -> int:
    """Ask for a place, or for the one that the buyer has."""
    asked = len(viewer.all(wire.WaitlistJoined))
    await viewer.say(wire.WaitlistJoin(offer_id=offer_id))
    return (await viewer.get(wire.WaitlistJoined, asked + 1)).place


async def becomes(house: House, offer_id: str, **expected: int) -> None:
    """Wait until the offer's figures are these."""
    found: dict[str, int] = {}
    give_up_at = time.monotonic() + PATIENCE_S
    while found != expected and time.monotonic() < give_up_at:
        await asyncio.sleep(0.05)
        offer = await house.stage.offer(offer_id)
        found = {name: getattr(offer, name) for name in expected}
    assert found == expected


async def refusal(viewer: Viewer, message: wire.WaitlistJoin | wire.WaitlistLeave) -> tuple[str, bool]:
    asked = len(viewer.all(wire.WaitlistRefused))
    await viewer.say(message)
    refused = await viewer.get(wire.WaitlistRefused, asked + 1)
    assert refused.offer_id == message.offer_id
    return refused.reason, refused.temporary


async def waiting(house: House, offer_id: str) -> int:
    return (await house.stage.offer(offer_id)).waiting


@pytest.mark.parametrize("ending", ["released", "expired", "declined"])
async def test_a_unit_that_comes_back_reaches_all_connections_of_who_waits_within_a_second(
    house: House, ending: str
) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=1, hold_ttl_ms=3_000 if ending == "expired" else 60_000)
    async with house.another_gateway() as other, at_work(house):
        owner, hold_id = await a_buyer_with_the_last_units(house, offer_id, show_id)
        phone, laptop = await house.watch(show_id, "ana"), await other.watch(show_id, "ana", binary=True)
        assert await place_of(phone, offer_id) == 1
        assert await waiting(house, offer_id) == 1
        match ending:
            case "released":
                await owner.say(wire.Release(hold_id=hold_id))
                await owner.get(wire.HoldReleased)
            case "expired":
                await owner.get(wire.HoldExpired)
            case _:
                await owner.say(wire.Checkout(hold_id=hold_id, payment_method="pm_test_declined"))
                await owner.get(wire.OrderDeclined)
        freed_at = time.monotonic()
        promoted = await phone.get(wire.HoldPromoted)
        assert await laptop.get(wire.HoldPromoted) == promoted
        assert time.monotonic() - freed_at < TOLD_WITHIN_S
        assert (promoted.offer_id, promoted.quantity) == (offer_id, 1)
        assert not owner.all(wire.HoldPromoted)
        await laptop.say(wire.Checkout(hold_id=promoted.hold_id, payment_method="pm_test_ok"))
        assert (await phone.get(wire.OrderSubmitted)).hold_id == promoted.hold_id
        assert (await phone.get(wire.OrderConfirmed)).hold_id == promoted.hold_id
        # The book hears of the sale after the buyer does.
        await becomes(house, offer_id, available=0, held=0, sold=1, waiting=0)


async def test_who_came_first_is_served_first_and_never_more_people_than_units(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=3, limit=3)
    async with at_work(house):
        owner, hold_id = await a_buyer_with_the_last_units(house, offer_id, show_id, 3)
        line = [await house.watch(show_id, f"buyer-{n}") for n in range(6)]
        assert [await place_of(one, offer_id) for one in line] == [1, 2, 3, 4, 5, 6]
        await owner.say(wire.Release(hold_id=hold_id, keep=1))
        for served in line[:2]:
            await served.get(wire.HoldPromoted)
        assert [await place_of(one, offer_id) for one in line[2:]] == [1, 2, 3, 4]
        # Who waits goes before who claims, whatever is free for a moment.
        late = await house.watch(show_id, "late")
        await late.say(a_claim(offer_id))
        answer = await late.get(wire.ClaimRefused)
        assert (answer.reason, answer.temporary) == ("sold_out", True)
        await owner.say(wire.Release(hold_id=hold_id))
        await line[2].get(wire.HoldPromoted)
        await asyncio.sleep(0.5)
        assert [len(one.all(wire.HoldPromoted)) for one in line] == [1, 1, 1, 0, 0, 0]
        offer = await house.stage.offer(offer_id)
        assert (offer.available, offer.held, offer.waiting) == (0, 3, 3)


async def test_who_does_not_pay_passes_the_unit_on(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=1, hold_ttl_ms=2_000)
    async with at_work(house):
        await a_buyer_with_the_last_units(house, offer_id, show_id)
        ana, bob = await house.watch(show_id, "ana"), await house.watch(show_id, "bob")
        assert [await place_of(ana, offer_id), await place_of(bob, offer_id)] == [1, 2]
        first = await ana.get(wire.HoldPromoted)
        second = await bob.get(wire.HoldPromoted)
        assert (await ana.get(wire.HoldExpired)).hold_id == first.hold_id
        assert second.hold_id != first.hold_id
        assert second.expires_at_ms > first.expires_at_ms


async def test_a_unit_that_is_free_is_held_at_once(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    async with at_work(house):
        ana = await house.watch(show_id, "ana")
        assert await place_of(ana, offer_id) == 0
        assert (await ana.get(wire.HoldPromoted)).offer_id == offer_id
        assert await waiting(house, offer_id) == 0


async def test_a_place_outlives_connections_and_the_gateway(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=1)
    async with at_work(house):
        owner, hold_id = await a_buyer_with_the_last_units(house, offer_id, show_id)
        async with house.another_gateway() as first:
            ana, bob = await first.watch(show_id, "ana"), await first.watch(show_id, "bob")
            assert [await place_of(one, offer_id) for one in (ana, bob)] == [1, 2]
        async with house.another_gateway() as second:
            bob, ana = await second.watch(show_id, "bob"), await second.watch(show_id, "ana")
            assert [await place_of(one, offer_id) for one in (bob, ana, bob)] == [2, 1, 2]
            await owner.say(wire.Release(hold_id=hold_id))
            promoted = await ana.get(wire.HoldPromoted)
        # Who was away when it was their turn finds the hold in the welcome.
        third = await house.watch(show_id, "ana")
        [card] = third.all(wire.Welcome)[0].holds
        assert (card.hold_id, card.claim_id) == (promoted.hold_id, promoted.hold_id.removeprefix("hold_"))


async def test_who_left_is_not_served_and_may_come_back_at_the_end(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=1)
    async with at_work(house):
        owner, hold_id = await a_buyer_with_the_last_units(house, offer_id, show_id)
        ana, bob = await house.watch(show_id, "ana"), await house.watch(show_id, "bob")
        assert [await place_of(one, offer_id) for one in (ana, bob)] == [1, 2]
        for _ in range(2):
            await ana.say(wire.WaitlistLeave(offer_id=offer_id))
        assert (await ana.get(wire.WaitlistLeft, 2)).offer_id == offer_id
        assert [await place_of(one, offer_id) for one in (ana, bob)] == [2, 1]
        await owner.say(wire.Release(hold_id=hold_id))
        await bob.get(wire.HoldPromoted)
        assert not ana.all(wire.HoldPromoted)


async def test_joins_and_leaves_of_one_connection_take_effect_in_their_order(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=1)
    await a_buyer_with_the_last_units(house, offer_id, show_id)
    ana = await house.watch(show_id, "ana")
    for _ in range(5):
        await ana.say(wire.WaitlistJoin(offer_id=offer_id))
        await ana.say(wire.WaitlistLeave(offer_id=offer_id))
    await ana.get(wire.WaitlistLeft, 5)
    answers = [one for one in ana.heard if isinstance(one, wire.WaitlistJoined | wire.WaitlistLeft)]
    assert [type(one) for one in answers] == [wire.WaitlistJoined, wire.WaitlistLeft] * 5
    assert await waiting(house, offer_id) == 0


async def test_who_waits_for_several_offers_waits_for_one_time_out_while_redis_stands_still(house: House) -> None:
    show_id = await house.show()
    offer_ids = [await house.offer(show_id, quantity=1) for _ in range(4)]
    for offer_id in offer_ids:
        await a_buyer_with_the_last_units(house, offer_id, show_id)
    ana = await house.watch(show_id, "ana")
    for offer_id in offer_ids:
        await place_of(ana, offer_id)
    goes_on_at = time.monotonic() + 2.4 * CLAIM_ANSWER_LAST_S
    await house.stores.redis.client_pause(round(2_400 * CLAIM_ANSWER_LAST_S), all=True)
    try:
        async with asyncio.timeout(2 * CLAIM_ANSWER_LAST_S):
            for offer_id in offer_ids:
                await ana.say(wire.WaitlistJoin(offer_id=offer_id))
            for _ in range(4):  # and for one of them again and again
                await ana.say(wire.WaitlistLeave(offer_id=offer_ids[0]))
                await ana.say(wire.WaitlistJoin(offer_id=offer_ids[0]))
            await ana.get(wire.WaitlistRefused, len(offer_ids) + 8)
    finally:
        await asyncio.sleep(goes_on_at - time.monotonic())  # CLIENT UNPAUSE would be held up as well
    assert {one.reason for one in ana.all(wire.WaitlistRefused)} == {"recovering"}


async def test_the_list_closes_with_its_offer(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=1)
    async with at_work(house):
        owner, hold_id = await a_buyer_with_the_last_units(house, offer_id, show_id)
        ana = await house.watch(show_id, "ana")
        assert await place_of(ana, offer_id) == 1
        await house.stage.close_offer(offer_id)
        await ana.get(wire.OfferEnded)
        assert await waiting(house, offer_id) == 0
        assert await refusal(ana, wire.WaitlistJoin(offer_id=offer_id)) == ("ended", False)
        await owner.say(wire.Release(hold_id=hold_id))
        await owner.get(wire.HoldReleased)
        await asyncio.sleep(0.5)
        assert not ana.all(wire.HoldPromoted)


async def test_every_other_wish_is_refused_with_its_reason(house: House) -> None:
    show_id = await house.show()
    offer_id, early = await house.offer(show_id, quantity=2, limit=2), await house.offer(show_id, preheat_ms=60_000)
    owner, _ = await a_buyer_with_the_last_units(house, offer_id, show_id, 2)
    guest, host = await house.watch(show_id), await house.dial(show_id)
    await host.say(wire.Hello(token=house.tokens.mint("host", "me", None)[0]))
    await host.get(wire.Welcome)
    for kind in (wire.WaitlistJoin, wire.WaitlistLeave):
        for one in (guest, host):
            assert await refusal(one, kind(offer_id=offer_id)) == ("unauthorised", False)
        for unknown in (new_id("offer"), "", "\0"):
            assert await refusal(owner, kind(offer_id=unknown)) == ("unknown_offer", False)
    assert await refusal(owner, wire.WaitlistJoin(offer_id=offer_id)) == ("buyer_limit", False)
    assert await refusal(owner, wire.WaitlistJoin(offer_id=early)) == ("not_open", True)
    elsewhere = await house.watch(await house.show(), "ana")
    assert await refusal(elsewhere, wire.WaitlistJoin(offer_id=offer_id)) == ("unknown_offer", False)
    assert await waiting(house, offer_id) == 0


async def test_more_than_a_connection_may_ask_at_once_is_refused_as_temporary(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=1)
    await a_buyer_with_the_last_units(house, offer_id, show_id)
    ana = await house.watch(show_id, "ana")
    join, asked = wire.encode_json(wire.WaitlistJoin(offer_id=offer_id)).decode(), 3 * WAITLIST_MOST_IN_FLIGHT
    async with asyncio.TaskGroup() as group:
        for _ in range(asked):
            group.create_task(ana.connection.send(join))
    await ana.when(lambda: len(ana.all(wire.WaitlistJoined)) + len(ana.all(wire.WaitlistRefused)) == asked)
    assert {(one.reason, one.temporary) for one in ana.all(wire.WaitlistRefused)} <= {("rate_limited", True)}
    assert {one.place for one in ana.all(wire.WaitlistJoined)} == {1}
    assert await waiting(house, offer_id) == 1


async def test_a_lost_book_answers_recovering_and_then_keeps_a_list_again(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=1)
    _, hold_id = await a_buyer_with_the_last_units(house, offer_id, show_id)
    ana = await house.watch(show_id, "ana")
    await house.stores.redis.delete(f"{{{offer_id}}}:pool", f"{{{offer_id}}}:waiting")
    assert await refusal(ana, wire.WaitlistJoin(offer_id=offer_id)) == ("recovering", True)
    await house.keeper().recover(offer_id)
    # The gateway has forgotten the epoch that was lost; who asks again is served, and the surviving hold counts.
    assert await place_of(ana, offer_id) == 1
    assert hold_id


async def test_a_failure_of_ours_is_logged_and_answered_as_temporary(database_url: str, redis_url: str) -> None:
    with capture_logs() as said:
        async with open_house(database_url, redis_url) as house:
            show_id = await house.show()
            offer_id = await house.offer(show_id)
            ana = await house.watch(show_id, "ana")
            async with house.stores.postgres.connection() as connection:
                await connection.execute("ALTER TABLE pools RENAME TO no_pools")
            with contextlib.suppress(AssertionError):
                assert await refusal(ana, wire.WaitlistJoin(offer_id=offer_id)) == ("recovering", True)
            assert ana.all(wire.WaitlistRefused)
    [error] = [one for one in said if one["log_level"] == "error"]
    assert error["event"] == "waitlist_failed"


async def test_the_python_client_keeps_its_place_and_asks_for_one_unit_only(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=1, limit=2)
    heard: list[wire.ServerMessage] = []
    async with (
        at_work(house),
        ShowdropClient(house.ws_url, show_id, house.token("ana"), on_message=heard.append, random01=lambda: 0.2) as ana,
    ):
        owner, hold_id = await a_buyer_with_the_last_units(house, offer_id, show_id)
        await ana.welcomed()
        assert await ana.join_waitlist(offer_id) == wire.WaitlistJoined(offer_id=offer_id, place=1)
        bob = await house.watch(show_id, "bob")
        assert await place_of(bob, offer_id) == 2
        ana.cut()
        assert await ana.join_waitlist(offer_id) == wire.WaitlistJoined(offer_id=offer_id, place=1)
        # The unit comes while the client is away: it must not wait for a second one when it is back.
        ana.cut()
        await owner.say(wire.Release(hold_id=hold_id))
        await owner.get(wire.HoldReleased)
        await becomes(house, offer_id, held=1, waiting=1)
        async with asyncio.timeout(PATIENCE_S):
            while ana.welcomes < 3:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        assert await waiting(house, offer_id) == 1
        assert await place_of(bob, offer_id) == 1
        [card] = [one for one in heard if isinstance(one, wire.Welcome)][-1].holds
        more = await ana.extend(card.hold_id)
        assert isinstance(more, wire.HoldChanged)
        assert more.expires_at_ms > card.expires_at_ms
        assert isinstance(await ana.release(card.hold_id, keep=0), wire.HoldReleased)
        await bob.get(wire.HoldPromoted)
        assert await ana.leave_waitlist(offer_id) == wire.WaitlistLeft(offer_id=offer_id)
