"""What Stripe says about a payment, pure: a PaymentIntent as a result, a webhook as an event.

Webhooks come late, twice and in any order. So only kinds that say how a payment ended carry a result:

=============================================  ==================================================================
``payment_intent.succeeded``                   ``Charged``: nothing makes that unsaid; refunds are counted elsewhere
``payment_intent.canceled``                    ``Declined``: Stripe lets nothing happen to it any more
``payment_intent.amount_capturable_updated``   a rumour: it may have been captured or cancelled since
``payment_intent.payment_failed``              a rumour: only what the payment is now tells whether it can go on
all others                                     recorded; a payment that begins or waits is polled anyway
=============================================  ==================================================================
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from checkout.payments.minor_units import STRIPE_UNITS, from_provider
from checkout.payments.provider import Authorised, Charged, Declined, PaymentEvent, PaymentResult, Pending
from checkout.payments.stripe_methods import action_of
from kit.errors import InvalidError
from kit.money import Money

PROVIDER: Final = "stripe"

_FINAL: Final = frozenset({"payment_intent.succeeded", "payment_intent.canceled"})
_RUMOURS: Final = frozenset({"payment_intent.amount_capturable_updated", "payment_intent.payment_failed"})
_CODE = re.compile(r"[a-z0-9_]{1,64}")

# Stripe asks merchants not to tell a buyer that a card is reported; a thief learns from it.
_NOT_TOLD: Final = frozenset(
    {"fraudulent", "lost_card", "stolen_card", "pickup_card", "merchant_blacklist", "security_violation"}
)


class FailureReason(msgspec.Struct, frozen=True):
    """Why a payment failed."""

    code: str | None = None
    decline_code: str | None = None


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a PaymentIntent that we read. Amounts are in Stripe's counting.

    Attributes:
        amount_capturable: None where the server does not say; ``amount`` counts then.
        amount_received: likewise.
    """

    id: str
    status: str
    amount: int
    currency: str
    amount_capturable: int | None = None
    amount_received: int | None = None
    metadata: dict[str, str] = {}
    next_action: dict[str, object] | None = None
    last_payment_error: FailureReason | None = None

    @property
    def idempotency_key(self) -> str | None:
        """The key under which we asked for it; None when somebody else did."""
        return self.metadata.get("idempotency_key")


def read_intent(raw: Mapping[str, object]) -> Intent:
    """Return a PaymentIntent.

    Raises:
        InvalidError: it is not one.
    """
    try:
        return msgspec.convert(raw, Intent)
    except msgspec.ValidationError as error:
        raise InvalidError(f"Stripe's payment cannot be read: {error}", field="body") from error


def result_of(intent: Intent) -> PaymentResult:
    """Return what a payment is now.

    One that waits for a payment method is over: nobody but us could give it another, and we do not.

    Raises:
        InvalidError: its amount cannot be expressed.
    """
    match intent.status:
        case "succeeded":
            return Charged(intent.id, _money(intent, intent.amount_received))
        case "requires_capture":
            return Authorised(intent.id, _money(intent, intent.amount_capturable))
        case "canceled":
            return Declined(intent.id, "voided")
        case "requires_payment_method":
            return declined(intent.id, intent.last_payment_error)
        case _:
            return Pending(intent.id, None if intent.next_action is None else action_of(intent.next_action))


def declined(payment_id: str | None, error: FailureReason | None) -> Declined:
    """Return a refusal with the bank's reason, else Stripe's; nothing that a buyer must not read."""
    reason = None if error is None else error.decline_code or error.code
    if reason is None or reason in _NOT_TOLD or not _CODE.fullmatch(reason):
        reason = "card_declined"
    return Declined(payment_id, reason)


class _FailedIntent(msgspec.Struct):
    id: str


class _Failure(FailureReason, frozen=True):
    payment_intent: _FailedIntent | None = None


class _FailureBody(msgspec.Struct):
    error: _Failure


def declined_body(body: object) -> Declined:
    """Return the refusal that the body of a 402 tells; it may lack everything."""
    try:
        failure = msgspec.convert(body, _FailureBody).error
    except msgspec.ValidationError:
        return declined(None, None)
    return declined(None if failure.payment_intent is None else failure.payment_intent.id, failure)


class _Data(msgspec.Struct):
    object: dict[str, object]


class _Event(msgspec.Struct):
    id: str
    type: str
    data: _Data


def read_event(body: bytes) -> PaymentEvent:
    """Return the event of a webhook whose signature holds.

    Raises:
        InvalidError: it is not an event with the object that it is about.
    """
    if b"\\u0000" in body or b"\0" in body:
        raise InvalidError("the webhook's body holds a zero byte, which cannot be stored", field="body")
    try:
        event = msgspec.json.decode(body, type=_Event)
        raw = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidError(f"the webhook's body cannot be read: {error}", field="body") from error
    about = event.data.object
    order_id = _order_id(about)
    is_ours = order_id is not None  # an account may take other payments too, in currencies that we do not know
    return PaymentEvent(
        provider=PROVIDER,
        event_id=event.id,
        kind=event.type,
        payment_id=_payment_id(event.type, about),
        order_id=order_id,
        result=result_of(read_intent(about)) if is_ours and event.type in _FINAL else None,
        body=raw,
        is_rumour=is_ours and event.type in _RUMOURS,
    )


def _payment_id(kind: str, about: Mapping[str, object]) -> str:
    """The PaymentIntent that an event is about; empty when it is about something else."""
    named = about.get("id" if kind.startswith("payment_intent.") else "payment_intent")
    return named if isinstance(named, str) else ""


def _order_id(about: Mapping[str, object]) -> str | None:
    metadata = about.get("metadata")
    order_id = metadata.get("order_id") if isinstance(metadata, dict) else None
    return order_id if isinstance(order_id, str) else None


def _money(intent: Intent, amount: int | None) -> Money:
    return from_provider(STRIPE_UNITS, intent.amount if amount is None else amount, intent.currency)
