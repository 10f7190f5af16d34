"""What Stripe stores under a key comes back for a day, and no order waits for that day."""

import pytest

from checkout.payments.provider import Authorised, PaymentUnknownError
from kit.money import Money
from tests.fakes.stripe.server import fake_stripe
from tests.integration.checkout.stripe_till import a_request, a_till

EUR_20 = Money(2_000, "EUR")


async def test_a_capture_whose_stored_answer_lied_is_done_when_it_is_repeated() -> None:
    async with fake_stripe() as fake, a_till(fake) as till:
        result = await till.authorise(a_request())
        assert isinstance(result, Authorised)
        fake.lie_by = 100
        with pytest.raises(PaymentUnknownError):
            await till.capture(result.payment_id, EUR_20, "step:1")
        fake.lie_by = 0
        assert fake.account.only().received == 2_000
        await till.capture(result.payment_id, EUR_20, "step:1")


async def test_a_payment_whose_stored_answer_is_a_failure_that_did_nothing_is_made_when_it_is_repeated() -> None:
    async with fake_stripe() as fake, a_till(fake) as till:
        request = a_request()
        fake.trouble("create", "error_500")
        with pytest.raises(PaymentUnknownError):
            await till.authorise(request)
        assert await till.find(request.idempotency_key) is None
        assert isinstance(await till.authorise(request), Authorised)
        assert len(fake.account.payments) == 1


async def test_a_refund_whose_stored_answer_is_a_failure_that_did_nothing_is_made_when_it_is_repeated() -> None:
    async with fake_stripe() as fake, a_till(fake) as till:
        result = await till.authorise(a_request())
        assert isinstance(result, Authorised)
        await till.capture(result.payment_id, EUR_20, "capture:1")
        fake.trouble("refund", "error_500")
        with pytest.raises(PaymentUnknownError):
            await till.refund(result.payment_id, EUR_20, "refund:1")
        await till.refund(result.payment_id, EUR_20, "refund:1")
        assert fake.account.only().refunded == 2_000
        # And never again: the refund remembers the first key, whatever key made it.
        await till.refund(result.payment_id, EUR_20, "refund:1")
        assert fake.account.only().refunded == 2_000
