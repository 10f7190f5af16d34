"""The Stripe adapter when the network, the clock or Stripe itself misbehaves: never twice, never forgotten."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import structlog

from checkout.limits import RATE_LIMITED_TRIES, STRIPE_LIST_MAX_PAGES, STRIPE_PAGE_INTENTS
from checkout.payments.provider import Authorised, Charged, PaymentRequest, PaymentUnknownError, Pending
from checkout.payments.stripe_http import StripeProvider
from kit.errors import ShowdropError, UnavailableError
from kit.money import Money
from tests.fakes.stripe.account import Payment
from tests.fakes.stripe.server import API_KEY, FakeStripe, Trouble, fake_stripe
from tests.integration.checkout.stripe_till import a_request, a_till

EUR_20 = Money(2_000, "EUR")
DAY_S = 86_400


@pytest.fixture
async def fake() -> AsyncIterator[FakeStripe]:
    async with fake_stripe() as fake:
        fake.per_s = 1_000
        yield fake


@pytest.fixture
async def till(fake: FakeStripe) -> AsyncIterator[StripeProvider]:
    async with a_till(fake) as till:
        yield till


async def lost(till: StripeProvider, request: PaymentRequest) -> None:
    with pytest.raises(PaymentUnknownError):
        await till.authorise(request)


APPLIED: list[Trouble] = ["lose_answer", "error_500_applied", "garbage"]
NOT_APPLIED: list[Trouble] = ["never_arrives", "error_500"]


@pytest.mark.parametrize("search_lag_s", [0, 3_600])
@pytest.mark.parametrize("trouble", APPLIED)
async def test_a_payment_whose_answer_was_lost_is_found_by_a_worker_that_knows_nothing(
    till: StripeProvider, fake: FakeStripe, trouble: Trouble, search_lag_s: float
) -> None:
    fake.account.search_lag_s = search_lag_s
    fake.trouble("create", trouble)
    request = a_request()
    await lost(till, request)
    async with a_till(fake) as another:
        found = await another.find(request.idempotency_key)
    assert found == Authorised(fake.account.only().id, EUR_20)
    assert (fake.calls["list"] == 1) == bool(search_lag_s)  # the list is asked only where the search is behind


@pytest.mark.parametrize("trouble", NOT_APPLIED)
async def test_a_payment_that_never_arrived_is_not_found_and_not_made_by_looking(
    till: StripeProvider, fake: FakeStripe, trouble: Trouble
) -> None:
    fake.trouble("create", trouble)
    request = a_request()
    await lost(till, request)
    assert await till.find(request.idempotency_key) is None
    assert fake.account.payments == {}


async def test_after_a_lost_answer_asking_again_makes_no_second_payment(till: StripeProvider, fake: FakeStripe) -> None:
    fake.trouble("create", "lose_answer", "lose_answer")
    request = a_request()
    await lost(till, request)
    await lost(till, request)
    fake.account.cancel(fake.account.only().id)
    assert await till.authorise(request) == await till.find(request.idempotency_key)
    assert len(fake.account.payments) == 1
    assert set(fake.keys_seen["create"]) == {request.idempotency_key}


async def test_a_payment_older_than_its_key_is_found_by_search(till: StripeProvider, fake: FakeStripe) -> None:
    fake.trouble("create", "lose_answer")
    request = a_request("alipay")
    await lost(till, request)
    payment = fake.account.only()
    payment.created -= 3 * DAY_S
    fake.keys.forget()
    fake.account.buyer_pays(payment.id)
    assert await till.find(request.idempotency_key) == Charged(payment.id, EUR_20)
    assert fake.calls["list"] == 0


async def test_an_account_without_search_is_read_page_by_page(till: StripeProvider, fake: FakeStripe) -> None:
    fake.account.has_search = False
    fake.trouble("create", "lose_answer")
    request = a_request()
    await lost(till, request)
    payment = fake.account.only()
    crowd(fake, 250)
    assert await till.find(request.idempotency_key) == Authorised(payment.id, EUR_20)
    assert fake.calls["list"] == 3
    assert await till.find(request.idempotency_key) == Authorised(payment.id, EUR_20)
    assert fake.calls["list"] == 3  # it is known now


async def test_a_list_too_long_to_be_read_says_unknown_and_never_none(till: StripeProvider, fake: FakeStripe) -> None:
    crowd(fake, STRIPE_LIST_MAX_PAGES * STRIPE_PAGE_INTENTS + 1)
    with pytest.raises(PaymentUnknownError):
        await till.find(a_request().idempotency_key)
    for payment in fake.account.payments.values():
        payment.created -= DAY_S  # made before the order that is looked for
    assert await till.find(a_request().idempotency_key) is None


def crowd(fake: FakeStripe, count: int) -> None:
    """Put payments of others into the account, the newest first in every list."""
    now = int(time.time()) + 1
    for number in range(count):
        name = f"pi_other_{number:05}"
        fake.account.payments[name] = Payment(name, 100, "eur", "card", True, {"order_id": "other"}, now)


async def test_a_pending_payment_is_polled_with_one_call(till: StripeProvider, fake: FakeStripe) -> None:
    request = a_request("ideal")
    pending = await till.authorise(request)
    assert isinstance(pending, Pending)
    for _ in range(3):
        assert await till.find(request.idempotency_key) == pending
    assert (fake.calls["retrieve"], fake.calls["search"], fake.calls["list"]) == (3, 0, 0)


async def test_the_same_key_at_the_same_time_makes_one_payment(till: StripeProvider, fake: FakeStripe) -> None:
    fake.trouble("create", "slow")
    request = a_request()
    first = asyncio.create_task(till.authorise(request))
    while not fake.keys_seen["create"]:
        await asyncio.sleep(0.01)
    await lost(till, request)  # 409: the first is still under way
    fake.release.set()
    assert await first == Authorised("pi_00000001", EUR_20)
    assert len(fake.account.payments) == 1


async def test_a_key_that_was_used_for_something_else_is_unknown_and_not_declined(
    till: StripeProvider, fake: FakeStripe
) -> None:
    request = a_request()
    await till.authorise(request)
    other = PaymentRequest(
        order_id=request.order_id,
        amount=Money(9_999, "EUR"),
        method=request.method,
        idempotency_key=request.idempotency_key,
    )
    await lost(till, other)
    assert len(fake.account.payments) == 1


@pytest.mark.parametrize("trouble", [*APPLIED, *NOT_APPLIED])
@pytest.mark.parametrize("step", ["capture", "cancel"])
async def test_a_step_that_went_wrong_is_done_once_when_it_is_repeated(
    till: StripeProvider, fake: FakeStripe, step: str, trouble: Trouble
) -> None:
    result = await till.authorise(a_request())
    assert isinstance(result, Authorised)
    payment = fake.account.only()

    async def take() -> None:
        if step == "capture":
            await till.capture(payment.id, EUR_20, "step:1")
        else:
            await till.void(payment.id, "step:1")

    fake.trouble(step, trouble)
    with pytest.raises(PaymentUnknownError):
        await take()
    await take()  # also where Stripe would repeat its 500 for a day
    fake.keys.forget()
    await take()  # also when the key is forgotten
    assert payment.status == ("succeeded" if step == "capture" else "canceled")
    kinds = [event["type"] for event in fake.account.events]
    assert kinds.count("payment_intent.succeeded") + kinds.count("payment_intent.canceled") == 1


@pytest.mark.parametrize("trouble", APPLIED)
async def test_a_refund_whose_answer_was_lost_is_not_made_again_a_day_later(
    till: StripeProvider, fake: FakeStripe, trouble: Trouble
) -> None:
    result = await till.authorise(a_request())
    assert isinstance(result, Authorised)
    await till.capture(result.payment_id, EUR_20, "capture:1")
    fake.trouble("refund", trouble)
    with pytest.raises(PaymentUnknownError):
        await till.refund(result.payment_id, Money(500, "EUR"), "refund:1")
    fake.keys.forget()
    await till.refund(result.payment_id, Money(500, "EUR"), "refund:1")
    assert fake.account.only().refunded == 500


async def test_a_429_is_waited_out_inside_the_call(till: StripeProvider, fake: FakeStripe) -> None:
    fake.retry_after = "1"
    fake.trouble("create", "busy")
    began = time.monotonic()
    assert isinstance(await till.authorise(a_request()), Authorised)
    assert time.monotonic() - began >= 1
    assert fake.calls["create"] == 2


async def test_a_stripe_that_stays_busy_leaves_the_order_waiting(till: StripeProvider, fake: FakeStripe) -> None:
    fake.retry_after = "0"
    for _ in range(RATE_LIMITED_TRIES):
        fake.trouble("create", "busy")
    await lost(till, a_request())
    assert fake.calls["create"] == RATE_LIMITED_TRIES
    assert fake.account.payments == {}


async def test_a_rush_is_paced_so_that_stripe_never_has_to_refuse(fake: FakeStripe) -> None:
    fake.per_s = 25
    async with a_till(fake, per_s=25) as till:
        began = time.monotonic()
        results = await asyncio.gather(*(till.authorise(a_request()) for _ in range(80)))
    took = time.monotonic() - began
    assert all(isinstance(result, Authorised) for result in results)
    assert 3 <= took < 6
    assert fake.refused_as_too_many == 0


async def test_a_longer_line_than_can_be_served_is_refused_at_once(fake: FakeStripe) -> None:
    async with a_till(fake, per_s=2) as till:
        ends = await asyncio.gather(*(till.authorise(a_request()) for _ in range(20)), return_exceptions=True)
    overloaded = [end for end in ends if isinstance(end, UnavailableError)]
    assert {end.code for end in overloaded} == {"overloaded"}
    assert len(fake.account.payments) == 20 - len(overloaded) == 9


async def test_a_wrong_key_makes_orders_wait_and_is_told_nowhere(fake: FakeStripe) -> None:
    wrong = API_KEY + "_but_wrong"
    errors: list[ShowdropError] = []
    with structlog.testing.capture_logs() as logs:
        async with a_till(fake, api_key=wrong) as till:
            with pytest.raises(PaymentUnknownError) as refused:
                await till.authorise(a_request())
            errors.append(refused.value)
            assert API_KEY not in repr(till)
            with pytest.raises(PaymentUnknownError) as refused:
                await till.find("authorise:order_1")
            errors.append(refused.value)
    assert [line["event"] for line in logs] == ["stripe_refuses_our_key"] * 2
    assert all(line["log_level"] == "error" for line in logs)
    assert all("sk_test" not in repr([error, error.details, error.__cause__]) for error in errors)
    assert "sk_test" not in repr(logs)


async def test_what_a_buyer_wrote_is_in_no_log_line(till: StripeProvider, fake: FakeStripe) -> None:
    fake.trouble("create", "busy")
    fake.retry_after = "0"
    with structlog.testing.capture_logs() as logs:
        await till.authorise(a_request("card:pm_unknown"))
    assert logs
    assert "pm_unknown" not in repr(logs)


async def test_nobody_at_home_is_unknown() -> None:
    async with fake_stripe() as gone:
        pass
    async with a_till(gone) as till:
        with pytest.raises(PaymentUnknownError):
            await till.authorise(a_request())
        with pytest.raises(PaymentUnknownError):
            await till.find("authorise:order_1")


async def test_a_caller_who_gives_up_leaves_a_usable_adapter(till: StripeProvider, fake: FakeStripe) -> None:
    fake.trouble("create", "hang")
    request = a_request()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await till.authorise(request)
    fake.release.set()
    assert await till.find(request.idempotency_key) == Authorised(fake.account.only().id, EUR_20)
