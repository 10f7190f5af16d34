import asyncio

import pytest

from kit.money import Money
from live import wire
from live.client_requests import Asked, ClientClosedError, Requests, ServerRefusedError

CLAIM = wire.Claim(claim_id="c1", offer_id="offer_1", quantity=1)
CHECKOUT = wire.Checkout(hold_id="h1", payment_method="pm_test_ok")
REFUSED = wire.ClaimRefused(claim_id="c1", offer_id="offer_1", reason="sold_out", temporary=True)
SUBMITTED = wire.OrderSubmitted(order_id="o1", hold_id="h1", amount=Money(1, "EUR"))


async def test_a_request_is_open_until_its_own_answer() -> None:
    requests = Requests()
    claim, checkout = requests.open(CLAIM), requests.open(CHECKOUT)
    assert requests.unanswered() == [CLAIM, CHECKOUT]
    requests.settle(wire.OrderSubmitted(order_id="o2", hold_id="h2", amount=Money(1, "EUR")))
    requests.settle(REFUSED)
    assert requests.unanswered() == [CHECKOUT]
    requests.settle(SUBMITTED)
    assert requests.unanswered() == []
    assert (await claim, await checkout) == (REFUSED, SUBMITTED)


async def test_the_same_claim_waits_for_the_same_answer() -> None:
    requests = Requests()
    assert requests.open(CLAIM) is requests.open(CLAIM)
    assert requests.unanswered() == [CLAIM]


async def test_a_checkout_and_a_release_of_one_hold_wait_for_the_same_news() -> None:
    requests = Requests()
    assert requests.open(CHECKOUT) is requests.open(wire.Release(hold_id="h1"))


async def test_an_error_fails_every_open_hold_and_no_claim() -> None:
    requests = Requests()
    claim, checkout = requests.open(CLAIM), requests.open(CHECKOUT)
    requests.settle(wire.Error(code="invalid", message="no", temporary=False))
    with pytest.raises(ServerRefusedError) as caught:
        await checkout
    assert (caught.value.code, claim.done()) == ("invalid", False)


async def test_the_end_fails_everything() -> None:
    requests = Requests()
    waiting = [requests.open(CLAIM), requests.open(CHECKOUT)]
    requests.fail_all(ClientClosedError("over"))
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(answer) for answer in answers] == [ClientClosedError] * 2
    assert requests.unanswered() == []


ULID = "01K8Z5R5M600000001BQ7T2XKC"
JOIN, LEAVE = wire.WaitlistJoin(offer_id="offer_1"), wire.WaitlistLeave(offer_id="offer_1")
JOINED, LEFT = wire.WaitlistJoined(offer_id="offer_1", place=3), wire.WaitlistLeft(offer_id="offer_1")
PROMOTED = wire.HoldPromoted(hold_id=f"hold_{ULID}", offer_id="offer_1", quantity=1, expires_at_ms=9)


def refused(*, temporary: bool) -> wire.WaitlistRefused:
    return wire.WaitlistRefused(offer_id="offer_1", reason="recovering" if temporary else "ended", temporary=temporary)


def welcome(*claim_ids: str) -> wire.Welcome:
    holds = [
        wire.HoldCard(
            hold_id=f"hold_{ULID}", offer_id="offer_1", claim_id=one, quantity=1, expires_at_ms=9, state="held"
        )
        for one in claim_ids
    ]
    return wire.Welcome(session_id="s", epoch="e", seq=1, server_time_ms=1, heartbeat_ms=1, recovered=True, holds=holds)


def changed(quantity: int, extensions: int) -> wire.HoldChanged:
    return wire.HoldChanged(hold_id="h1", offer_id="o", quantity=quantity, expires_at_ms=9, extensions=extensions)


async def test_a_list_is_joined_again_on_every_connection_until_it_is_left() -> None:
    requests = Requests()
    join = requests.open(JOIN)
    assert requests.unanswered() == [JOIN]
    requests.settle(JOINED)
    assert (await join, requests.unanswered()) == (JOINED, [JOIN])
    leave = requests.open(LEAVE)
    assert requests.unanswered() == [LEAVE]
    requests.settle(LEFT)
    assert (await leave, requests.unanswered()) == (LEFT, [])


async def test_a_unit_from_the_list_ends_the_wait_and_takes_back_what_crossed_it() -> None:
    requests = Requests()
    _ = requests.open(JOIN)
    requests.settle(JOINED)
    assert requests.settle(PROMOTED) == LEAVE
    assert requests.unanswered() == [LEAVE]
    requests.settle(LEFT)
    assert requests.unanswered() == []
    assert requests.settle(PROMOTED) is None


async def test_a_unit_that_came_while_nobody_was_connected_is_not_asked_for_again() -> None:
    requests = Requests()
    join = requests.open(JOIN)
    requests.welcomed(welcome(ULID))
    assert await join == wire.WaitlistJoined(offer_id="offer_1", place=0)
    assert requests.unanswered() == [LEAVE]
    requests.settle(LEFT)
    # A wait that began after it goes on, and a hold that was claimed says nothing about any wait.
    _ = requests.open(JOIN)
    requests.settle(JOINED)
    for claim_id in (ULID, "01K8Z5R5HN6P4X2C8V7B9M3QRS"):
        requests.welcomed(welcome(claim_id))
        assert requests.unanswered() == [JOIN]


async def test_a_refused_join_waits_nowhere_and_a_refused_return_goes_on_unless_it_is_for_good() -> None:
    requests = Requests()
    join = requests.open(JOIN)
    requests.settle(refused(temporary=True))
    assert (await join, requests.unanswered()) == (refused(temporary=True), [])
    _ = requests.open(JOIN)
    requests.settle(JOINED)
    requests.settle(refused(temporary=True))
    again = requests.open(JOIN)
    requests.settle(refused(temporary=True))
    assert (await again, requests.unanswered()) == (refused(temporary=True), [JOIN])
    requests.settle(refused(temporary=False))
    assert requests.unanswered() == []


async def test_more_time_and_fewer_units_wait_for_what_they_asked_for() -> None:
    requests = Requests()
    asked: list[Asked] = [
        wire.Extend(hold_id="h1", extension=2),
        wire.Release(hold_id="h1", keep=1),
        wire.Extend(hold_id="h2"),
    ]
    second, fewer, other = (requests.open(one) for one in asked)
    assert requests.unanswered() == asked
    requests.settle(changed(3, 1))
    assert not second.done()
    requests.settle(changed(3, 2))
    assert await second == changed(3, 2)
    assert not fewer.done()
    requests.settle(changed(1, 2))
    assert await fewer == changed(1, 2)
    end = wire.HoldExpired(hold_id="h2", offer_id="o")
    requests.settle(end)
    assert (await other, requests.unanswered()) == (end, [])


async def test_a_checkout_does_not_take_a_change_for_its_answer() -> None:
    requests = Requests()
    checkout = requests.open(CHECKOUT)
    requests.settle(changed(1, 1))
    assert not checkout.done()
    requests.settle(SUBMITTED)
    assert await checkout == SUBMITTED


async def test_an_error_fails_changes_and_no_list() -> None:
    requests = Requests()
    extend, join = requests.open(wire.Extend(hold_id="h1")), requests.open(JOIN)
    requests.settle(wire.Error(code="extension_limit", message="no", temporary=False))
    with pytest.raises(ServerRefusedError):
        await extend
    assert not join.done()
    requests.fail_all(ClientClosedError("over"))
    with pytest.raises(ClientClosedError):
        await join
