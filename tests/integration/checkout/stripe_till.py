"""The Stripe adapter before the fake, and what its tests ask for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from checkout.payments.provider import PaymentRequest
from checkout.payments.stripe_http import StripeProvider
from kit.ids import new_id
from kit.money import Money
from tests.fakes.stripe.server import API_KEY, FakeStripe

WEBHOOK_SECRET = "whsec_a_secret_for_the_webhooks"
RETURN_URL = "https://shop.example/back"
BRAZILIAN: dict[str, object] = {
    "name": "Ana Souza",
    "email": "ana@example.com",
    "tax_id": "000.000.000-00",
    "address": {"line1": "Rua 1", "city": "Recife", "state": "PE", "postal_code": "50000-000", "country": "BR"},
}
CURRENCIES = {"upi": "INR", "boleto": "BRL"}


@asynccontextmanager
async def a_till(fake: FakeStripe, *, api_key: str = API_KEY, per_s: float = 1_000) -> AsyncIterator[StripeProvider]:
    provider = StripeProvider(
        api_key=api_key,
        webhook_secrets=["whsec_an_older_one", WEBHOOK_SECRET],
        return_url=RETURN_URL,
        api_url=fake.url,
        per_s=per_s,
    )
    try:
        yield provider
    finally:
        await provider.close()


def a_request(method: str = "card:pm_card_visa", *, amount: int = 2_000, currency: str | None = None) -> PaymentRequest:
    order_id = new_id("order")
    return PaymentRequest(
        order_id=order_id,
        amount=Money(amount, currency or CURRENCIES.get(method, "EUR")),
        method=method,
        idempotency_key=f"authorise:{order_id}",
        shipping=BRAZILIAN if method == "boleto" else None,
    )
