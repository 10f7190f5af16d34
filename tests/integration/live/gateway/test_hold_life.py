"""A hold's life after the claim, over the WebSocket: more time, fewer units, and how fast one buyer may ask."""

import asyncio
import time

import pytest

from inventory.hold_ids import new_hold_id
from inventory.limits import HOLD_EXTENSIONS_MOST
from kit.ids import new_id
from live import wire
from live.limits import BUYER_CLAIMS_BURST, BUYER_CLAIMS_PER_S, OFFER_MOST_UNITS
from tests.integration.live.gateway.crowd import Light, connect, say, until
from tests.integration.live.gateway.house import House, Viewer, a_claim, counts, upgrade

DEVICES = 20


async def a_hold(viewer: Viewer, offer_id: str, quantity: int = 1) -> wire.ClaimAccepted:
    held = len(viewer.all(wire.ClaimAccepted))
    await viewer.say(a_claim(offer_id, quantity))
    return await viewer.get(wire.ClaimAccepted, held + 1)


def both(hold: wire.ClaimAccepted) -> list[wire.Extend | wire.Release]:
    """Return what would leave a hold alive."""
    return [wire.Extend(hold_id=hold.hold_id), wire.Release(hold_id=hold.hold_id, keep=1)]


async def test_a_hold_is_extended_twice_and_then_no_more(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, hold_ttl_ms=30_000)
    async with house.another_gateway() as other:
        phone, laptop = await house.watch(show_id, "ana"), await other.watch(show_id, "ana", binary=True)
        hold = await a_hold(phone, offer_id)
        last = hold.expires_at_ms
        for n in range(1, HOLD_EXTENSIONS_MOST + 1):
            await asyncio.sleep(0.05)
            await phone.say(wire.Extend(hold_id=hold.hold_id, extension=n))
            changed = await phone.get(wire.HoldChanged, n)
            assert await laptop.get(wire.HoldChanged, n) == changed
            assert (changed.hold_id, changed.quantity, changed.extensions) == (hold.hold_id, 1, n)
            assert last < changed.expires_at_ms <= last + 30_000
            last = changed.expires_at_ms
        for _ in range(2):
            await phone.say(wire.Extend(hold_id=hold.hold_id, extension=HOLD_EXTENSIONS_MOST + 1))
        for n in (1, 2):
            error = await phone.get(wire.Error, n)
            assert (error.code, error.temporary) == ("extension_limit", False)
        late = await house.watch(show_id, "ana")
        [card] = late.all(wire.Welcome)[0].holds
        assert (card.expires_at_ms, card.extensions) == (last, HOLD_EXTENSIONS_MOST)
        assert len(laptop.all(wire.HoldChanged)) == HOLD_EXTENSIONS_MOST


