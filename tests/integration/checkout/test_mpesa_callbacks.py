"""M-Pesa's callbacks and lost answers: believed only when Daraja confirms, and no payment is lost."""

from collections.abc import AsyncIterator

import httpx
import pytest

from checkout.authorise import authorise_key
from checkout.payments.provider import (
    Charged,
    Declined,
    PaymentUnknownError,
)
from kit.ids import new_id
from kit.money import Money
from kit.postgres import Postgres
from tests.fakes.daraja import bodies
from tests.fakes.daraja.fake_daraja import LOOK_UP, PUSH
from tests.fakes.daraja.ledger import Prompt, Transaction
from tests.integration.checkout.mpesa_shop import (
    DAY_MS,
    MINUTE_MS,
    PRICE,
    MpesaShop,
    lost,
    mpesa_shop,
    pushed,
    request_of,
)


@pytest.fixture
async def shop(postgres: Postgres, database_url: str) -> AsyncIterator[MpesaShop]:
    async with mpesa_shop(postgres, database_url) as shop:
        yield shop


async def test_a_payment_is_found_without_any_callback(shop: MpesaShop) -> None:
    order = await pushed(shop)
    shop.daraja.ledger.pay(shop.daraja.prompt).debit_party = "nobody looks"
    shop.daraja.prompt.still_processing = 2
    for state in ("submitted", "submitted", "captured"):
        await shop.run()
        assert await shop.state(order) == state
    assert shop.daraja.calls[PUSH] == 1


async def test_a_forged_callback_changes_nothing(shop: MpesaShop) -> None:
    order = await pushed(shop)
    prompt = shop.daraja.prompt
    url, _, token = prompt.callback_url.partition("?token=")
    other = token.replace(order.order_id, new_id("order"))
    for forged in ("", "x", token[:-1], token.upper(), other, token.replace("pay.", "check."), "é" * 200):
        prompt.callback_url = f"{url}?token={forged}"
        assert await shop.daraja.call_back(prompt, receipt="TJ00000000") == [401]
    assert await shop.value("SELECT count(*) FROM payment_events") == 0
    # With the token, but not true: Daraja is asked, and says otherwise.
    prompt.callback_url = f"{url}?token={token}"
    assert await shop.daraja.call_back(prompt, receipt="TJ00000000") == [200]
    await shop.run()
    assert await shop.state(order) == "submitted"
    assert shop.daraja.ledger.kept == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"Body":{}}', b"\xff", b"[" * 20_000, b'{"a":"\\u0000"}'])
async def test_an_unreadable_callback_under_a_good_token_is_refused_and_not_stored(
    shop: MpesaShop, body: bytes
) -> None:
    await pushed(shop)
    async with httpx.AsyncClient() as client:
        answer = await client.post(shop.daraja.prompt.callback_url, content=body)
    assert answer.status_code == 422
    assert await shop.value("SELECT count(*) FROM payment_events") == 0


async def test_a_duplicate_callback_is_recorded_and_applied_once(shop: MpesaShop) -> None:
    order = await pushed(shop)
    shop.daraja.ledger.pay(shop.daraja.prompt)
    assert await shop.daraja.call_back(shop.daraja.prompt, times=3) == [200, 200, 200]
    await shop.run()
    assert await shop.daraja.call_back(shop.daraja.prompt) == [200]
    await shop.run()
    assert await shop.state(order) == "captured"
    assert await shop.value("SELECT count(*) FROM payment_events") == 1
    await shop.check_money()


async def test_a_callback_that_overtakes_the_answer_is_not_lost(shop: MpesaShop) -> None:
    async def confirm(prompt: Prompt) -> None:
        shop.daraja.ledger.pay(prompt)
        assert await shop.daraja.call_back(prompt) == [200]
        key = str(await shop.value("SELECT idempotency_key FROM mpesa_requests"))
        with pytest.raises(PaymentUnknownError):
            await shop.mpesa.find(key)

    shop.daraja.on_push = confirm
    order = await shop.order(await shop.kes_pool(1))
    await shop.run()
    await shop.run()
    assert await shop.state(order) == "captured"
    assert shop.daraja.calls[PUSH] == 1
    assert shop.daraja.calls[LOOK_UP] == 0
    await shop.check_money()


async def test_a_lost_answer_is_found_by_its_callback_and_proven_by_its_receipt(shop: MpesaShop) -> None:
    order = await lost(shop)
    shop.daraja.ledger.pay(shop.daraja.prompt)
    await shop.daraja.call_back(shop.daraja.prompt)
    await shop.run()
    assert await shop.state(order) == "submitted", "a receipt that M-Pesa has not confirmed is a claim"
    assert await shop.daraja.post_results() == 1
    await shop.run()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.payment_id) == ("captured", shop.daraja.prompt.checkout_request_id)
    assert shop.daraja.calls[PUSH] == 1
    await shop.check_money()


async def test_a_lost_answer_whose_callback_says_no_is_declined_when_daraja_says_so(shop: MpesaShop) -> None:
    order = await lost(shop)
    shop.daraja.prompt.code = 1032
    await shop.daraja.call_back(shop.daraja.prompt)
    await shop.run()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.reason) == ("declined", "cancelled_by_payer")


async def test_a_lost_answer_without_a_callback_is_unknown_until_its_time_is_over(shop: MpesaShop) -> None:
    order = await lost(shop)
    key = authorise_key(order.order_id)
    with pytest.raises(PaymentUnknownError):
        await shop.mpesa.find(key)
    with pytest.raises(PaymentUnknownError):
        await shop.mpesa.authorise(request_of(order))
    await shop.age(5 * MINUTE_MS)
    assert await shop.mpesa.find(key) == Declined(None, "no_answer")
    await shop.run()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.reason, after.payment_open) == ("declined", "no_answer", False)
    assert shop.daraja.calls[PUSH] == 1


