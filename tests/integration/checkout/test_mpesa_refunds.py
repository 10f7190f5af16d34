"""M-Pesa's reversals: asked for once, done only when M-Pesa says so."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from checkout.order import Order
from checkout.payments.provider import PaymentRefusedError, PaymentUnknownError
from checkout.refund import Refunds
from kit.errors import UnavailableError
from kit.ids import new_id
from kit.money import Money
from kit.postgres import Postgres
from tests.fakes.daraja import bodies
from tests.fakes.daraja.fake_daraja import LOOK_UP, REVERSE
from tests.integration.checkout.mpesa_shop import MINUTE_MS, PRICE, MpesaShop, mpesa_shop


@pytest.fixture
async def shop(postgres: Postgres, database_url: str) -> AsyncIterator[MpesaShop]:
    async with mpesa_shop(postgres, database_url) as shop:
        yield shop


async def paid(shop: MpesaShop, *, tell: bool = True) -> Order:
    """A captured order; its callback came when ``tell``."""
    order = await shop.order(await shop.kes_pool(1))
    await shop.run()
    prompt = list(shop.daraja.ledger.prompts.values())[-1]
    shop.daraja.ledger.pay(prompt)
    if tell:
        assert await shop.daraja.call_back(prompt) == [200]
    await shop.run()
    order = await shop.orders.get(order.order_id)
    assert order.state == "captured"
    return order


async def refund(shop: MpesaShop, order: Order, key: str = "refund:1", shillings: int = 1_000) -> None:
    assert order.payment_id is not None
    await shop.mpesa.refund(order.payment_id, Money(shillings * 100, "KES"), key)


async def accepted(shop: MpesaShop, order: Order, key: str = "refund:1", shillings: int = 1_000) -> None:
    """Bring a refund to where Daraja has taken the reversal and the result is still to come."""
    with pytest.raises(PaymentUnknownError):
        await refund(shop, order, key, shillings)
    if shop.daraja.calls[REVERSE] == 0:
        assert await shop.daraja.post_results() == 1, "the receipt is checked before it is used"
        with pytest.raises(PaymentUnknownError):
            await refund(shop, order, key, shillings)
    assert shop.daraja.calls[REVERSE] >= 1


async def test_a_refund_is_done_when_m_pesa_says_so_and_not_before(shop: MpesaShop) -> None:
    order = await paid(shop)
    await accepted(shop, order)
    for _ in range(3):
        with pytest.raises(PaymentUnknownError):
            await refund(shop, order)
    assert await shop.daraja.post_results(times=2) == 1
    await refund(shop, order)
    await refund(shop, order)
    assert shop.daraja.calls[REVERSE] == 1
    assert shop.daraja.ledger.kept == 0


async def test_a_refund_by_staff_comes_to_its_end_by_itself(shop: MpesaShop) -> None:
    order = await paid(shop)
    refunds = Refunds(shop.postgres, shop.providers)
    await refunds.refund(order.order_id, amount=None, reason="torn", restock=False, refund_id=new_id("refund"))
    for _ in range(3):
        await shop.daraja.post_results()
        await shop.run()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.refunded) == ("refunded", PRICE.amount)
    await shop.check_money()


async def test_parts_are_reversed_and_never_more_than_was_paid(shop: MpesaShop) -> None:
    order = await paid(shop)
    await accepted(shop, order, "refund:1", 400)
    await accepted(shop, order, "refund:2", 600)
    with pytest.raises(PaymentRefusedError):
        await refund(shop, order, "refund:3", 1)
    with pytest.raises(PaymentRefusedError):
        await shop.mpesa.refund(str(order.payment_id), Money(50, "KES"), "refund:4")
    await shop.daraja.post_results()
    await refund(shop, order, "refund:1", 400)
    await refund(shop, order, "refund:2", 600)
    assert shop.daraja.ledger.kept == 0


async def test_refunds_at_once_with_one_key_reverse_once(shop: MpesaShop) -> None:
    order = await paid(shop)
    with pytest.raises(PaymentUnknownError):
        await refund(shop, order)
    await shop.daraja.post_results()
    other = shop.provider("http://127.0.0.1:9")
    await asyncio.gather(
        *(refund(shop, order) for _ in range(4)),
        other.refund(str(order.payment_id), PRICE, "refund:1"),
        return_exceptions=True,
    )
    assert shop.daraja.calls[REVERSE] == 1
    await other.close()


async def test_a_reversal_that_m_pesa_refuses_may_be_tried_again(shop: MpesaShop) -> None:
    order = await paid(shop)
    shop.daraja.reversal_code = "R000003"
    await accepted(shop, order)
    await shop.daraja.post_results()
    with pytest.raises(PaymentRefusedError):
        await refund(shop, order)
    shop.daraja.reversal_code = "0"
    await accepted(shop, order)
    await shop.daraja.post_results()
    await refund(shop, order)
    assert shop.daraja.calls[REVERSE] == 2
    assert shop.daraja.ledger.kept == 0


async def test_a_reversal_whose_answer_was_lost_is_never_sent_again_and_found_by_its_result(shop: MpesaShop) -> None:
    order = await paid(shop)
    shop.daraja.fail_next(REVERSE, "lose")
    await accepted(shop, order)
    for _ in range(3):
        with pytest.raises(PaymentUnknownError):
            await refund(shop, order)
    await shop.daraja.post_results()
    with pytest.raises(PaymentUnknownError):
        await refund(shop, order)
    assert await shop.daraja.post_results() == 1, "the transaction that the result names is checked"
    await refund(shop, order)
    assert shop.daraja.calls[REVERSE] == 1
    assert shop.daraja.ledger.kept == 0


async def test_a_false_result_of_a_lost_reversal_is_checked_and_not_believed(shop: MpesaShop) -> None:
    order = await paid(shop)
    shop.daraja.fail_next(REVERSE, "lose")
    await accepted(shop, order)
    (posting,) = shop.daraja.ledger.postings
    to_bob = shop.daraja.ledger.transfer(1_000, "174379 - Showdrop", "254799999999 - Bob")
    too_little = shop.daraja.ledger.transfer(999, "174379 - Showdrop", "254712345678 - Ana Otieno")
    for transaction_id in (to_bob.receipt, too_little.receipt, "TJ99999999"):
        false = bodies.result("7071-4170-99999999", code=0, transaction_id=transaction_id)
        assert await shop.daraja.post(posting.url, false) == 200
    shop.daraja.ledger.postings.clear()
    for _ in range(5):
        with pytest.raises(PaymentUnknownError):
            await refund(shop, order)
        await shop.daraja.post_results()
    assert await shop.value("SELECT count(*) FROM mpesa_checks") == 4
    assert await shop.value("SELECT state FROM mpesa_reversals") == "asked"


async def test_a_result_that_never_comes_is_asked_for(shop: MpesaShop) -> None:
    order = await paid(shop)
    await accepted(shop, order)
    shop.daraja.ledger.postings.clear()
    await shop.age(11 * MINUTE_MS)
    with pytest.raises(PaymentUnknownError):
        await refund(shop, order)
    assert await shop.daraja.post_results() == 1
    await refund(shop, order)
    assert shop.daraja.calls[REVERSE] == 1


async def test_a_forged_result_is_not_believed(shop: MpesaShop) -> None:
    order = await paid(shop)
    shop.daraja.reversal_code = "R000003"
    await accepted(shop, order)
    (posting,) = shop.daraja.ledger.postings
    forged = bodies.result("7071-4170-99999999", code=0, transaction_id="TJ99999999")
    url, _, token = posting.url.partition("?token=")
    assert await shop.daraja.post(f"{url}?token={token[:-1]}", forged) == 401
    assert await shop.daraja.post(shop.daraja.prompt.callback_url, forged) == 422
    assert await shop.daraja.post(posting.url, forged) == 200
    with pytest.raises(PaymentUnknownError):
        await refund(shop, order)


async def test_word_that_a_result_is_late_settles_nothing(shop: MpesaShop) -> None:
    order = await paid(shop)
    await accepted(shop, order)
    (posting,) = shop.daraja.ledger.postings
    purposes = {await shop.value("SELECT reversal_id FROM mpesa_reversals")}
    assert purposes
    late = shop.mpesa._urls.make("late", order.order_id, str(purposes.pop()))
    body = posting.body | {}
    assert await shop.daraja.post(late, bodies.result("7071-4170-00000001", code=1037) | body) == 200
    with pytest.raises(PaymentUnknownError):
        await refund(shop, order)
    await shop.daraja.post_results()
    await refund(shop, order)


async def test_a_false_receipt_is_not_reversed(shop: MpesaShop) -> None:
    other = await paid(shop)
    receipt = shop.daraja.prompt.receipt
    order = await paid(shop, tell=False)
    prompt = list(shop.daraja.ledger.prompts.values())[-1]
    # A payment of the same amount, but somebody else's.
    shop.daraja.ledger.transactions[receipt].debit_party = "254799999999 - Bob"
    await shop.daraja.call_back(prompt, receipt=receipt)
    for _ in range(3):
        with pytest.raises(PaymentUnknownError):
            await refund(shop, order)
        await shop.daraja.post_results()
    assert shop.daraja.calls[REVERSE] == 0
    await shop.daraja.call_back(prompt)
    await accepted(shop, order)
    assert shop.daraja.ledger.transactions[prompt.receipt].reversed == 1_000
    assert (await shop.orders.get(other.order_id)).refunded == 0


async def test_one_receipt_proves_one_payment_only(shop: MpesaShop) -> None:
    first = await paid(shop)
    receipt = shop.daraja.prompt.receipt
    second = await paid(shop, tell=False)
    await shop.daraja.call_back(list(shop.daraja.ledger.prompts.values())[-1], receipt=receipt)
    await accepted(shop, first)
    await shop.daraja.post_results()
    await refund(shop, first)
    for _ in range(3):
        with pytest.raises(PaymentUnknownError):
            await refund(shop, second, "refund:2")
        await shop.daraja.post_results()
    assert shop.daraja.calls[REVERSE] == 1


async def test_without_a_callback_the_refund_waits_for_its_receipt(shop: MpesaShop) -> None:
    order = await paid(shop, tell=False)
    with pytest.raises(PaymentUnknownError):
        await refund(shop, order)
    assert shop.daraja.calls[LOOK_UP] == 0
    await shop.daraja.call_back(shop.daraja.prompt)
    await accepted(shop, order)


async def test_a_question_that_is_never_answered_is_asked_again_after_a_while(shop: MpesaShop) -> None:
    order = await paid(shop)
    for _ in range(3):
        with pytest.raises(PaymentUnknownError):
            await refund(shop, order)
    assert shop.daraja.calls[LOOK_UP] == 1
    await shop.age(3 * MINUTE_MS)
    with pytest.raises(PaymentUnknownError):
        await refund(shop, order)
    assert shop.daraja.calls[LOOK_UP] == 2
    await shop.daraja.post_results()
    await accepted(shop, order)


async def test_a_reversal_that_was_never_sent_is_sent_later(shop: MpesaShop) -> None:
    order = await paid(shop)
    with pytest.raises(PaymentUnknownError):
        await refund(shop, order)
    await shop.daraja.post_results()
    shop.daraja.fail_next(REVERSE, "busy", "forbid")
    with pytest.raises(UnavailableError):
        await refund(shop, order)
    with pytest.raises(PaymentRefusedError):
        await refund(shop, order)
    assert shop.daraja.ledger.kept == 1_000
    with pytest.raises(PaymentUnknownError):
        await refund(shop, order)
    await shop.daraja.post_results()
    await refund(shop, order)
    assert shop.daraja.ledger.kept == 0


async def test_what_was_not_paid_is_not_refunded(shop: MpesaShop) -> None:
    await shop.order(await shop.kes_pool(1))
    await shop.run()
    for payment_id in (shop.daraja.prompt.checkout_request_id, "ws_CO_unknown"):
        with pytest.raises(PaymentRefusedError):
            await shop.mpesa.refund(payment_id, PRICE, "refund:1")
