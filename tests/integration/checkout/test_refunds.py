"""Refunds and cancellations that staff ask for."""

import asyncio

import pytest

from checkout.give_back import RefundPayer
from checkout.limits import REFUND_MAX_REFUSALS
from checkout.order import Order
from checkout.payments.provider import PaymentUnknownError, Providers
from checkout.refund import Refunds
from checkout.refunds_pg import RefundRows
from kit.errors import ConflictError, InvalidError
from kit.money import Money
from tests.integration.checkout.checkout_shop import Shop, Worker
from tests.integration.checkout.fuse import Fuse, FusedBank


@pytest.fixture
def refunds(shop: Shop) -> Refunds:
    return Refunds(shop.postgres, shop.providers)


def euros(amount: int) -> Money:
    return Money(amount, "EUR")


async def refund(
    refunds: Refunds, order: Order, refund_id: str, amount: int | None = None, *, restock: bool = False
) -> Order:
    money = None if amount is None else euros(amount)
    return await refunds.refund(order.order_id, amount=money, reason="broken", restock=restock, refund_id=refund_id)


async def test_parts_keep_the_order_captured_and_the_last_one_ends_and_restocks_it(
    shop: Shop, refunds: Refunds
) -> None:
    terms = await shop.pool(5)
    order = await shop.captured(terms, quantity=2)
    on_hand = await shop.value("SELECT on_hand FROM stock")

    part = await refund(refunds, order, "r1", 500, restock=True)
    assert (part.state, part.refunded) == ("captured", 500)
    assert await shop.value("SELECT on_hand FROM stock") == on_hand

    rest = await refund(refunds, order, "r2", restock=True)
    assert (rest.state, rest.refunded, rest.reason) == ("refunded", 2_000, "broken")
    stock = await shop.fetch("SELECT on_hand, ring_fenced FROM stock")
    assert stock == [{"on_hand": 10, "ring_fenced": 3}]
    await Worker(shop).run()
    told = [event.amount.amount for event in shop.told if event.kind == "order.refunded"]
    assert told == [500, 2_000]
    await shop.check_quiet(terms)


async def test_the_same_refund_twice_gives_back_once(shop: Shop, refunds: Refunds) -> None:
    order = await shop.captured(await shop.pool(5))
    answers = await asyncio.gather(*(refund(refunds, order, "r1", 300) for _ in range(5)))
    again = await refund(refunds, order, "r1", 300)
    assert {answer.state for answer in answers} == {"captured"}
    assert again.refunded == 300
    assert await shop.value("SELECT refunded FROM test_payments") == 300
    with pytest.raises(ConflictError) as reused:
        await refund(refunds, order, "r1", 301)
    assert reused.value.code == "refund_id_reused"


async def test_many_refunds_at_once_never_exceed_the_capture(shop: Shop, refunds: Refunds) -> None:
    terms = await shop.pool(5)
    order = await shop.captured(terms)
    answers = await asyncio.gather(
        *(refund(refunds, order, f"r{number}", 300) for number in range(10)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, ConflictError)]
    assert len(refused) == 7
    assert {error.code for error in refused} == {"refund_exceeds_capture"}
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.refunded, after.refund_reserved) == ("captured", 900, 0)
    assert await shop.value("SELECT refunded FROM test_payments") == 900
    await Worker(shop).run()
    await shop.check_quiet(terms)


@pytest.mark.parametrize("amount", [Money(0, "EUR"), Money(-5, "EUR"), Money(10, "USD")])
async def test_an_amount_that_makes_no_sense_is_refused(shop: Shop, refunds: Refunds, amount: Money) -> None:
    order = await shop.captured(await shop.pool(5))
    with pytest.raises(InvalidError) as refused:
        await refunds.refund(order.order_id, amount=amount, reason="", restock=False, refund_id="r1")
    assert refused.value.details["field"] == "amount"


async def test_only_a_captured_order_is_refunded(shop: Shop, refunds: Refunds) -> None:
    (order,) = await shop.submitted(await shop.pool(5))
    with pytest.raises(ConflictError) as refused:
        await refund(refunds, order, "r1")
    assert refused.value.code == "not_captured"


@pytest.mark.parametrize("method", ["pm_test_ok", "pm_test_no_auth", "pm_test_slow", "pm_test_timeout"])
async def test_cancelling_before_the_confirmation_brings_the_money_back(
    shop: Shop, refunds: Refunds, method: str
) -> None:
    terms = await shop.pool(5)
    (order,) = await shop.submitted(terms, method)
    await Worker(shop).authorise()

    cancelled = await refunds.cancel(order.order_id, reason="buyer", restock=True, refund_id="c1")
    assert (cancelled.state, cancelled.hold_outcome) == ("cancelled", "released")

    await shop.finish()
    assert await shop.value("SELECT captured - refunded FROM test_payments") == 0
    await shop.check_quiet(terms)


