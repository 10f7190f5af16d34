"""One Stripe account, in memory: what payments may do, and the events that tell of it."""

import time
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count

from tests.fakes.stripe.failures import FakeStripeError, refused
from tests.fakes.stripe.form import metadata, whole

WHOLE_AS_CENTS = {"isk", "ugx"}
THREE_DIGITS = {"bhd", "jod", "kwd", "omr", "tnd"}
CHARGED_AT_ONCE = {"alipay", "wechat_pay", "upi", "boleto", "ideal"}
ONE_CURRENCY = {"upi": "inr", "boleto": "brl", "ideal": "eur"}
DECLINES = {
    "pm_card_chargeDeclined": "generic_decline",
    "pm_card_chargeDeclinedInsufficientFunds": "insufficient_funds",
    "pm_card_chargeDeclinedStolenCard": "stolen_card",
}
GOOD_CARDS = {"pm_card_visa", "ctoken_visa"}
AUTHENTICATED_CARD = "pm_card_authenticationRequired"
BOLETO_NEEDS = ("[boleto][tax_id]", *(f"[billing_details][{one}]" for one in ("name", "email")))
BOLETO_PLACE = tuple(f"[billing_details][address][{one}]" for one in ("line1", "city", "state", "postal_code"))
CANCELLABLE = {"requires_payment_method", "requires_capture", "requires_confirmation", "requires_action"}


@dataclass
class Payment:
    """A PaymentIntent."""

    id: str
    amount: int
    currency: str
    kind: str
    manual: bool
    metadata: dict[str, str]
    created: int
    status: str = "requires_action"
    capturable: int = 0
    received: int = 0
    next_action: dict[str, object] | None = None
    error: dict[str, object] | None = None
    refunds: list[dict[str, object]] = field(default_factory=list)

    @property
    def refunded(self) -> int:
        return sum(int(str(one["amount"])) for one in self.refunds if one["status"] == "succeeded")

    def shown(self, lie_by: int = 0) -> dict[str, object]:
        """As the API shows it; ``lie_by`` falsifies what was reserved or received."""
        return {
            "id": self.id,
            "object": "payment_intent",
            "amount": self.amount,
            "amount_capturable": self.capturable + (lie_by if self.capturable else 0),
            "amount_received": self.received + (lie_by if self.received else 0),
            "capture_method": "manual" if self.manual else "automatic_async",
            "client_secret": f"{self.id}_secret_not_for_buyers",
            "created": self.created,
            "currency": self.currency,
            "last_payment_error": self.error,
            "livemode": False,
            "metadata": dict(self.metadata),
            "next_action": deepcopy(self.next_action),
            "payment_method_types": [self.kind],
            "status": self.status,
        }


