"""A Stripe that has every trouble at once: answers that are lost, false, late or doubled, and webhooks in disorder."""

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Final

from tests.fakes.stripe.server import API_KEY, FakeStripe, Trouble
from tests.fakes.stripe.webhooks import Deliveries
from tests.faults.limits import (
    STRIPE_CALLS_BETWEEN,
    STRIPE_COPIES,
    STRIPE_LIES_MINOR,
    STRIPE_LOSS,
    STRIPE_PER_S,
    STRIPE_TICK_S,
)
from tests.faults.money import PaymentFact

METHOD: Final = "card:pm_card_visa"
WEBHOOK_SECRET: Final = "whsec_of_the_fault_matrix"
RETURN_URL: Final = "https://shop.example/back"

ENDPOINTS: Final = ("create", "retrieve", "search", "list", "capture", "cancel", "refund", "refunds")
TROUBLES: Final[tuple[Trouble, ...]] = (
    "never_arrives",
    "lose_answer",
    "hang",
    "error_500",
    "error_500_applied",
    "garbage",
    "busy",
)


class TroubledStripe(FakeStripe):
    """The fake, with all of its troubles mixed."""

    def __init__(self) -> None:
        super().__init__()
        self.per_s = STRIPE_PER_S
        self.retry_after = "1"
        self.given = 0

    @property
    def environ(self) -> Mapping[str, str]:
        """What makes Showdrop take this one for its only bank."""
        return {
            "SHOWDROP_TEST_BANK": "off",
            "SHOWDROP_STRIPE_KEY": API_KEY,
            "SHOWDROP_STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
            "SHOWDROP_STRIPE_PER_S": str(STRIPE_PER_S),
            "SHOWDROP_STRIPE_URL": self.url,
            "SHOWDROP_PAYMENT_RETURN_URL": RETURN_URL,
        }

    async def deliver(self, api_url: str, rng: random.Random) -> None:
        """Send webhooks without end: shuffled, doubled, some never."""
        deliveries = Deliveries(
            self.account,
            f"{api_url}/v1/webhooks/payments/stripe",
            WEBHOOK_SECRET,
            seed=rng.randrange(1 << 32),
            copies=STRIPE_COPIES,
            loss=STRIPE_LOSS,
        )
        while True:
            await deliveries.deliver()
            await asyncio.sleep(rng.uniform(STRIPE_TICK_S, 10 * STRIPE_TICK_S))

    async def be_troubled(self, rng: random.Random, seconds: float) -> None:
        """Let calls go wrong for so long: one of a few, and now and then every amount is a lie."""
        due = dict.fromkeys(ENDPOINTS, 0)
        ends_at = time.monotonic() + seconds
        try:
            while time.monotonic() < ends_at:
                for endpoint in ENDPOINTS:
                    # One at a time, so that none is left over for later.
                    if self.calls[endpoint] >= due[endpoint]:
                        self.trouble(endpoint, rng.choice(TROUBLES))
                        self.given += 1
                        due[endpoint] = self.calls[endpoint] + rng.randint(*STRIPE_CALLS_BETWEEN)
                self.lie_by = rng.choice((0, 0, 0, -STRIPE_LIES_MINOR, STRIPE_LIES_MINOR))
                await asyncio.sleep(STRIPE_TICK_S)
        finally:
            self.lie_by = 0
            self.release.set()

    def payments(self) -> list[PaymentFact]:
        """Return what the account knows of every payment."""
        return [
            PaymentFact(
                order_id=one.metadata.get("order_id", ""),
                taken=one.received,
                given_back=one.refunded,
                reserved=one.capturable,
            )
            for one in self.account.payments.values()
        ]
