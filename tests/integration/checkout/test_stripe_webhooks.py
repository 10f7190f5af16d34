"""Stripe's webhooks over HTTP: signed by the fake, judged by the adapter."""

import contextlib
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from checkout.payments.provider import Charged, PaymentEvent, WebhookRequest
from checkout.payments.stripe_http import StripeProvider
from kit.errors import InvalidError, RequestError, UnauthorisedError
from kit.money import Money
from tests.fakes.stripe.server import FakeStripe, fake_stripe, served
from tests.fakes.stripe.webhooks import Deliveries, signed
from tests.integration.checkout.stripe_till import WEBHOOK_SECRET, a_request, a_till

EVENT = {"id": "evt_1", "type": "customer.created", "data": {"object": {"id": "cus_1"}}}


@pytest.fixture
async def fake() -> AsyncIterator[FakeStripe]:
    async with fake_stripe() as fake:
        yield fake


@pytest.fixture
async def till(fake: FakeStripe) -> AsyncIterator[StripeProvider]:
    async with a_till(fake) as till:
        yield till


class Door:
    """Takes webhooks as the API does."""

    def __init__(self, till: StripeProvider) -> None:
        self.events: list[PaymentEvent] = []
        self._till = till

    async def take(self, request: Request) -> Response:
        asked = WebhookRequest(headers=dict(request.headers), body=await request.body())
        try:
            self.events.append(self._till.parse_webhook(asked))
        except RequestError as error:
            return Response(status_code=error.status)
        return Response(status_code=204)


@contextlib.asynccontextmanager
async def door(till: StripeProvider) -> AsyncIterator[tuple[Door, str]]:
    taken = Door(till)
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
    async with served(Starlette(routes=[Route("/", taken.take, methods=["POST"])]), listening):
        yield taken, url


async def test_signed_events_arrive_late_twice_and_in_disorder(till: StripeProvider, fake: FakeStripe) -> None:
    await till.authorise(a_request("alipay"))
    payment = fake.account.only()
    fake.account.buyer_pays(payment.id)
    async with door(till) as (taken, url):
        statuses = await Deliveries(fake.account, url, WEBHOOK_SECRET, copies=3, seed=2).deliver()
    assert statuses == [204] * 9
    kinds = Counter(event.kind for event in taken.events)
    assert kinds == {
        "payment_intent.created": 3,
        "payment_intent.requires_action": 3,
        "payment_intent.succeeded": 3,
    }
    assert len({event.event_id for event in taken.events}) == 3
    results = {event.result for event in taken.events if event.kind == "payment_intent.succeeded"}
    assert results == {Charged(payment.id, Money(2_000, "EUR"))}


async def test_an_event_signed_with_another_secret_is_refused(till: StripeProvider, fake: FakeStripe) -> None:
    await till.authorise(a_request())
    async with door(till) as (taken, url):
        statuses = await Deliveries(fake.account, url, "whsec_of_a_thief").deliver()
    assert set(statuses) == {401}
    assert taken.events == []


def test_the_older_secret_counts_while_it_is_configured(till: StripeProvider) -> None:
    headers, body = signed(EVENT, "whsec_an_older_one")
    assert till.parse_webhook(WebhookRequest(headers=headers, body=body)).event_id == "evt_1"


@pytest.mark.parametrize("age_s", [-400, 400])
def test_an_event_of_another_time_is_refused(till: StripeProvider, age_s: int) -> None:
    headers, body = signed(EVENT, WEBHOOK_SECRET, at_s=int(time.time()) - age_s)
    with pytest.raises(UnauthorisedError):
        till.parse_webhook(WebhookRequest(headers=headers, body=body))


def test_a_changed_body_and_a_missing_header_are_refused(till: StripeProvider) -> None:
    headers, body = signed(EVENT, WEBHOOK_SECRET)
    with pytest.raises(UnauthorisedError):
        till.parse_webhook(WebhookRequest(headers=headers, body=body + b" "))
    with pytest.raises(UnauthorisedError):
        till.parse_webhook(WebhookRequest(headers={}, body=body))


def test_a_good_signature_under_nonsense_is_invalid(till: StripeProvider) -> None:
    headers, body = signed(["no event"], WEBHOOK_SECRET)
    with pytest.raises(InvalidError):
        till.parse_webhook(WebhookRequest(headers=headers, body=body))
