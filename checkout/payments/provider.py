"""Payment providers: the port, and what it promises.

* Every call that moves money carries an idempotency key: the same key never moves it twice.
* ``PaymentUnknownError`` means that nobody knows what happened: the money may have moved. Ask ``find`` before
  anything else.
* ``find`` tells the payment as it is now, not as it was when it was asked for.
* Amounts are minor units with a currency; a provider never captures more than it authorised, nor refunds more than
  it captured.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from kit.errors import ConflictError, InvalidError, UnavailableError
from kit.money import Money


class PaymentUnknownError(UnavailableError):
    """The provider did not answer in time, or not in a way that tells what happened."""

    default_code = "payment_unknown"


class PaymentRefusedError(ConflictError):
    """The provider understood a capture, void or refund and will not do it."""

    default_code = "payment_refused"


class PaymentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer is to pay. ``order_id`` travels with the payment and comes back in its webhooks."""

    order_id: str
    amount: Money
    method: str
    idempotency_key: str


class Authorised(msgspec.Struct, frozen=True):
    """The money is reserved and can be captured or voided."""

    payment_id: str
    amount: Money


class Charged(msgspec.Struct, frozen=True):
    """The method cannot reserve: the money is taken, and goes back only by a refund."""

    payment_id: str
    amount: Money


class Declined(msgspec.Struct, frozen=True):
    """There is no money and this payment will bring none; ``reason`` is a short code."""

    payment_id: str | None
    reason: str


class Pending(msgspec.Struct, frozen=True):
    """The buyer or the bank still has to act; a webhook or ``find`` tells."""

    payment_id: str


PaymentResult = Authorised | Charged | Declined | Pending


class PaymentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook of a provider, its signature checked.

    Attributes:
        event_id: the provider's id of the event: the same event may come many times.
        order_id: as given with the request; None when the provider does not return it.
        result: what it says about the payment; None for kinds that change nothing here.
        body: as received, for the record.
    """

    provider: str
    event_id: str
    kind: str
    payment_id: str
    order_id: str | None
    result: PaymentResult | None
    body: dict[str, object]


class PaymentProvider(Protocol):
    """One payment provider. Any call may raise ``UnavailableError``; it then counts as unknown."""

    @property
    def name(self) -> str:
        """Stands in the order and in the webhook's path."""
        ...

    @property
    def methods(self) -> frozenset[str]:
        """The payment methods that it takes."""
        ...

    async def authorise(self, request: PaymentRequest) -> PaymentResult:
        """Reserve the money. The same key gets the result that it got before."""
        ...

    async def find(self, idempotency_key: str) -> PaymentResult | None:
        """Return what became of ``authorise`` with this key; None when it never arrived.

        A voided payment is ``Declined``, one whose money was taken is ``Charged``.
        """
        ...

    async def capture(self, payment_id: str, amount: Money, idempotency_key: str) -> None:
        """Take reserved money.

        Raises:
            PaymentRefusedError: it is not reserved any more, or more than was reserved.
        """
        ...

    async def void(self, payment_id: str, idempotency_key: str) -> None:
        """Let reserved or pending money go; a second time changes nothing.

        Raises:
            PaymentRefusedError: it was captured.
        """
        ...

    async def refund(self, payment_id: str, amount: Money, idempotency_key: str) -> None:
        """Give captured money back.

        Raises:
            PaymentRefusedError: more than is left of what was captured.
        """
        ...

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> PaymentEvent:
        """Check the signature and read the event.

        Raises:
            UnauthorisedError: the signature is missing, malformed, too old or wrong.
            InvalidError: a good signature under something unreadable.
        """
        ...


class Providers:
    """The providers of this deployment, by name and by payment method.

    Args:
        providers: in order of preference; no two may take the same method.
    """

    def __init__(self, providers: Sequence[PaymentProvider]) -> None:
        self._by_name = {provider.name: provider for provider in providers}
        self._by_method = {method: provider for provider in providers for method in provider.methods}
        if len(self._by_method) != sum(len(provider.methods) for provider in providers):
            raise ValueError("two payment providers take the same method")

    def for_method(self, method: str) -> PaymentProvider:
        """Return the provider that takes this method.

        Raises:
            InvalidError: none does.
        """
        provider = self._by_method.get(method)
        if provider is None:
            known = ", ".join(sorted(self._by_method))
            raise InvalidError(f"the payment method is not known; use one of {known}", field="payment_method")
        return provider

    def find(self, name: str) -> PaymentProvider | None:
        """Return a provider by its name, or None."""
        return self._by_name.get(name)

    def of_order(self, name: str) -> PaymentProvider:
        """Return the provider that an order was made with.

        Raises:
            PaymentUnknownError: it is not set up here any more; its orders wait until it is.
        """
        provider = self._by_name.get(name)
        if provider is None:
            raise PaymentUnknownError(f"the payment provider {name!r} is not set up here")
        return provider
