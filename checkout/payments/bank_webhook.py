"""The test bank's webhooks: Standard Webhooks, signed with a secret that is derived from the deployment's."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from checkout.payments.provider import Authorised, PaymentEvent
from kit.errors import InvalidError, UnauthorisedError
from kit.money import Money

SECRET_LABEL: Final = b"showdrop test bank webhooks"


class BankEvent(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a webhook."""

    type: Literal["payment.authorised"]
    payment_id: str
    order_id: str
    amount: Money


class SignedBody(msgspec.Struct, frozen=True):
    """A body whose signature holds."""

    event_id: str
    body: bytes


class WebhookSigner:
    """Signs and checks.

    Args:
        secret: the deployment's secret; never used as it is.
    """

    def __init__(self, secret: str) -> None:
        self._webhook = Webhook(hmac.new(secret.encode(), SECRET_LABEL, hashlib.sha256).digest())

    def sign(self, event_id: str, body: bytes, at: datetime) -> dict[str, str]:
        """Return the headers for a body; ``at`` is a UTC time."""
        return {
            "webhook-id": event_id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": self._webhook.sign(event_id, at, body.decode()),
            "content-type": "application/json",
        }

    def verify(self, headers: Mapping[str, str], body: bytes) -> SignedBody:
        """Return the body when its signature holds.

        Raises:
            UnauthorisedError: a header is missing or malformed, the time is too far off, or the signature is wrong.
        """
        lower = {name.lower(): value for name, value in headers.items()}
        try:
            self._webhook.verify(body, lower, json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            # ValueError: the library splits headers before it judges them.
            raise UnauthorisedError("the webhook's signature does not hold", code="bad_signature") from error
        return SignedBody(lower["webhook-id"], body)


def read_event(provider: str, signed: SignedBody) -> PaymentEvent:
    """Return the event of a checked body.

    Raises:
        InvalidError: it is not one of ours.
    """
    if b"\\u0000" in signed.body or b"\0" in signed.body:
        raise InvalidError("the webhook's body holds a zero byte, which cannot be stored", field="body")
    try:
        event = msgspec.json.decode(signed.body, type=BankEvent)
        raw = msgspec.json.decode(signed.body, type=dict[str, object])
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidError(f"the webhook's body cannot be read: {error}", field="body") from error
    return PaymentEvent(
        provider=provider,
        event_id=signed.event_id,
        kind=event.type,
        payment_id=event.payment_id,
        order_id=event.order_id,
        result=Authorised(event.payment_id, event.amount),
        body=raw,
    )
