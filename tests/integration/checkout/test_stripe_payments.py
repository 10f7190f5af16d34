"""The Stripe adapter against the strict fake: every method from the request to the refund."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from checkout.payments.provider import Authorised, Charged, Declined, PaymentRefusedError, Pending
from checkout.payments.stripe_http import StripeProvider
from kit.errors import SettingError
from kit.money import Money
from tests.fakes.stripe.server import API_KEY, FakeStripe, fake_stripe
from tests.integration.checkout.stripe_till import RETURN_URL, a_request, a_till

EUR_20 = Money(2_000, "EUR")


@pytest.fixture
async def fake() -> AsyncIterator[FakeStripe]:
    async with fake_stripe() as fake:
        fake.per_s = 1_000
        yield fake


@pytest.fixture
async def till(fake: FakeStripe) -> AsyncIterator[StripeProvider]:
    async with a_till(fake) as till:
        yield till


@pytest.mark.parametrize("method", ["card:pm_card_visa", "card:ctoken_visa"])
async def test_a_card_is_reserved_captured_and_refunded(till: StripeProvider, fake: FakeStripe, method: str) -> None:
    request = a_request(method)
    result = await till.authorise(request)
    payment = fake.account.only()
    assert result == Authorised(payment.id, EUR_20)
    assert payment.metadata["order_id"] == request.order_id
    assert payment.received == 0

    await till.capture(payment.id, EUR_20, "capture:1")
    assert payment.received == 2_000
    assert await till.find(request.idempotency_key) == Charged(payment.id, EUR_20)

    await till.refund(payment.id, Money(500, "EUR"), "refund:1")
    await till.refund(payment.id, Money(500, "EUR"), "refund:1")  # the same step again
    await till.refund(payment.id, Money(1_500, "EUR"), "refund:2")
    assert payment.refunded == 2_000
    with pytest.raises(PaymentRefusedError):
        await till.refund(payment.id, Money(1, "EUR"), "refund:3")


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        ("alipay", "redirect"),
        ("wechat_pay", "qr_code"),
        ("upi", "redirect"),
        ("boleto", "voucher"),
        ("ideal", "redirect"),
        ("card:pm_card_authenticationRequired", "redirect"),
    ],
)
async def test_a_buyer_who_has_to_act_is_told_how_and_then_pays(
    till: StripeProvider, fake: FakeStripe, method: str, kind: str
) -> None:
    request = a_request(method)
    pending = await till.authorise(request)
    assert isinstance(pending, Pending)
    assert pending.action is not None
    assert pending.action.kind == kind
    assert await till.find(request.idempotency_key) == pending

    fake.account.bank_thinks(pending.payment_id)
    assert await till.find(request.idempotency_key) == Pending(pending.payment_id)

    fake.account.buyer_pays(pending.payment_id)
    expected = Authorised if method.startswith("card") else Charged
    assert await till.find(request.idempotency_key) == expected(pending.payment_id, request.amount)
    # The first answer is a day old by now, and repeated; what counts is what the payment is.
    assert await till.authorise(request) == expected(pending.payment_id, request.amount)


async def test_a_buyer_who_gives_up_has_declined(till: StripeProvider, fake: FakeStripe) -> None:
    request = a_request("ideal")
    pending = await till.authorise(request)
    assert isinstance(pending, Pending)
    fake.account.buyer_fails(pending.payment_id)
    assert await till.find(request.idempotency_key) == Declined(
        pending.payment_id, "payment_intent_authentication_failure"
    )


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        ("pm_card_chargeDeclined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "insufficient_funds"),
        ("pm_card_chargeDeclinedStolenCard", "card_declined"),
    ],
)
async def test_a_declined_card_says_why_also_when_it_is_asked_again(
    till: StripeProvider, fake: FakeStripe, token: str, reason: str
) -> None:
    request = a_request(f"card:{token}")
    expected = Declined("pi_00000001", reason)
    assert await till.authorise(request) == expected
    assert await till.authorise(request) == expected
    assert await till.find(request.idempotency_key) == expected
    assert len(fake.account.payments) == 1


async def test_what_stripe_refuses_or_cannot_express_is_declined(till: StripeProvider, fake: FakeStripe) -> None:
    assert await till.authorise(a_request("card:pm_unknown")) == Declined(None, "invalid_request")
    assert fake.calls["create"] == 1
    assert await till.authorise(a_request(amount=5_124, currency="KWD")) == Declined(None, "amount_not_supported")
    assert await till.authorise(a_request("upi", currency="EUR")) == Declined(None, "currency_not_supported")
    assert fake.calls["create"] == 1


@pytest.mark.parametrize(("amount", "currency", "theirs"), [(5, "ISK", 500), (500, "MGA", 5), (5_120, "KWD", 5_120)])
async def test_money_is_counted_as_stripe_counts(
    till: StripeProvider, fake: FakeStripe, amount: int, currency: str, theirs: int
) -> None:
    money = Money(amount, currency)
    result = await till.authorise(a_request(amount=amount, currency=currency))
    payment = fake.account.only()
    assert result == Authorised(payment.id, money)
    assert payment.amount == theirs
    await till.capture(payment.id, money, "capture:1")
    await till.refund(payment.id, money, "refund:1")
    assert (payment.received, payment.refunded) == (theirs, theirs)


async def test_a_void_is_final_repeats_and_never_touches_captured_money(till: StripeProvider, fake: FakeStripe) -> None:
    request = a_request()
    result = await till.authorise(request)
    assert isinstance(result, Authorised)
    await till.void(result.payment_id, "void:1")
    await till.void(result.payment_id, "void:1")
    await till.void(result.payment_id, "void:under another key")
    assert await till.find(request.idempotency_key) == Declined(result.payment_id, "voided")
    with pytest.raises(PaymentRefusedError):
        await till.capture(result.payment_id, EUR_20, "capture:1")

    paid = await till.authorise(a_request())
    assert isinstance(paid, Authorised)
    await till.capture(paid.payment_id, EUR_20, "capture:2")
    with pytest.raises(PaymentRefusedError):
        await till.void(paid.payment_id, "void:2")
    assert fake.account.payments[paid.payment_id].received == 2_000


async def test_a_pending_payment_can_be_let_go(till: StripeProvider, fake: FakeStripe) -> None:
    pending = await till.authorise(a_request("alipay"))
    assert isinstance(pending, Pending)
    await till.void(pending.payment_id, "void:1")
    assert fake.account.only().status == "canceled"


async def test_no_more_is_captured_than_was_reserved(till: StripeProvider) -> None:
    result = await till.authorise(a_request())
    assert isinstance(result, Authorised)
    with pytest.raises(PaymentRefusedError):
        await till.capture(result.payment_id, Money(2_001, "EUR"), "capture:1")
    with pytest.raises(PaymentRefusedError):
        await till.refund(result.payment_id, EUR_20, "refund:1")


async def test_two_refunds_at_once_never_return_more_than_was_paid(till: StripeProvider, fake: FakeStripe) -> None:
    result = await till.authorise(a_request())
    assert isinstance(result, Authorised)
    await till.capture(result.payment_id, EUR_20, "capture:1")
    ends = await asyncio.gather(
        *(till.refund(result.payment_id, Money(1_500, "EUR"), f"refund:{number}") for number in range(4)),
        return_exceptions=True,
    )
    assert sum(end is None for end in ends) == 1
    assert sum(isinstance(end, PaymentRefusedError) for end in ends) == 3
    assert fake.account.only().refunded == 1_500


async def test_a_refund_that_came_to_nothing_is_refused(till: StripeProvider, fake: FakeStripe) -> None:
    result = await till.authorise(a_request())
    assert isinstance(result, Authorised)
    await till.capture(result.payment_id, EUR_20, "capture:1")
    fake.account.refunds_fail = True
    for _ in range(2):
        with pytest.raises(PaymentRefusedError):
            await till.refund(result.payment_id, EUR_20, "refund:1")
    assert fake.calls["refund"] == 1


async def test_a_reserved_amount_that_is_not_the_asked_one_is_told_as_it_is(
    till: StripeProvider, fake: FakeStripe
) -> None:
    fake.lie_by = -1_000
    assert await till.authorise(a_request()) == Authorised("pi_00000001", Money(1_000, "EUR"))


@pytest.mark.parametrize(
    ("api_key", "secrets", "return_url", "api_url"),
    [
        ("", ["whsec_1"], RETURN_URL, "https://api.stripe.com"),
        (API_KEY, [], RETURN_URL, "https://api.stripe.com"),
        (API_KEY, [""], RETURN_URL, "https://api.stripe.com"),
        (API_KEY, ["whsec_1"], "javascript:alert(1)", "https://api.stripe.com"),
        (API_KEY, ["whsec_1"], RETURN_URL, "http://api.stripe.com"),
        (API_KEY, ["whsec_1"], RETURN_URL, "https://user@api.stripe.com"),
        (API_KEY, ["whsec_1"], RETURN_URL, "https://api.stripe.com/v1"),
    ],
)
def test_wrong_settings_are_refused_without_quoting_a_secret(
    api_key: str, secrets: list[str], return_url: str, api_url: str
) -> None:
    with pytest.raises(SettingError) as refused:
        StripeProvider(api_key=api_key, webhook_secrets=secrets, return_url=return_url, api_url=api_url)
    assert API_KEY not in str(refused.value)
