"""The adapter's plain profile against localstripe, somebody else's idea of Stripe, in a process of its own.

It knows cards without next actions, and neither idempotency keys nor refund ceilings; the fake covers those.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from typing import Final

import httpx
import msgspec
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from checkout.payments.provider import (
    Authorised,
    Charged,
    Declined,
    PaymentEvent,
    PaymentRefusedError,
    Pending,
    WebhookRequest,
)
from checkout.payments.stripe_http import StripeProvider
from kit.money import Money
from tests.fakes.stripe.server import served
from tests.integration.checkout.stripe_till import RETURN_URL, WEBHOOK_SECRET, a_request

KEY: Final = "sk_test_12345"
EUR_20 = Money(2_000, "EUR")

# Its own command listens on every address and keeps its data on disk.
SCRIPT = """
import sys
from aiohttp import web
from localstripe.resources import store
from localstripe.server import app
store.dump_to_disk = lambda: None
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
"""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SCRIPT, str(port), stderr=asyncio.subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with asyncio.timeout(30), httpx.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    await client.get(url)
                    break
                except httpx.TransportError:
                    assert process.returncode is None
                    await asyncio.sleep(0.05)
        yield url
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def till(url: str) -> AsyncIterator[StripeProvider]:
    till = StripeProvider(
        api_key=KEY, webhook_secrets=[WEBHOOK_SECRET], return_url=RETURN_URL, api_url=url, per_s=1_000, plain=True
    )
    yield till
    await till.close()


async def post(url: str, path: str, fields: dict[str, str]) -> dict[str, object]:
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {KEY}"}) as client:
        answer = await client.post(url + path, data=fields)
    assert answer.is_success, answer.text
    return msgspec.json.decode(answer.content or b"{}", type=dict[str, object])


async def a_card(url: str, number: str = "4242424242424242") -> str:
    fields = {"type": "card", "card[number]": number, "card[exp_month]": "12", "card[exp_year]": "2040"}
    made = await post(url, "/v1/payment_methods", fields | {"card[cvc]": "123"})
    return f"card:{made['id']}"


async def test_a_card_is_reserved_found_captured_and_refunded(url: str, till: StripeProvider) -> None:
    request = a_request(await a_card(url))
    result = await till.authorise(request)
    assert isinstance(result, Authorised)
    assert result.amount == EUR_20
    assert await till.find(request.idempotency_key) == result

    await till.capture(result.payment_id, EUR_20, "capture:1")
    await till.capture(result.payment_id, EUR_20, "capture:1")
    assert await till.find(request.idempotency_key) == Charged(result.payment_id, EUR_20)
    await till.refund(result.payment_id, Money(500, "EUR"), "refund:1")
    await till.refund(result.payment_id, Money(500, "EUR"), "refund:1")  # it ignores keys; we look first
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {KEY}"}) as client:
        refunds = (await client.get(f"{url}/v1/refunds")).json()["data"]
    assert [refund["amount"] for refund in refunds] == [500]


async def test_another_process_finds_the_payment(url: str, till: StripeProvider) -> None:
    request = a_request(await a_card(url))
    result = await till.authorise(request)
    another = StripeProvider(
        api_key=KEY, webhook_secrets=[WEBHOOK_SECRET], return_url=RETURN_URL, api_url=url, plain=True
    )
    try:
        assert await another.find(request.idempotency_key) == result
        assert await another.find("authorise:order_never") is None
    finally:
        await another.close()


async def test_a_void_repeats_and_a_captured_payment_cannot_be_voided(url: str, till: StripeProvider) -> None:
    card = await a_card(url)
    first, second = await till.authorise(a_request(card)), await till.authorise(a_request(card))
    assert isinstance(first, Authorised)
    assert isinstance(second, Authorised)
    await till.void(first.payment_id, "void:1")
    await till.void(first.payment_id, "void:1")
    await till.capture(second.payment_id, EUR_20, "capture:1")
    with pytest.raises(PaymentRefusedError):
        await till.void(second.payment_id, "void:2")


async def test_a_declined_card_is_declined(url: str, till: StripeProvider) -> None:
    request = a_request(await a_card(url, "4000000000000341"))
    assert await till.authorise(request) == Declined(None, "card_declined")
    found = await till.find(request.idempotency_key)
    assert isinstance(found, Declined)
    assert found.reason == "card_declined"


async def test_a_card_that_asks_for_authentication_is_pending_until_the_buyer_acts(
    url: str, till: StripeProvider
) -> None:
    request = a_request(await a_card(url, "4000002500003155"))
    pending = await till.authorise(request)
    assert isinstance(pending, Pending)
    assert pending.action is None  # it hands over to Stripe's own script, which the fake does not
    async with httpx.AsyncClient(trust_env=False, headers={"Authorization": f"Bearer {KEY}"}) as client:
        intent = (await client.get(f"{url}/v1/payment_intents/{pending.payment_id}")).json()
    fields = {"client_secret": intent["client_secret"], "success": "true"}
    await post(url, f"/v1/payment_intents/{pending.payment_id}/_authenticate", fields)
    assert await till.find(request.idempotency_key) == Authorised(pending.payment_id, EUR_20)


async def test_its_webhooks_are_signed_as_we_check_them(url: str, till: StripeProvider) -> None:
    events: list[PaymentEvent] = []
    arrived = asyncio.Event()

    async def take(request: Request) -> Response:
        asked = WebhookRequest(headers=dict(request.headers), body=await request.body())
        events.append(till.parse_webhook(asked))
        arrived.set()
        return Response(status_code=204)

    listening = socket.create_server(("127.0.0.1", 0))
    hook = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    async with served(Starlette(routes=[Route("/", take, methods=["POST"])]), listening):
        await post(url, "/_config/webhooks/1", {"url": hook, "secret": WEBHOOK_SECRET})
        request = a_request(await a_card(url))
        result = await till.authorise(request)
        assert isinstance(result, Authorised)
        await till.capture(result.payment_id, EUR_20, "capture:1")
        async with asyncio.timeout(10):
            await arrived.wait()
    (event,) = [event for event in events if event.kind == "payment_intent.succeeded"]
    assert (event.order_id, event.result) == (request.order_id, Charged(result.payment_id, EUR_20))
