import asyncio

import pytest

from kit.money import Money
from live import wire
from live.client_requests import ClientClosedError, Requests, ServerRefusedError

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
