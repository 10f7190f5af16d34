"""Stripe as a payment provider: cards that reserve, and methods that charge once the buyer has acted.

Every step carries its own idempotency key, and a payment carries its order and its key in its metadata. The methods
are in ``stripe_methods``, what answers mean in ``stripe_answers``, how a payment is found again in ``stripe_find``.
"""

from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import urlsplit

from checkout.limits import STRIPE_CALLS_PER_S
from checkout.payments.minor_units import STRIPE_UNITS, to_provider
from checkout.payments.provider import (
    Declined,
    PaymentEvent,
    PaymentRefusedError,
    PaymentRequest,
    PaymentResult,
    PaymentUnknownError,
    WebhookRequest,
)
from checkout.payments.stripe_answers import PROVIDER, Intent, read_event, result_of
from checkout.payments.stripe_calls_http import CardDeclinedError, RefundRecord, StripeCalls
from checkout.payments.stripe_find import PaymentFinder
from checkout.payments.stripe_methods import (
    CARD,
    METHODS,
    check_method,
    intent_parameters,
    plain_parameters,
    refusal_of,
)
from checkout.payments.stripe_signature import HEADER, verify
from kit.clock import now_ms
from kit.errors import InvalidError, SettingError, ShowdropError
from kit.ids import new_ulid
from kit.log import logger
from kit.money import Money

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_log = logger("stripe")


