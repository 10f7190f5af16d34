"""Claims, holds and purchases over the WebSocket."""

import asyncio

import pytest
from structlog.testing import capture_logs

from inventory.hold_ids import new_hold_id
from kit.ids import new_id, new_ulid
from live import wire
from live.close_codes import CloseCode
from live.limits import OFFER_MOST_UNITS
from tests.integration.live.gateway.house import House, Viewer, a_claim, counts, open_house


async def refusal(viewer: Viewer, claim: wire.Claim) -> tuple[str, bool]:
    await viewer.say(claim)
    await viewer.when(lambda: any(one.claim_id == claim.claim_id for one in viewer.all(wire.ClaimRefused)))
    [answer] = [one for one in viewer.all(wire.ClaimRefused) if one.claim_id == claim.claim_id]
    assert answer.offer_id == claim.offer_id
    return answer.reason, answer.temporary


async def answered(viewer: Viewer) -> None:
    await viewer.when(lambda: bool(viewer.all(wire.ClaimAccepted) or viewer.all(wire.ClaimRefused)))


async def test_a_claim_is_accepted_once_however_often_and_wherever_it_is_said(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    phone, laptop = await house.watch(show_id, "ana"), await house.watch(show_id, "ana", binary=True)
    claim = a_claim(offer_id, 2)
    for viewer in (phone, laptop, phone):
        await viewer.say(claim)
    first, again = await phone.get(wire.ClaimAccepted), await phone.get(wire.ClaimAccepted, 2)
    assert first == again == await laptop.get(wire.ClaimAccepted)
    assert (first.claim_id, first.offer_id, first.quantity) == (claim.claim_id, offer_id, 2)
    assert await counts(house, offer_id) == (8, 2, 0)
    await phone.when(lambda: any((one.available, one.held) == (8, 2) for one in phone.all(wire.OfferStock)))


async def test_a_rush_sells_exactly_what_there_is(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, quantity=20, limit=1)
    viewers = [await house.watch(show_id, f"buyer-{n}") for n in range(60)]
    await asyncio.gather(*(viewer.say(a_claim(offer_id)) for viewer in viewers))
    for viewer in viewers:
        await answered(viewer)
    refused = [one for viewer in viewers for one in viewer.all(wire.ClaimRefused)]
    assert sum(len(viewer.all(wire.ClaimAccepted)) for viewer in viewers) == 20
    assert {(one.reason, one.temporary) for one in refused} == {("sold_out", True)}
    assert await counts(house, offer_id) == (0, 20, 0)


async def test_every_other_claim_is_refused_with_its_reason(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, limit=2)
    early = await house.offer(show_id, preheat_ms=60_000)
    over = await house.offer(show_id)
    await house.stage.close_offer(over)
    ana, guest = await house.watch(show_id, "ana"), await house.watch(show_id)
    assert await refusal(guest, a_claim(offer_id)) == ("unauthorised", False)
    assert await refusal(ana, a_claim(offer_id, 3)) == ("buyer_limit", False)
    assert await refusal(ana, a_claim(early)) == ("not_open", True)
    assert await refusal(ana, a_claim(over)) == ("ended", False)
    assert await refusal(ana, a_claim(new_id("offer"))) == ("unknown_offer", False)
    assert await refusal(ana, a_claim("")) == ("unknown_offer", False)
    for quantity in (0, -1, OFFER_MOST_UNITS + 1, 10**9, -(2**63)):
        assert await refusal(ana, a_claim(offer_id, quantity)) == ("invalid", False)
    for claim_id in ("x", new_ulid().lower(), "8" * 26, new_ulid() + "0", "é" * 26):
        assert await refusal(ana, a_claim(offer_id, 1, claim_id)) == ("invalid", False)
    elsewhere = await house.show()
    assert await refusal(await house.watch(elsewhere, "ana"), a_claim(offer_id)) == ("unknown_offer", False)
    assert await counts(house, offer_id) == (10, 0, 0)


async def test_a_claim_id_of_somebody_else_is_invalid(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    ana, bob = await house.watch(show_id, "ana"), await house.watch(show_id, "bob")
    claim = a_claim(offer_id)
    await ana.say(claim)
    await ana.get(wire.ClaimAccepted)
    assert await refusal(bob, claim) == ("invalid", False)
    assert await counts(house, offer_id) == (9, 1, 0)


async def test_a_claim_id_is_not_a_wish_for_another_offer_too(house: House) -> None:
    show_id = await house.show()
    offer_id, another = await house.offer(show_id), await house.offer(show_id)
    ana = await house.watch(show_id, "ana")
    claim = a_claim(offer_id)
    await ana.say(claim)
    first = await ana.get(wire.ClaimAccepted)
    assert await refusal(ana, a_claim(another, 1, claim.claim_id)) == ("invalid", False)
    assert await counts(house, another) == (10, 0, 0)
    await ana.say(claim)
    await ana.when(lambda: ana.all(wire.ClaimAccepted) == [first, first])
    assert await counts(house, offer_id) == (9, 1, 0)


@pytest.mark.parametrize("quantity", ["1.5", '"3"', "null", "1e400", "[1]", "true"])
async def test_a_quantity_of_the_wrong_type_is_a_bad_message(house: House, quantity: str) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    viewer = await house.watch(show_id, "ana")
    text = f'{{"type":"claim","claim_id":"{new_ulid()}","offer_id":"{offer_id}","quantity":{quantity}}}'
    await viewer.connection.send(text)
    assert await viewer.closed() == CloseCode.BAD_MESSAGE
    assert viewer.all(wire.Error)[0].code == "invalid"
    assert await counts(house, offer_id) == (10, 0, 0)


async def test_a_hold_of_somebody_else_cannot_be_paid_or_given_back(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    ana, eve, guest = await house.watch(show_id, "ana"), await house.watch(show_id, "eve"), await house.watch(show_id)
    await ana.say(a_claim(offer_id))
    hold_id = (await ana.get(wire.ClaimAccepted)).hold_id
    unknown = [hold_id, new_hold_id(1), new_hold_id(2**40 - 1), "hold_1", "", "\0"]
    for one in unknown:
        await eve.say(wire.Checkout(hold_id=one, payment_method="pm_test_ok"))
        await eve.say(wire.Release(hold_id=one))
    await eve.get(wire.Error, 2 * len(unknown))
    assert {one.code for one in eve.all(wire.Error)} == {"unknown_hold"}
    await guest.say(wire.Release(hold_id=hold_id))
    assert (await guest.get(wire.Error)).code == "unauthorised"
    assert await counts(house, offer_id) == (9, 1, 0)
    await ana.say(wire.Checkout(hold_id=hold_id, payment_method="pm_bitcoin"))
    assert (await ana.get(wire.Error)).temporary is False
    await ana.say(wire.Checkout(hold_id=hold_id, payment_method="pm_test_ok"))
    assert (await ana.get(wire.OrderSubmitted)).hold_id == hold_id
    assert not eve.all(wire.OrderSubmitted)


async def test_a_buyers_news_reach_all_of_their_connections_on_every_gateway(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    async with house.another_gateway() as other:
        phone, laptop = await house.watch(show_id, "ana"), await other.watch(show_id, "ana", binary=True)
        bob = await house.watch(show_id, "bob")
        for _ in range(2):
            await phone.say(a_claim(offer_id))
        given, paid = await phone.get(wire.ClaimAccepted), await phone.get(wire.ClaimAccepted, 2)
        await laptop.say(wire.Release(hold_id=given.hold_id))
        await laptop.say(wire.Checkout(hold_id=paid.hold_id, payment_method="pm_test_ok"))
        for viewer in (phone, laptop):
            assert (await viewer.get(wire.HoldReleased)).hold_id == given.hold_id
            order = await viewer.get(wire.OrderSubmitted)
            assert (order.hold_id, order.amount.amount) == (paid.hold_id, 799)
        await bob.say(wire.Ping())
        await bob.get(wire.Pong)
        assert not bob.all(wire.HoldReleased)
        assert not bob.all(wire.OrderSubmitted)


async def test_an_expired_hold_is_told_within_a_second(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id, hold_ttl_ms=500)
    ana = await house.watch(show_id, "ana")
    async with house.kept():
        await ana.say(a_claim(offer_id))
        hold = await ana.get(wire.ClaimAccepted)
        news = await ana.get(wire.HoldExpired)
        await ana.say(wire.Ping())
        told_at_ms = (await ana.get(wire.Pong)).server_time_ms
    assert (news.hold_id, news.offer_id) == (hold.hold_id, offer_id)
    assert 0 <= told_at_ms - hold.expires_at_ms < 1_000
    assert await counts(house, offer_id) == (10, 0, 0)


async def test_asking_again_after_the_end_gets_an_answer_every_time(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    ana = await house.watch(show_id, "ana")
    for _ in range(2):
        await ana.say(a_claim(offer_id))
    given, paid = await ana.get(wire.ClaimAccepted), await ana.get(wire.ClaimAccepted, 2)
    for n in range(1, 4):
        await ana.say(wire.Release(hold_id=given.hold_id))
        assert (await ana.get(wire.HoldReleased, n)).hold_id == given.hold_id
        await ana.say(wire.Checkout(hold_id=paid.hold_id, payment_method="pm_test_ok"))
        assert (await ana.get(wire.OrderSubmitted, n)).hold_id == paid.hold_id
    await ana.say(wire.Release(hold_id=paid.hold_id))
    assert (await ana.get(wire.Error)).code == "hold_submitted"
    await ana.say(wire.Checkout(hold_id=given.hold_id, payment_method="pm_test_ok"))
    assert (await ana.get(wire.Error, 2)).code == "hold_released"


async def test_counts_of_an_offer_that_is_over_are_right_for_who_comes_later(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    ana = await house.watch(show_id, "ana")
    await ana.say(a_claim(offer_id, 2))
    await ana.get(wire.ClaimAccepted)
    await house.stage.close_offer(offer_id)
    async with house.another_gateway() as other:
        late = await other.watch(show_id)
        await late.when(lambda: any((one.available, one.held) == (8, 2) for one in late.all(wire.OfferStock)))
        newest = late.all(wire.OfferStock)[-1]
        assert (newest.available, newest.held) == (8, 2)


async def test_reactions_are_added_up_and_nonsense_is_refused(house: House) -> None:
    show_id = await house.show()
    viewer, other = await house.watch(show_id), await house.watch(show_id)
    await asyncio.sleep(0.7)
    for _ in range(3):
        await viewer.say(wire.React(kind="heart", count=5))
    await other.when(lambda: sum(one.counts.get("heart", 0) for one in other.all(wire.Reactions)) == 15)
    for kind, count in (("heart", 0), ("heart", -1), ("heart", 10**6), ("", 1), ("x" * 17, 1), ("a b", 1)):
        await viewer.say(wire.React(kind=kind, count=count))
    await viewer.get(wire.Error, 6)
    assert {one.code for one in viewer.all(wire.Error)} == {"invalid"}


async def test_claims_of_one_offer_do_not_wait_for_another(house: House) -> None:
    show_id = await house.show()
    known, unknown = await house.offer(show_id, limit=4), await house.offer(show_id)
    ana, bob = await house.watch(show_id, "ana"), await house.watch(show_id, "bob")
    await ana.say(a_claim(known))
    await ana.get(wire.ClaimAccepted)
    async with house.stores.postgres.transaction() as connection:
        # The gateway has to read this offer's pool, and cannot.
        await connection.execute("LOCK TABLE pools IN ACCESS EXCLUSIVE MODE")
        await bob.say(a_claim(unknown))
        await asyncio.sleep(0.1)
        await ana.say(a_claim(known))
        await ana.get(wire.ClaimAccepted, 2)
        assert bob.all(wire.ClaimAccepted) == []
    await bob.get(wire.ClaimAccepted)


@pytest.mark.parametrize("limit", ["CLAIMS_MOST_QUEUED", "CLAIMS_MOST_POOLS"])
async def test_claims_that_wait_are_bounded(
    limit: str, database_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"live.claim_desk.{limit}", 1)
    async with open_house(database_url, redis_url) as house:
        show_id = await house.show()
        one, other = await house.offer(show_id), await house.offer(show_id)
        ana, bob = await house.watch(show_id, "ana"), await house.watch(show_id, "bob")
        async with house.stores.postgres.transaction() as connection:
            # The gateway has to read this offer's pool, and cannot.
            await connection.execute("LOCK TABLE pools IN ACCESS EXCLUSIVE MODE")
            await bob.say(a_claim(one))
            await asyncio.sleep(0.1)
            assert await refusal(ana, a_claim(other)) == ("rate_limited", True)
        await bob.get(wire.ClaimAccepted)
        await ana.say(a_claim(other))
        await ana.get(wire.ClaimAccepted)


async def test_a_bug_is_logged_with_its_trace_and_the_buyer_is_answered(database_url: str, redis_url: str) -> None:
    with capture_logs() as said:
        async with open_house(database_url, redis_url) as house:
            show_id = await house.show()
            offer_id, other_id = await house.offer(show_id), await house.offer(show_id)
            ana = await house.watch(show_id, "ana")
            await ana.say(a_claim(offer_id))
            hold = await ana.get(wire.ClaimAccepted)
            async with house.stores.postgres.connection() as connection:
                await connection.execute("ALTER TABLE pools RENAME TO no_pools")
                await connection.execute("ALTER TABLE orders RENAME TO no_orders")
            assert await refusal(ana, a_claim(other_id)) == ("recovering", True)
            await ana.say(wire.Checkout(hold_id=hold.hold_id, payment_method="pm_test_ok"))
            error = await ana.get(wire.Error)
            assert (error.code, error.temporary) == ("internal", True)
    errors = [one for one in said if one["log_level"] == "error"]
    assert [one["event"] for one in errors] == ["claim_failed", "purchase_failed"]
    assert all(isinstance(one["exc_info"], Exception) for one in errors)
