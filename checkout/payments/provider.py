"""Payment providers: the port, and what it promises.

* Every call that moves money carries an idempotency key: the same key never moves it twice.
* ``PaymentUnknownError`` means that nobody knows what happened: the money may have moved. Ask ``find`` before
  anything else.
* ``find`` tells the payment as it is now, not as it was when it was asked for.
* Amounts are minor units with a currency; a provider never captures more than it authorised, nor refunds more than
  it captured.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

import msgspec

from kit.errors import ConflictError, InvalidError, UnavailableError
from kit.money import Money


class PaymentUnknownError(UnavailableError):
    """The provider did not answer in time, or not in a way that tells what happened."""

    default_code = "payment_unknown"


class PaymentNotAskedError(PaymentUnknownError):
    """Nothing was sent: our own pace, or the provider's, has no room now. Nothing has become unknown by it."""

    default_code = "overloaded"


class PaymentRefusedError(ConflictError):
    """The provider understood a capture, void or refund and will not do it."""

    default_code = "payment_refused"


class PaymentRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer is to pay. ``order_id`` travels with the payment and comes back in its webhooks.

    Attributes:
        method: as the checkout named it: one of the provider's ``methods``, alone or with a detail, ``card:pm_1N…``.
        shipping: where the units go, JSON-compatible, as the checkout gave it; some methods need a name or an e-mail.
    """

    order_id: str
    amount: Money
    method: str
    idempotency_key: str
    shipping: dict[str, object] | None = None

    @property
    def kind(self) -> str:
        """The payment method without its detail."""
        return kind_of(self.method)

    @property
    def detail(self) -> str:
        """What stands behind the colon: a token of the provider, a phone number; empty when there is none."""
        return self.method.partition(":")[2]


def kind_of(method: str) -> str:
    """Return a payment method without its detail: ``card`` of ``card:pm_1N…``."""
    return method.partition(":")[0]


def without_detail(method: str) -> None:
    """Refuse a payment method that comes with a detail.

    Raises:
        InvalidError: field ``payment_method``.
    """
    if ":" in method:
        raise InvalidError(f"{kind_of(method)} takes nothing behind a colon", field="payment_method")


class PaymentAction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the buyer has to do so that a pending payment goes on.

    Attributes:
        kind: ``redirect`` to ``url``; show ``data`` as a ``qr_code``; show the ``voucher`` with the number ``data``;
            ``confirm`` on the phone that was asked; ``client`` hands ``data`` to the provider's own client library.
        url: a page of the provider, https.
        data: what the kind needs.
        expires_at_ms: until when; None when the provider does not say.
    """

    kind: Literal["redirect", "qr_code", "voucher", "confirm", "client"]
    url: str | None = None
    data: str | None = None
    expires_at_ms: int | None = None


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
    action: PaymentAction | None = None


PaymentResult = Authorised | Charged | Declined | Pending


class PaymentEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook of a provider, its signature checked.

    Attributes:
        event_id: the provider's id of the event: the same event may come many times.
        order_id: as given with the request; None when the provider does not return it.
        result: what it says about the payment; None for kinds that change nothing here, and for rumours.
        is_rumour: it is not signed, or may be out of date: it is no reason to believe anything, only to ask ``find``.
        body: as received, for the record.
    """

    provider: str
    event_id: str
    kind: str
    payment_id: str
    order_id: str | None
    result: PaymentResult | None
    body: dict[str, object]
    is_rumour: bool = False


class WebhookRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A POST to ``/v1/webhooks/payments/{provider}``.

    Attributes:
        headers: looked up without regard to case.
        body: byte for byte.
        token: of the query, for providers that sign nothing; empty when there is none.
    """

    headers: Mapping[str, str]
    body: bytes
    token: str = ""


class PaymentProvider(Protocol):
    """One payment provider. Any call may raise ``UnavailableError``; it then counts as unknown.

    With the code ``overloaded`` it says that nothing was sent.
    """

    @property
    def name(self) -> str:
        """Stands in the order and in the webhook's path."""
        ...

    @property
    def methods(self) -> frozenset[str]:
        """The payment methods that it takes, without detail."""
        ...

    def check_method(self, method: str, unit_price: Money) -> None:
        """Check the detail of one of its methods, and that it can take such money; nothing is asked of anybody.

        Args:
            method: as the checkout named it.
            unit_price: what one unit costs; how many there are, only the hold knows.

        Raises:
            InvalidError: field ``payment_method``: the detail is missing, malformed, or should not be there; or
                ``currency_not_supported``.
        """
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

    def parse_webhook(self, request: WebhookRequest) -> PaymentEvent:
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

    def for_method(self, method: str, unit_price: Money) -> PaymentProvider:
        """Return the provider that takes this method for units at this price.

        Raises:
            InvalidError: field ``payment_method``: none does.
        """
        provider = self._by_method.get(kind_of(method))
        if provider is None:
            known = ", ".join(sorted(self._by_method))
            raise InvalidError(f"the payment method is not known; use one of {known}", field="payment_method")
        provider.check_method(method, unit_price)
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
