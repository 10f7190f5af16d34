"""Webhooks of the provider: once, twice, too early, too late."""

import asyncio
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from checkout.apply_event import WebhookInbox
from checkout.order import Order
from checkout.payment_events_pg import PaymentEvents
from checkout.payments.bank_webhook import BankEvent, WebhookSigner
from checkout.payments.bank_webhooks_http import BankWebhooks
from checkout.payments.provider import Authorised, Declined, PaymentEvent, PaymentRequest, PaymentResult, WebhookRequest
from checkout.refund import Refunds
from kit.errors import InvalidError, NotFoundError, UnauthorisedError
from kit.money import Money
from tests.integration.checkout.checkout_shop import SECRET, Shop, Worker


@pytest.fixture
def inbox(shop: Shop) -> WebhookInbox:
    return WebhookInbox(PaymentEvents(shop.postgres), shop.providers)


def an_event(order: Order, payment_id: str, event_id: str, result: PaymentResult | None = None) -> PaymentEvent:
    return PaymentEvent(
        provider="test",
        event_id=event_id,
        kind="payment.authorised",
        payment_id=payment_id,
        order_id=order.order_id,
        result=result or Authorised(payment_id, order.amount),
        body={"payment_id": payment_id},
    )


async def payment_of(shop: Shop, order: Order) -> str:
    return str(await shop.value("SELECT payment_id FROM test_payments WHERE order_id = $1", order.order_id))


async def test_the_same_event_is_applied_once(shop: Shop, inbox: WebhookInbox) -> None:
    (order,) = await shop.submitted(await shop.pool(5), "pm_test_slow")
    await Worker(shop).authorise()
    event = an_event(order, await payment_of(shop, order), "evt_1")
    applied = await asyncio.gather(*(inbox.apply(event) for _ in range(8)))
    assert sum(applied) == 1
    assert await shop.state(order) == "authorised"
    assert await shop.value("SELECT count(*) FROM payment_events") == 1


async def test_an_event_may_come_before_the_order_knows_its_payment(shop: Shop, inbox: WebhookInbox) -> None:
    terms = await shop.pool(5)
    (order,) = await shop.submitted(terms)
    await shop.execute("UPDATE orders SET attempts = 1, payment_open = true")
    # The worker had asked and died before it could write the answer.
    await shop.bank.authorise(
        PaymentRequest(
            order_id=order.order_id,
            amount=order.amount,
            method="pm_test_ok",
            idempotency_key=f"authorise:{order.order_id}",
        )
    )
    assert await inbox.apply(an_event(order, await payment_of(shop, order), "evt_1"))
    assert await shop.state(order) == "authorised"
    await shop.finish()
    await shop.check_quiet(terms)


async def test_an_event_of_an_unknown_order_is_only_recorded(shop: Shop, inbox: WebhookInbox) -> None:
    (order,) = await shop.submitted(await shop.pool(5))
    stranger = msgspec.structs.replace(an_event(order, "pay_x", "evt_1"), order_id="order_x")
    assert await inbox.apply(stranger)
    assert await shop.state(order) == "submitted"


async def test_events_after_the_end_change_no_state_and_no_money(shop: Shop, inbox: WebhookInbox) -> None:
    terms = await shop.pool(1)
    sold = await shop.captured(terms)
    (late,) = await shop.submitted(terms)
    await shop.finish()
    assert await shop.state(late) == "unfulfillable"

    for number, order in enumerate((sold, late, sold, late)):
        assert await inbox.apply(an_event(order, await payment_of(shop, order), f"evt_{number}"))
        await shop.finish()
    refunds = Refunds(shop.postgres, shop.providers)
    await refunds.refund(sold.order_id, amount=None, reason="", restock=True, refund_id="r1")
    await inbox.apply(an_event(sold, await payment_of(shop, sold), "evt_9"))
    await shop.finish()

    assert (await shop.state(sold), await shop.state(late)) == ("refunded", "unfulfillable")
    await shop.check_quiet(terms)


async def test_money_that_comes_after_a_decline_goes_back(shop: Shop, inbox: WebhookInbox) -> None:
    terms = await shop.pool(1)
    (order,) = await shop.submitted(terms, "pm_test_slow")
    await Worker(shop).authorise()
    payment_id = await payment_of(shop, order)
    await inbox.apply(an_event(order, payment_id, "evt_1", Declined(payment_id, "insufficient_funds")))
    declined = await shop.orders.get(order.order_id)
    assert (declined.state, declined.reason) == ("declined", "insufficient_funds")

    await shop.hurry()
    await shop.bank.find(f"authorise:{order.order_id}")
    await inbox.apply(an_event(order, payment_id, "evt_2"))
    await shop.finish()

    assert await shop.value("SELECT state FROM test_payments") == "voided"
    assert await shop.state(order) == "declined"
    await shop.check_quiet(terms)