class Account:
    """Payments, refunds, and the events that wait to be sent."""

    def __init__(self) -> None:
        self.payments: dict[str, Payment] = {}
        self.events: list[dict[str, object]] = []
        self.refunds_fail = False
        self.search_lag_s = 0.0
        self.has_search = True
        self._numbers = count(1)

    def only(self) -> Payment:
        """The one payment that there is."""
        (payment,) = self.payments.values()
        return payment

    def create(self, given: dict[str, str]) -> Payment:
        amount, kind = whole(given, "amount"), self._checked_kind(given)
        self._check_currency(given.get("currency", ""), kind, amount)
        payment = Payment(
            id=f"pi_{next(self._numbers):08}",
            amount=amount,
            currency=given["currency"],
            kind=kind,
            manual=given.get("capture_method") == "manual",
            metadata=metadata(given),
            created=int(time.time()),
        )
        token = given.get("payment_method") or given.get("confirmation_token") or ""
        self.payments[payment.id] = payment
        self._tell("payment_intent.created", payment)
        if kind == "card" and token in GOOD_CARDS:
            self._succeed(payment)
        elif token in DECLINES:
            self._fail(payment, DECLINES[token])
            raise FakeStripeError(
                402,
                "card_error",
                code="card_declined",
                decline_code=DECLINES[token],
                message="Your card was declined.",
                is_stored=True,
                payment_intent=payment.shown(),
            )
        else:
            payment.next_action = next_action(kind, payment.id)
            self._tell("payment_intent.requires_action", payment)
        return payment

    def _checked_kind(self, given: dict[str, str]) -> str:
        kind = given.get("payment_method_types[0]", "")
        if given.get("confirm") != "true" or "payment_method_types[1]" in given:
            raise FakeStripeError(400, "invalid_request_error", message="the fake confirms at once, with one method")
        if kind == "card":
            named = [name for name in ("payment_method", "confirmation_token") if name in given]
            if len(named) != 1 or "payment_method_data[type]" in given:
                raise FakeStripeError(400, "invalid_request_error", code="parameter_missing", param="payment_method")
            if given[named[0]] not in GOOD_CARDS | DECLINES.keys() | {AUTHENTICATED_CARD}:
                raise FakeStripeError(400, "invalid_request_error", code="resource_missing", param=named[0])
        elif kind not in CHARGED_AT_ONCE or given.get("payment_method_data[type]") != kind or "capture_method" in given:
            raise FakeStripeError(400, "invalid_request_error", code="payment_intent_invalid_parameter")
        if (kind != "card" or given.get("payment_method") == AUTHENTICATED_CARD) and "return_url" not in given:
            raise FakeStripeError(400, "invalid_request_error", code="parameter_missing", param="return_url")
        if kind == "boleto":
            for name in BOLETO_NEEDS + BOLETO_PLACE:
                if not given.get(f"payment_method_data{name}"):
                    raise FakeStripeError(400, "invalid_request_error", code="parameter_missing", param=name)
        if kind == "wechat_pay" and given.get("payment_method_options[wechat_pay][client]") != "web":
            raise FakeStripeError(400, "invalid_request_error", code="parameter_missing", param="client")
        return kind

    def _check_currency(self, currency: str, kind: str, amount: int) -> None:
        if len(currency) != 3 or not currency.islower() or ONE_CURRENCY.get(kind, currency) != currency:
            raise FakeStripeError(400, "invalid_request_error", code="invalid_currency", param="currency")
        step = 100 if currency in WHOLE_AS_CENTS else 10 if currency in THREE_DIGITS else 1
        if amount % step:
            raise FakeStripeError(400, "invalid_request_error", code="invalid_charge_amount_no_decimal_compatible")

    def get(self, payment_id: str) -> Payment:
        if payment_id not in self.payments:
            raise FakeStripeError(404, "invalid_request_error", code="resource_missing", param="intent")
        return self.payments[payment_id]

    def newest(self, since_s: int = 0) -> list[Payment]:
        made = [payment for payment in self.payments.values() if payment.created >= since_s]
        return sorted(made, key=lambda payment: (payment.created, payment.id), reverse=True)

    def search(self, key: str) -> list[Payment]:
        """Payments with this key, if they are old enough to be known to the search."""
        if not self.has_search:
            raise FakeStripeError(400, "invalid_request_error", message="search is not available")
        seen_before = time.time() - self.search_lag_s
        return [
            one for one in self.newest() if one.metadata.get("idempotency_key") == key and one.created <= seen_before
        ]

    def capture(self, payment_id: str, amount: int | None) -> Payment:
        payment = self.get(payment_id)
        if payment.status != "requires_capture":
            raise refused("payment_intent_unexpected_state", f"it is {payment.status}")
        taken = payment.capturable if amount is None else amount
        if taken > payment.capturable:
            raise refused("amount_too_large")
        payment.status, payment.received, payment.capturable = "succeeded", taken, 0
        self._tell("payment_intent.succeeded", payment)
        return payment

    def cancel(self, payment_id: str) -> Payment:
        payment = self.get(payment_id)
        if payment.status not in CANCELLABLE:
            raise refused("payment_intent_unexpected_state", f"it is {payment.status}")
        payment.status, payment.capturable, payment.next_action = "canceled", 0, None
        self._tell("payment_intent.canceled", payment)
        return payment

    def refund(self, payment_id: str, amount: int, given: dict[str, str]) -> dict[str, object]:
        payment = self.get(payment_id)
        if payment.status != "succeeded":
            raise refused("payment_intent_unexpected_state")
        if amount > payment.received - payment.refunded:
            whole_back = payment.refunded == payment.received
            raise refused("charge_already_refunded" if whole_back else "amount_too_large")
        refund: dict[str, object] = {
            "id": f"re_{next(self._numbers):08}",
            "object": "refund",
            "amount": amount,
            "currency": payment.currency,
            "payment_intent": payment.id,
            "metadata": metadata(given),
            "status": "failed" if self.refunds_fail else "succeeded",
        }
        payment.refunds.insert(0, refund)
        kind = "refund.failed" if self.refunds_fail else "refund.created"
        self._event(kind, refund)
        return refund

    def buyer_pays(self, payment_id: str) -> None:
        """The buyer did what they had to do."""
        payment = self.get(payment_id)
        assert payment.status in {"requires_action", "processing"}
        self._succeed(payment)

    def buyer_fails(self, payment_id: str, code: str = "payment_intent_authentication_failure") -> None:
        """The buyer gave up, or the bank refused."""
        self._fail(self.get(payment_id), code)

    def bank_thinks(self, payment_id: str) -> None:
        """The buyer acted; the bank takes its time."""
        payment = self.get(payment_id)
        payment.status, payment.next_action = "processing", None
        self._tell("payment_intent.processing", payment)

    def _succeed(self, payment: Payment) -> None:
        payment.next_action = None
        if payment.manual:
            payment.status, payment.capturable = "requires_capture", payment.amount
            self._tell("payment_intent.amount_capturable_updated", payment)
        else:
            payment.status, payment.received = "succeeded", payment.amount
            self._tell("payment_intent.succeeded", payment)

    def _fail(self, payment: Payment, code: str) -> None:
        payment.status, payment.next_action = "requires_payment_method", None
        payment.error = {"type": "card_error", "code": "card_declined", "decline_code": code}
        self._tell("payment_intent.payment_failed", payment)

    def _tell(self, kind: str, payment: Payment) -> None:
        self._event(kind, payment.shown())

    def _event(self, kind: str, about: dict[str, object]) -> None:
        self.events.append(
            {
                "id": f"evt_{next(self._numbers):08}",
                "object": "event",
                "type": kind,
                "created": int(time.time()),
                "livemode": False,
                "data": {"object": deepcopy(about)},
            }
        )


def next_action(kind: str, payment_id: str) -> dict[str, object]:
    """What the buyer has to do, in Stripe's form."""
    page = f"https://hooks.stripe.example/{kind}/{payment_id}"
    match kind:
        case "alipay":
            named, details = "alipay_handle_redirect", {"url": page, "return_url": "https://shop.example/back"}
        case "wechat_pay":
            named, details = "wechat_pay_display_qr_code", {"data": "weixin://pay", "hosted_instructions_url": page}
        case "upi":
            code = {"expires_at": 1_900_000_000, "image_url_png": f"{page}.png", "image_url_svg": f"{page}.svg"}
            told: dict[str, object] = {"hosted_instructions_url": page, "qr_code": code}
            return {"type": "upi_handle_redirect_or_display_qr_code", "upi_handle_redirect_or_display_qr_code": told}
        case "boleto":
            voucher = {"number": "01010101", "expires_at": 1_900_000_000, "hosted_voucher_url": page, "pdf": page}
            return {"type": "boleto_display_details", "boleto_display_details": voucher}
        case _:
            named, details = "redirect_to_url", {"url": page, "return_url": "https://shop.example/back"}
    return {"type": named, named: details}
