"""The rehearsal's side of a fake bank that runs as a process of its own: what buyers do there, and what it has."""

from typing import Final, Literal

import httpx
import msgspec

from live.rehearse.facts import BankFigures, PaymentFacts
from live.rehearse.host_http import ServerGoneError
from live.rehearse.limits import HTTP_TIMEOUT_S

Deed = Literal["pays", "fails", "thinks"]

STATES: Final = {
    "requires_action": "pending",
    "processing": "pending",
    "requires_capture": "authorised",
    "succeeded": "captured",
    "canceled": "voided",
    "requires_payment_method": "declined",
}
"""What the verification calls a payment, by Stripe's status."""

_TOO_LATE: Final = 409


class BankPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as the fake shows it: a PaymentIntent, its currency in small letters."""

    payment_id: str
    order_id: str
    amount: int
    currency: str
    status: str
    captured: int
    refunded: int

    def as_facts(self) -> PaymentFacts:
        """Return it as the verification has it; a status that is not known stays as it is."""
        return PaymentFacts(
            payment_id=self.payment_id,
            order_id=self.order_id,
            amount=self.amount,
            currency=self.currency.upper(),
            state=STATES.get(self.status, self.status),
            captured=self.captured,
            refunded=self.refunded,
        )


class _Payments(msgspec.Struct):
    payments: list[BankPayment]


class FakeBank:
    """Calls the fake's counter. Every call may raise ServerGoneError: the fake does not answer.

    Args:
        url: where it listens.
        key: the API key that it was started with.
    """

    def __init__(self, url: str, key: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, headers={"authorization": f"Bearer {key}"}, timeout=HTTP_TIMEOUT_S, trust_env=False
        )

    async def payments(self) -> tuple[PaymentFacts, ...]:
        """Return every payment that was ever made there."""
        answer = await self._call("GET", "/counter/payments")
        return tuple(one.as_facts() for one in msgspec.json.decode(answer.content, type=_Payments).payments)

    async def figures(self) -> BankFigures:
        """Return what became of its webhooks and answers so far."""
        answer = await self._call("GET", "/counter/webhooks")
        return msgspec.json.decode(answer.content, type=BankFigures)

    async def buyer(self, payment_id: str, deed: Deed) -> bool:
        """Do what a buyer does at the bank's page; false when the payment waits for nobody any more."""
        answer = await self._call("POST", f"/counter/payments/{payment_id}/{deed}")
        return answer.status_code != _TOO_LATE

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _call(self, method: str, path: str) -> httpx.Response:
        try:
            answer = await self._client.request(method, path)
        except httpx.TransportError as error:
            raise ServerGoneError(f"the fake Stripe does not answer ({type(error).__name__})") from error
        if not answer.is_success and answer.status_code != _TOO_LATE:
            raise ServerGoneError(f"the fake Stripe answered {method} {path} with HTTP {answer.status_code}")
        return answer