async def test_another_amount_than_the_orders_is_not_taken_for_it(shop: Shop, inbox: WebhookInbox) -> None:
    terms = await shop.pool(1)
    (order,) = await shop.submitted(terms, "pm_test_slow")
    await Worker(shop).authorise()
    payment_id = await payment_of(shop, order)
    await inbox.apply(an_event(order, payment_id, "evt_1", Authorised(payment_id, Money(1, "EUR"))))
    declined = await shop.orders.get(order.order_id)
    assert (declined.state, declined.reason) == ("declined", "amount_mismatch")
    await shop.finish()
    assert await shop.value("SELECT state FROM test_payments") == "voided"


def signed(order: Order, at: datetime) -> tuple[dict[str, str], bytes]:
    body = msgspec.json.encode(
        BankEvent(type="payment.authorised", payment_id="pay_1", order_id=order.order_id, amount=order.amount)
    )
    return WebhookSigner(SECRET).sign("evt_1", body, at), body


async def test_a_bad_signature_is_refused_and_nothing_is_stored(shop: Shop, inbox: WebhookInbox) -> None:
    (order,) = await shop.submitted(await shop.pool(1))
    headers, body = signed(order, datetime.now(UTC))
    old, _ = signed(order, datetime(2020, 1, 1, tzinfo=UTC))
    for wrong in (
        {},
        headers | {"webhook-signature": "nonsense"},
        headers | {"webhook-signature": "v1,!!!"},
        headers | {"webhook-id": "evt_2"},
        headers | {"webhook-timestamp": "soon"},
        old,
    ):
        with pytest.raises(UnauthorisedError):
            await inbox.receive("test", WebhookRequest(headers=wrong, body=body))
    with pytest.raises(UnauthorisedError):
        await inbox.receive("test", WebhookRequest(headers=headers, body=body + b" "))
    with pytest.raises(NotFoundError):
        await inbox.receive("other", WebhookRequest(headers=headers, body=body))
    assert await shop.value("SELECT count(*) FROM payment_events") == 0
    titled = {name.title(): value for name, value in headers.items()}
    assert await inbox.receive("test", WebhookRequest(headers=titled, body=body))


ZERO_BYTE = (
    rb'{"type":"payment.authorised","payment_id":"a\u0000b","order_id":"o","amount":{"amount":1,"currency":"EUR"}}'
)


@pytest.mark.parametrize("body", [b"[]", ZERO_BYTE, b"[" * 5_000 + b"]" * 5_000], ids=["shape", "zero byte", "deep"])
async def test_a_signed_body_that_cannot_be_read_is_invalid(shop: Shop, inbox: WebhookInbox, body: bytes) -> None:
    headers = WebhookSigner(SECRET).sign("evt_1", body, datetime.now(UTC))
    with pytest.raises(InvalidError):
        await inbox.receive("test", WebhookRequest(headers=headers, body=body))
    assert await shop.value("SELECT count(*) FROM payment_events") == 0


async def test_the_bank_posts_slow_payments_until_they_arrive(shop: Shop, inbox: WebhookInbox) -> None:
    terms = await shop.pool(1)
    (order,) = await shop.submitted(terms, "pm_test_slow")
    await Worker(shop).authorise()
    status = [503]

    async def receive(request: Request) -> Response:
        if status[0] == 200:
            await inbox.receive(
                request.path_params["provider"], WebhookRequest(headers=request.headers, body=await request.body())
            )
        return Response(status_code=status[0])

    app = Starlette(routes=[Route("/v1/webhooks/payments/{provider}", receive, methods=["POST"])])
    bank = BankWebhooks(shop.postgres, SECRET)
    url = "http://shop/v1/webhooks/payments/test"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        assert await bank.deliver_due(client, url) == 0
        assert await shop.value("SELECT notify_attempts FROM test_payments") == 0

        await shop.execute("UPDATE test_payments SET notify_at_ms = 0")
        assert await bank.deliver_due(client, url) == 0
        assert await shop.value("SELECT notify_at_ms > now_ms() FROM test_payments") is True
        assert await shop.state(order) == "submitted"

        status[0] = 200
        await shop.execute("UPDATE test_payments SET notify_at_ms = 0")
        assert await bank.deliver_due(client, url) == 1
        assert await bank.deliver_due(client, url) == 0
    assert await shop.state(order) == "authorised"
    await shop.finish()
    await shop.check_quiet(terms)