async def test_the_same_extension_again_changes_nothing_and_is_answered(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    phone, laptop = await house.watch(show_id, "ana"), await house.watch(show_id, "ana")
    hold = await a_hold(phone, offer_id)
    for n in range(1, 4):
        await asyncio.sleep(0.05)
        await phone.say(wire.Extend(hold_id=hold.hold_id))
        assert await phone.get(wire.HoldChanged, n) == phone.all(wire.HoldChanged)[0]
    await laptop.say(wire.Ping())
    await laptop.get(wire.Pong)
    assert len(laptop.all(wire.HoldChanged)) == 1


async def test_an_extended_hold_lives_past_its_first_deadline(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, hold_ttl_ms=1_000)
    ana = await house.watch(show_id, "ana")
    async with house.kept():
        hold = await a_hold(ana, offer_id)
        await asyncio.sleep(0.7)
        await ana.say(wire.Extend(hold_id=hold.hold_id))
        changed = await ana.get(wire.HoldChanged)
        await asyncio.sleep(0.6)
        assert not ana.all(wire.HoldExpired)
        assert (await ana.get(wire.HoldExpired)).hold_id == hold.hold_id
        await ana.say(wire.Ping())
        assert (await ana.get(wire.Pong)).server_time_ms >= changed.expires_at_ms


async def test_units_given_back_in_part_are_free_for_somebody_else(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=3, limit=3)
    async with house.another_gateway() as other:
        ana, laptop, bob = (
            await house.watch(show_id, "ana"),
            await other.watch(show_id, "ana"),
            await other.watch(show_id, "bob"),
        )
        hold = await a_hold(ana, offer_id, 3)
        for n, keep in enumerate((2, 1, 1), 1):
            await ana.say(wire.Release(hold_id=hold.hold_id, keep=keep))
            changed = await ana.get(wire.HoldChanged, n)
            assert (changed.hold_id, changed.quantity) == (hold.hold_id, keep)
            assert (changed.expires_at_ms, changed.extensions) == (hold.expires_at_ms, 0)
        assert [(await laptop.get(wire.HoldChanged, n)).quantity for n in (1, 2)] == [2, 1]
        assert (await a_hold(bob, offer_id, 2)).quantity == 2
        assert await counts(house, offer_id) == (0, 3, 0)
        # More than the hold has is what it has.
        await ana.say(wire.Release(hold_id=hold.hold_id, keep=OFFER_MOST_UNITS))
        assert (await ana.get(wire.HoldChanged, 4)).quantity == 1
        await ana.say(wire.Checkout(hold_id=hold.hold_id, payment_method="pm_test_ok"))
        assert (await ana.get(wire.OrderSubmitted)).amount.amount == 799
        assert len(laptop.all(wire.HoldChanged)) == 2


async def test_a_claim_sent_again_after_a_part_was_given_back_gets_its_first_answer(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    ana = await house.watch(show_id, "ana")
    claim = a_claim(offer_id, 2)
    await ana.say(claim)
    hold = await ana.get(wire.ClaimAccepted)
    await ana.say(wire.Release(hold_id=hold.hold_id, keep=1))
    await ana.get(wire.HoldChanged)
    await ana.say(claim)
    assert (await ana.get(wire.ClaimAccepted, 2)).hold_id == hold.hold_id
    assert await counts(house, offer_id) == (9, 1, 0)


async def test_a_hold_that_is_over_is_answered_with_its_end(house: House) -> None:
    show_id = await house.show()
    offer_id, brief = await house.offer(show_id), await house.offer(show_id, hold_ttl_ms=300)
    ana = await house.watch(show_id, "ana")
    given, paid, lost = await a_hold(ana, offer_id), await a_hold(ana, offer_id), await a_hold(ana, brief)
    await ana.say(wire.Release(hold_id=given.hold_id))
    await ana.get(wire.HoldReleased)
    await ana.say(wire.Checkout(hold_id=paid.hold_id, payment_method="pm_test_ok"))
    await ana.get(wire.OrderSubmitted)
    await asyncio.sleep(0.4)
    for n, again in enumerate(both(given), 2):
        await ana.say(again)
        assert (await ana.get(wire.HoldReleased, n)).hold_id == given.hold_id
    for n, again in enumerate(both(lost), 1):
        await ana.say(again)
        assert (await ana.get(wire.HoldExpired, n)).hold_id == lost.hold_id
    for n, again in enumerate(both(paid), 1):
        await ana.say(again)
        assert (await ana.get(wire.Error, n)).code == "hold_submitted"


async def test_a_hold_of_somebody_else_can_be_neither_extended_nor_made_smaller(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    ana, eve, guest = await house.watch(show_id, "ana"), await house.watch(show_id, "eve"), await house.watch(show_id)
    hold = await a_hold(ana, offer_id, 2)
    tries = [
        wire.Extend(hold_id=one) if extends else wire.Release(hold_id=one, keep=1)
        for one in (hold.hold_id, new_hold_id(1), new_id("order"), "", "\0")
        for extends in (True, False)
    ]
    for one in tries:
        await eve.say(one)
    await eve.get(wire.Error, len(tries))
    assert {one.code for one in eve.all(wire.Error)} == {"unknown_hold"}
    for n, refused in enumerate(tries[:2], 1):
        await guest.say(refused)
        assert (await guest.get(wire.Error, n)).code == "unauthorised"
    assert await counts(house, offer_id) == (8, 2, 0)


@pytest.mark.parametrize("number", [-1, -(2**63), OFFER_MOST_UNITS + 1, 2**63 - 1])
async def test_numbers_that_mean_nothing_change_nothing(house: House, number: int) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    ana = await house.watch(show_id, "ana")
    hold = await a_hold(ana, offer_id, 2)
    await ana.say(wire.Release(hold_id=hold.hold_id, keep=number))
    assert (await ana.get(wire.Error)).code == "invalid"
    await ana.say(wire.Extend(hold_id=hold.hold_id, extension=number))
    assert (await ana.get(wire.Error, 2)).code == ("invalid" if number < 1 else "extension_limit")
    # The second extension before the first is none either.
    await ana.say(wire.Extend(hold_id=hold.hold_id, extension=2))
    assert (await ana.get(wire.Error, 3)).code == "extension_limit"
    assert not ana.all(wire.HoldChanged)
    assert await counts(house, offer_id) == (8, 2, 0)


async def test_one_buyer_with_twenty_connections_claims_no_faster_than_with_one(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=900, limit=1_000)
    hello = say(wire.Hello(token=house.token("ana")))
    devices = [Light(upgrade(show_id) + hello) for _ in range(DEVICES)]
    try:
        await connect(house.place.settings.ws_port, devices)
        await until(lambda: all(one.all("welcome") for one in devices))
        began, each = time.monotonic(), 20
        for device in devices:
            device.transport.write(b"".join(say(a_claim(offer_id)) for _ in range(each)))
        answers = ("claim.accepted", "claim.refused")
        await until(lambda: sum(len(one.all(kind)) for one in devices for kind in answers) == DEVICES * each)
        allowed = BUYER_CLAIMS_BURST + BUYER_CLAIMS_PER_S * (time.monotonic() - began)
        accepted = sum(len(one.all("claim.accepted")) for one in devices)
        assert BUYER_CLAIMS_BURST <= accepted <= allowed
        # Somebody else is not slowed down by it.
        bob = await house.watch(show_id, "bob")
        await a_hold(bob, offer_id)
        # And who slows down is served again, on whichever connection.
        await asyncio.sleep(0.2)
        ana = await house.watch(show_id, "ana")
        await a_hold(ana, offer_id)
        assert (await counts(house, offer_id))[1] == accepted + 2
    finally:
        for device in devices:
            device.transport.abort()


async def test_who_floods_before_the_welcome_is_still_known_afterwards(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=50, limit=50)
    flood = b"".join(say(a_claim(offer_id)) for _ in range(30))
    device = Light(upgrade(show_id) + say(wire.Hello(token=house.token("ana"))) + flood)
    try:
        await connect(house.place.settings.ws_port, [device])
        await until(lambda: len(device.all("claim.accepted")) + len(device.all("claim.refused")) == 30)
        assert len(device.all("claim.accepted")) == 16
        device.transport.write(say(a_claim(offer_id)))
        await until(lambda: len(device.all("claim.accepted")) == 17)
    finally:
        device.transport.abort()