async def test_money_of_a_lost_push_that_comes_weeks_later_goes_back(shop: MpesaShop) -> None:
    order = await lost(shop)
    await shop.age(5 * MINUTE_MS)
    await shop.run()
    assert await shop.state(order) == "declined"

    await shop.age(20 * DAY_MS)
    shop.daraja.ledger.pay(shop.daraja.prompt)
    assert await shop.daraja.call_back(shop.daraja.prompt) == [200]
    for _ in range(4):
        await shop.run()
        await shop.daraja.post_results()
    await shop.run()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.captured, after.refunded) == ("declined", 100_000, 100_000)
    assert shop.daraja.ledger.kept == 0
    await shop.check_money()


async def test_a_payment_that_was_declined_and_succeeds_late_goes_back(shop: MpesaShop) -> None:
    order = await pushed(shop)
    shop.daraja.prompt.code = 1037
    await shop.run()
    assert await shop.state(order) == "declined"
    shop.daraja.ledger.pay(shop.daraja.prompt)
    await shop.daraja.call_back(shop.daraja.prompt)
    for _ in range(4):
        await shop.run()
        await shop.daraja.post_results()
    await shop.run()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.refunded, after.payment_open) == ("declined", 100_000, False)
    assert shop.daraja.ledger.kept == 0


async def test_another_orders_payment_cannot_pay_for_a_lost_push(shop: MpesaShop) -> None:
    order = await lost(shop)
    victim = shop.daraja.prompt
    paid = await shop.order(await shop.kes_pool(1))
    await shop.run()
    prompt = list(shop.daraja.ledger.prompts.values())[-1]
    shop.daraja.ledger.pay(prompt)
    await shop.daraja.call_back(prompt)
    # Somebody who learned the lost push's URL tells the other payment there.
    prompt.callback_url = victim.callback_url
    await shop.daraja.call_back(prompt)
    for _ in range(3):
        await shop.run()
        await shop.daraja.post_results()
    assert (await shop.state(paid), await shop.state(order)) == ("captured", "submitted")
    await shop.age(DAY_MS)
    await shop.run()
    assert (await shop.orders.get(order.order_id)).reason in {"no_answer", "payment_timeout"}
    await shop.check_money()


async def test_a_payment_by_another_number_does_not_pay_for_a_lost_push(shop: MpesaShop) -> None:
    order = await lost(shop)
    shop.daraja.ledger.pay(shop.daraja.prompt).debit_party = "254799999999 - Bob"
    await shop.daraja.call_back(shop.daraja.prompt)
    await shop.run()
    assert await shop.daraja.post_results() == 1
    await shop.run()
    assert await shop.state(order) == "submitted"


async def test_a_callback_with_another_amount_lets_m_pesas_own_word_count(shop: MpesaShop) -> None:
    order = await pushed(shop)
    prompt = shop.daraja.prompt
    shop.daraja.ledger.pay(prompt).shillings = 900
    await shop.daraja.call_back(prompt, shillings=900)
    with pytest.raises(PaymentUnknownError):
        await shop.mpesa.find(authorise_key(order.order_id))
    assert await shop.daraja.post_results() == 1
    assert await shop.mpesa.find(authorise_key(order.order_id)) == Charged(
        prompt.checkout_request_id, Money(90_000, "KES")
    )
    for _ in range(3):
        await shop.run()
        await shop.daraja.post_results()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.reason, after.refunded) == ("declined", "amount_mismatch", 90_000)
    await shop.check_money()


async def test_a_callback_that_lies_about_the_amount_changes_nothing(shop: MpesaShop) -> None:
    order = await pushed(shop)
    shop.daraja.ledger.pay(shop.daraja.prompt)
    await shop.daraja.call_back(shop.daraja.prompt, shillings=1, receipt="TJ99999999")
    await shop.run()
    assert await shop.daraja.post_results() == 1
    await shop.run()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.captured) == ("captured", PRICE.amount)


async def test_an_order_given_up_while_its_prompt_stays_undecided_is_closed_a_day_later(shop: MpesaShop) -> None:
    order = await pushed(shop)
    await shop.execute("UPDATE orders SET created_at_ms = created_at_ms - $1", 31 * MINUTE_MS)
    await shop.run()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.reason, after.payment_open) == ("declined", "payment_timeout", True)
    await shop.age(DAY_MS)
    await shop.run()
    assert not (await shop.orders.get(order.order_id)).payment_open


async def test_an_answer_about_a_receipt_counts_only_in_its_own_conversation(shop: MpesaShop) -> None:
    order = await lost(shop)
    prompt = shop.daraja.prompt
    shop.daraja.ledger.pay(prompt).debit_party = "254799999999 - Bob"
    await shop.daraja.call_back(prompt)
    await shop.run()
    (posting,) = shop.daraja.ledger.postings
    ours = Transaction(
        receipt=prompt.receipt, shillings=1_000, debit_party=f"{prompt.phone} - Ana", credit_party="174379"
    )
    assert await shop.daraja.post(posting.url, bodies.status("7071-4170-99999999", ours)) == 200
    await shop.run()
    assert await shop.state(order) == "submitted"
    assert await shop.daraja.post(posting.url, bodies.status(conversation_of(posting.body), ours)) == 200
    await shop.run()
    assert await shop.state(order) == "captured", "what made the difference is the conversation"


def conversation_of(body: dict[str, object]) -> str:
    result = body["Result"]
    assert isinstance(result, dict)
    return str(result["OriginatorConversationID"])