async def test_cancelling_while_the_provider_is_being_asked_brings_the_money_back(shop: Shop, refunds: Refunds) -> None:
    terms = await shop.pool(5)
    (order,) = await shop.submitted(terms)
    worker = Worker(shop)
    asking = asyncio.create_task(worker.authorise())
    await worker.bank.asked.wait()
    await refunds.cancel(order.order_id, reason="buyer", restock=True, refund_id="c1")
    await asking
    await shop.finish()
    assert await shop.state(order) == "cancelled"
    await shop.check_quiet(terms)


async def test_cancelling_while_capturing_is_refused_for_a_moment(shop: Shop, refunds: Refunds) -> None:
    (order,) = await shop.submitted(await shop.pool(5))
    worker = Worker(shop)
    await worker.authorise()
    await worker.settle()
    with pytest.raises(ConflictError) as refused:
        await refunds.cancel(order.order_id, reason="buyer", restock=True, refund_id="c1")
    assert (refused.value.code, refused.value.temporary) == ("capture_in_progress", True)


async def test_cancelling_a_captured_order_refunds_the_rest_and_restocks(shop: Shop, refunds: Refunds) -> None:
    terms = await shop.pool(5)
    order = await shop.captured(terms)
    await refund(refunds, order, "r1", 100)

    cancelled = await refunds.cancel(order.order_id, reason="recall", restock=True, refund_id="c1")
    again = await refunds.cancel(order.order_id, reason="recall", restock=True, refund_id="c1")

    assert (cancelled.state, cancelled.refunded) == ("cancelled", 1_000)
    assert (again.order_id, again.state, again.refunded) == (order.order_id, "cancelled", 1_000)
    assert await shop.value("SELECT count(*) FROM movements WHERE kind = 'restock'") == 1
    await Worker(shop).run()
    await shop.check_quiet(terms)


async def test_a_refund_whose_worker_died_is_finished_by_another(shop: Shop) -> None:
    terms = await shop.pool(5)
    order = await shop.captured(terms)
    await shop.execute(
        "INSERT INTO refunds (refund_id, order_id, amount, reason, restock, end_state)"
        " VALUES ('r1', $1, 1000, 'x', true, 'refunded')",
        order.order_id,
    )
    await shop.execute("UPDATE orders SET refund_reserved = 1000")
    await shop.bank.refund(order.payment_id or "", euros(1_000), "refund:r1")

    await shop.finish()

    assert await shop.state(order) == "refunded"
    assert await shop.value("SELECT refunded FROM test_payments") == 1_000
    await shop.check_quiet(terms)


class SilentBank(FusedBank):
    """A bank that does not answer to refunds until it is told to."""

    silent = True

    async def refund(self, payment_id: str, amount: Money, idempotency_key: str) -> None:
        if self.silent:
            raise PaymentUnknownError("no answer")
        await super().refund(payment_id, amount, idempotency_key)


async def test_silence_however_long_is_no_refusal(shop: Shop) -> None:
    order = await shop.captured(await shop.pool(5))
    bank = SilentBank(shop.bank, Fuse())
    payer = RefundPayer(RefundRows(shop.postgres), Providers([bank]))
    await refund(Refunds(shop.postgres, Providers([bank])), order, "r1")

    async def try_again() -> object:
        await shop.hurry()
        (pending,) = await payer.take(2)
        await payer.handle(pending)
        return await shop.value("SELECT state FROM refunds")

    assert {await try_again() for _ in range(2 * REFUND_MAX_REFUSALS)} == {"pending"}
    # It speaks again, and refuses what was given back behind our back.
    bank.silent = False
    await shop.execute("UPDATE test_payments SET refunded = captured")
    said = [await try_again() for _ in range(REFUND_MAX_REFUSALS)]
    assert said == ["pending"] * (REFUND_MAX_REFUSALS - 1) + ["failed"]


async def test_a_refund_that_is_refused_again_and_again_fails_and_frees_its_amount(
    shop: Shop, refunds: Refunds
) -> None:
    order = await shop.captured(await shop.pool(5))
    # The bank has given it back behind our back, so it refuses.
    await shop.execute("UPDATE test_payments SET refunded = captured")
    pending = await refund(refunds, order, "r1")
    assert (pending.state, pending.refund_reserved) == ("captured", 1_000)
    for _ in range(6):
        await shop.hurry()
        await Worker(shop).refund()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.refunded, after.refund_reserved) == ("captured", 0, 0)
    assert await shop.value("SELECT state FROM refunds") == "failed"
