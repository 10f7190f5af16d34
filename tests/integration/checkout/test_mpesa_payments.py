"""M-Pesa's pushes: asked once per order, whatever fails on the way."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from checkout.authorise import authorise_key
from checkout.payments.provider import (
    Charged,
    Declined,
    PaymentAction,
    PaymentRefusedError,
    PaymentRequest,
    PaymentUnknownError,
    Pending,
)
from kit.errors import UnavailableError
from kit.ids import new_id
from kit.money import Money
from kit.postgres import Postgres
from tests.fakes.daraja.fake_daraja import PUSH, QUERY
from tests.fakes.daraja.ledger import Prompt
from tests.integration.checkout.mpesa_shop import (
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


async def test_a_confirmed_prompt_pays_the_order(shop: MpesaShop) -> None:
    order = await shop.order(await shop.kes_pool(1))
    answer = await shop.mpesa.authorise(request_of(order))
    prompt = shop.daraja.prompt
    assert answer == Pending(prompt.checkout_request_id, PaymentAction(kind="confirm"))
    assert (prompt.phone, prompt.shillings) == ("254712345678", 1_000)

    shop.daraja.ledger.pay(prompt)
    assert await shop.daraja.call_back(prompt) == [200]
    await shop.run()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.captured, after.payment_id) == ("captured", 100_000, prompt.checkout_request_id)
    await shop.check_money()


@pytest.mark.parametrize("as_text", [False, True])
@pytest.mark.parametrize(
    ("code", "reason"), [(1, "insufficient_funds"), (1032, "cancelled_by_payer"), (77, "payment_failed")]
)
async def test_a_prompt_that_brings_no_money_declines_the_order(
    shop: MpesaShop, as_text: bool, code: int, reason: str
) -> None:
    shop.daraja.codes_as_text = as_text
    order = await pushed(shop)
    shop.daraja.prompt.code = code
    assert await shop.daraja.call_back(shop.daraja.prompt) == [200]
    await shop.run()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.reason, after.payment_open) == ("declined", reason, False)


async def test_a_success_code_as_text_is_a_success(shop: MpesaShop) -> None:
    shop.daraja.codes_as_text = True
    order = await pushed(shop)
    shop.daraja.ledger.pay(shop.daraja.prompt)
    await shop.daraja.call_back(shop.daraja.prompt)
    await shop.run()
    assert await shop.state(order) == "captured"


@pytest.mark.parametrize(
    "amount", [Money(1_000, "EUR"), Money(100_050, "KES"), Money(0, "KES"), Money(25_000_100, "KES")]
)
async def test_what_m_pesa_does_not_take_is_declined_before_any_call(shop: MpesaShop, amount: Money) -> None:
    order_id = new_id("order")
    request = PaymentRequest(
        order_id=order_id, amount=amount, method="mpesa:254712345678", idempotency_key=authorise_key(order_id)
    )
    assert await shop.mpesa.authorise(request) == Declined(None, "currency_not_supported")
    assert shop.daraja.calls == {}
    assert await shop.mpesa.find(request.idempotency_key) is None


async def test_a_token_that_ends_in_the_middle_is_renewed_and_the_push_is_made_once(shop: MpesaShop) -> None:
    order = await pushed(shop)
    assert shop.daraja.calls["token"] == 1
    shop.daraja.end_tokens()
    assert isinstance(await shop.mpesa.find(authorise_key(order.order_id)), Pending)
    assert shop.daraja.calls["token"] == 2
    shop.daraja.end_tokens()
    await shop.order(await shop.kes_pool(1))
    await shop.run()
    assert (shop.daraja.calls[PUSH], len(shop.daraja.ledger.prompts)) == (2, 2)


async def test_callers_at_once_share_one_new_token(shop: MpesaShop) -> None:
    orders = [await shop.order(await shop.kes_pool(1)) for _ in range(8)]
    await asyncio.gather(*(shop.mpesa.authorise(request_of(order)) for order in orders))
    assert (shop.daraja.calls["token"], shop.daraja.calls[PUSH]) == (1, 8)


async def test_two_finds_at_once_ask_at_most_once_each_and_push_never(shop: MpesaShop) -> None:
    order = await pushed(shop)
    before = shop.daraja.calls[QUERY]
    shop.daraja.ledger.pay(shop.daraja.prompt)
    key = authorise_key(order.order_id)
    found = await asyncio.gather(*(shop.mpesa.find(key) for _ in range(2)))
    assert found == [Charged(shop.daraja.prompt.checkout_request_id, PRICE)] * 2
    # Who comes a moment later finds what the first one wrote down.
    assert 1 <= shop.daraja.calls[QUERY] - before <= 2
    assert shop.daraja.calls[PUSH] == 1


async def test_many_processes_at_once_push_one_order_once(shop: MpesaShop) -> None:
    order = await shop.order(await shop.kes_pool(1))
    others = [shop.provider("http://127.0.0.1:9") for _ in range(4)]
    answers = await asyncio.gather(
        *(one.authorise(request_of(order)) for one in (shop.mpesa, *others)), return_exceptions=True
    )
    assert shop.daraja.calls[PUSH] == 1
    assert sum(isinstance(one, Pending) for one in answers) >= 1
    assert all(isinstance(one, Pending | PaymentUnknownError) for one in answers)
    await asyncio.gather(*(one.close() for one in others))


async def test_an_answer_that_comes_after_its_caller_gave_up_is_kept(shop: MpesaShop) -> None:
    release = asyncio.Event()

    async def wait(_: Prompt) -> None:
        await release.wait()

    shop.daraja.on_push = wait
    order = await shop.order(await shop.kes_pool(1))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await shop.mpesa.authorise(request_of(order))
    with pytest.raises(PaymentUnknownError):
        await shop.mpesa.find(authorise_key(order.order_id))
    release.set()
    async with asyncio.timeout(5):
        while await shop.value("SELECT state FROM mpesa_requests") != "pushed":
            await asyncio.sleep(0.01)
    assert isinstance(await shop.mpesa.find(authorise_key(order.order_id)), Pending)


async def test_a_push_that_was_never_sent_may_be_sent_again(shop: MpesaShop) -> None:
    order = await shop.order(await shop.kes_pool(1))
    shop.daraja.fail_next(PUSH, "busy")
    with pytest.raises(UnavailableError) as caught:
        await shop.mpesa.authorise(request_of(order))
    assert not isinstance(caught.value, PaymentUnknownError)
    assert await shop.mpesa.find(authorise_key(order.order_id)) is None
    assert isinstance(await shop.mpesa.authorise(request_of(order)), Pending)
    assert len(shop.daraja.ledger.prompts) == 1


async def test_while_daraja_is_down_orders_wait_and_are_pushed_when_it_is_back(shop: MpesaShop) -> None:
    url, shop.daraja.url = shop.daraja.url, "http://127.0.0.1:1"
    down = shop.provider("http://127.0.0.1:9")
    order = await shop.order(await shop.kes_pool(1))
    with pytest.raises(UnavailableError):
        await down.authorise(request_of(order))
    await down.close()
    assert await shop.value("SELECT count(*) FROM mpesa_requests") == 0
    shop.daraja.url = url
    await shop.run()
    assert shop.daraja.calls[PUSH] == 1


@pytest.mark.parametrize(("fault", "reason"), [("forbid", "refused_by_provider"), ("locked", "payer_busy")])
async def test_a_push_that_daraja_refuses_declines_the_order(shop: MpesaShop, fault: str, reason: str) -> None:
    shop.daraja.fail_next(PUSH, "forbid" if fault == "forbid" else "locked")
    order = await shop.order(await shop.kes_pool(1))
    await shop.run()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.reason) == ("declined", reason)
    assert await shop.mpesa.find(authorise_key(order.order_id)) == Declined(None, reason)


async def test_a_prompt_cannot_be_voided_until_it_is_over(shop: MpesaShop) -> None:
    order = await pushed(shop)
    payment_id = shop.daraja.prompt.checkout_request_id
    with pytest.raises(PaymentUnknownError):
        await shop.mpesa.void(payment_id, "void")
    shop.daraja.prompt.code = 1037
    await shop.mpesa.find(authorise_key(order.order_id))
    await shop.mpesa.void(payment_id, "void")
    shop.daraja.ledger.pay(shop.daraja.prompt)
    await shop.mpesa.find(authorise_key(order.order_id))
    with pytest.raises(PaymentRefusedError):
        await shop.mpesa.void(payment_id, "void")
    with pytest.raises(PaymentRefusedError):
        await shop.mpesa.capture(payment_id, PRICE, "capture")


async def test_no_secret_is_in_a_log_an_error_or_a_repr(shop: MpesaShop, capfd: pytest.CaptureFixture[str]) -> None:
    order = await lost(shop)
    shop.daraja.fail_next(QUERY, "break")
    with pytest.raises(PaymentUnknownError) as caught:
        await shop.mpesa.find(authorise_key(order.order_id))
    shop.daraja.consumer_secret = "another"
    shop.daraja.end_tokens()
    other = await shop.order(await shop.kes_pool(1))
    with pytest.raises(UnavailableError) as refused:
        await shop.mpesa.authorise(request_of(other))
    out, err = capfd.readouterr()
    shown = "".join([out, err, repr(vars(shop.mpesa)), repr(caught.value), repr(refused.value)])
    token = shop.daraja.prompt.callback_url.rpartition(".")[2]
    for secret in ("the-consumer-secret", "the-passkey", "the-security-credential", token):
        assert secret not in shown