class StripeProvider:
    """Fills ``PaymentProvider``.

    Args:
        api_key: a secret key, or a restricted one that may write PaymentIntents and refunds.
        webhook_secrets: those of the webhook's endpoint that count now; two while one replaces the other.
        return_url: the page to which a buyer comes back from a bank's page.
        api_url: where the API is; plain http only on this machine.
        per_s: calls a second for each endpoint, by this process.
        plain: for servers that know only the main parts of the API: cards by ``pm_…``, no search.

    Raises:
        SettingError: no key, no webhook secret, or an address that may not be used.
    """

    name = PROVIDER

    def __init__(
        self,
        *,
        api_key: str,
        webhook_secrets: Sequence[str],
        return_url: str,
        api_url: str = "https://api.stripe.com",
        per_s: float = STRIPE_CALLS_PER_S,
        plain: bool = False,
    ) -> None:
        if not api_key or not webhook_secrets or not all(webhook_secrets):
            raise SettingError("Stripe needs an API key and the webhook's secret")
        _check_addresses(api_url, return_url)
        self.methods = frozenset({CARD}) if plain else METHODS
        self._webhook_secrets = tuple(webhook_secrets)
        self._return_url = return_url
        self._plain = plain
        self._calls = StripeCalls(api_key=api_key, api_url=api_url.rstrip("/"), per_s=per_s)
        self._finder = PaymentFinder(self._calls, plain=plain)

    def check_method(self, method: str, unit_price: Money) -> None:
        """Check the card's token, and that nothing else has one."""
        check_method(method, unit_price.currency)

    async def authorise(self, request: PaymentRequest) -> PaymentResult:
        """Ask for the money; what Stripe would refuse anyhow is declined with a reason of ours."""
        try:
            amount = to_provider(STRIPE_UNITS, request.amount)
        except InvalidError as error:
            return Declined(None, error.code)
        if refusal := refusal_of(request):
            return Declined(None, refusal)
        parameters = (
            plain_parameters(request, amount)
            if self._plain
            else intent_parameters(request, amount, return_url=self._return_url)
        )
        try:
            intent, is_stored = await self._create(parameters, request.idempotency_key)
        except CardDeclinedError as error:
            return error.declined
        except PaymentRefusedError as error:
            _log.error("stripe_refuses_a_payment", order_id=request.order_id, **error.details)
            return Declined(None, "invalid_request")
        self._finder.remember(request.idempotency_key, intent.id)
        return _told(await self._looked_at(intent.id) if is_stored else intent)

    async def find(self, idempotency_key: str) -> PaymentResult | None:
        """Return the payment as it is now; None only when no request with this key arrived."""
        try:
            intent = await self._finder.find(idempotency_key)
        except PaymentRefusedError as error:
            raise PaymentUnknownError("Stripe refuses to show the payment", details=error.details) from error
        return None if intent is None else _told(intent)

    async def capture(self, payment_id: str, amount: Money, idempotency_key: str) -> None:
        """Take reserved money; the rest of it is let go."""
        wanted = _counted(amount)
        await self._once(
            payment_id,
            idempotency_key,
            lambda key: self._calls.capture(payment_id, wanted, key),
            lambda intent: intent.status == "succeeded" and intent.amount_received in {None, wanted},
        )

    async def void(self, payment_id: str, idempotency_key: str) -> None:
        """Cancel the payment."""
        await self._once(
            payment_id,
            idempotency_key,
            lambda key: self._calls.cancel(payment_id, key),
            lambda intent: intent.status == "canceled",
        )

    async def refund(self, payment_id: str, amount: Money, idempotency_key: str) -> None:
        """Give money back once, also when Stripe has forgotten the key: the refund itself remembers it.

        Raises:
            PaymentRefusedError: more than is left, or the refund came to nothing later.
        """
        wanted = _counted(amount)
        refund = await self._refund_of(payment_id, idempotency_key)
        if refund is None:
            try:
                refund = await self._calls.refund(payment_id, wanted, idempotency_key)
            except PaymentUnknownError as error:
                if not _is_replayed(error):
                    raise
                # What failed is over: a refund that came of it is there by now, and none can appear any more.
                refund = await self._refund_of(payment_id, idempotency_key)
                if refund is None:
                    refund = await self._calls.refund(payment_id, wanted, _fresh(idempotency_key), of=idempotency_key)
        if refund.is_lost:
            raise PaymentRefusedError(f"the refund of payment {payment_id} came to nothing: {refund.status}")

    def parse_webhook(self, request: WebhookRequest) -> PaymentEvent:
        """Check the signature against every secret and read the event."""
        lower = {name.lower(): value for name, value in request.headers.items()}
        verify(lower.get(HEADER), request.body, self._webhook_secrets, now_s=now_ms() // 1000)
        event = read_event(request.body)
        if event.kind == "refund.failed":
            _log.error("refund_failed_later", payment_id=event.payment_id, event_id=event.event_id)
        return event

    async def close(self) -> None:
        """Close the connections."""
        await self._calls.close()

    async def _once(
        self,
        payment_id: str,
        key: str,
        act: Callable[[str], Awaitable[Intent]],
        is_done: Callable[[Intent], bool],
    ) -> None:
        """Capture or cancel. Stripe does neither twice, whatever the key, so what the payment is now decides.

        A failure that Stripe stored would be repeated for a day; then, and only then, a fresh key is used.
        """
        is_stored = False
        try:
            if is_done(await act(key)):
                return
        except (PaymentRefusedError, PaymentUnknownError) as error:
            is_stored = _is_replayed(error)
            if isinstance(error, PaymentUnknownError) and not is_stored:
                raise
            if is_done(await self._calls.retrieve(payment_id)):
                return
            if not is_stored:
                raise
        else:
            # What it says may be an older answer, or a false one, and Stripe would repeat it for a day.
            if is_done(await self._calls.retrieve(payment_id)):
                return
        if not is_stored or not is_done(await act(_fresh(key))):
            raise PaymentUnknownError(f"Stripe did something else with payment {payment_id}")

    async def _create(self, parameters: dict[str, object], key: str) -> tuple[Intent, bool]:
        """Make the intent; a failure that Stripe stored, of which nothing came, is got round with a fresh key.

        The parameters hold the first key, so the payment is found by it.
        """
        try:
            return await self._calls.create(parameters, key)
        except PaymentUnknownError as error:
            if not _is_replayed(error) or await self.find(key) is not None:
                raise
            return await self._calls.create(parameters, _fresh(key))

    async def _refund_of(self, payment_id: str, idempotency_key: str) -> RefundRecord | None:
        """Return the refund that was made with this key, or None."""
        made = await self._calls.refunds(payment_id)
        return next((one for one in made if one.metadata.get("idempotency_key") == idempotency_key), None)

    async def _looked_at(self, payment_id: str) -> Intent:
        try:
            return await self._calls.retrieve(payment_id)
        except PaymentRefusedError as error:
            raise PaymentUnknownError("Stripe refuses to show the payment", details=error.details) from error


def _is_replayed(error: ShowdropError) -> bool:
    """Tell whether Stripe repeated a stored answer: what it tells of is over."""
    return error.details.get("replayed") is True


def _fresh(key: str) -> str:
    return f"{key}:{new_ulid()}"


def _told(intent: Intent) -> PaymentResult:
    try:
        return result_of(intent)
    except InvalidError as error:
        _log.error("stripe_amount_unreadable", payment_id=intent.id, error=error.message)
        raise PaymentUnknownError(f"the amount of payment {intent.id} cannot be read") from error


def _counted(amount: Money) -> int:
    try:
        return to_provider(STRIPE_UNITS, amount)
    except InvalidError as error:
        raise PaymentRefusedError(error.message) from error


def _check_addresses(api_url: str, return_url: str) -> None:
    for name, url in (("API", api_url), ("return page", return_url)):
        if not _is_safe(url):
            raise SettingError(f"the address of Stripe's {name} must begin with https://")
    if urlsplit(api_url).path not in {"", "/"}:
        raise SettingError("the address of Stripe's API has no path")


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    is_local = parts.scheme == "http" and parts.hostname in _LOOPBACK
    return bool(parts.hostname) and not parts.username and (parts.scheme == "https" or is_local)
