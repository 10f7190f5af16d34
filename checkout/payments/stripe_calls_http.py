"""The calls to Stripe that we make, over its official library: paced, with a time limit, and with errors of ours.

=======================================  ==========================================================================
what comes back                          what a caller gets
=======================================  ==========================================================================
402                                      ``CardDeclinedError``, a ``PaymentRefusedError``
400, 404                                 ``PaymentRefusedError``; ``details["code"]`` is Stripe's
429                                      the call again, slower; after some tries ``PaymentUnknownError``
401, 403                                 ``PaymentUnknownError`` and a line in the log: our key is wrong, orders wait
409, 5xx, no answer, an odd answer       ``PaymentUnknownError``
an idempotency key with other contents   ``PaymentUnknownError``: something was asked for under it before
=======================================  ==========================================================================

``details["replayed"]`` is true where Stripe repeated a stored answer instead of trying again. No error and no log line
holds the key, a card's token, or what a buyer wrote.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Final, TypeVar, cast

import httpx
import msgspec
import stripe

from checkout.limits import (
    RATE_LIMITED_PAUSE_S,
    RATE_LIMITED_TRIES,
    RETRY_AFTER_MOST_S,
    STRIPE_ANSWER_TIMEOUT_S,
    STRIPE_CONNECT_TIMEOUT_S,
    STRIPE_MAX_CONNECTIONS,
    STRIPE_PAGE_INTENTS,
    STRIPE_REFUNDS_MOST,
)
from checkout.payments.pace import PacedCalls
from checkout.payments.provider import Declined, PaymentRefusedError, PaymentUnknownError
from checkout.payments.stripe_answers import Intent, declined_body, read_intent
from kit.errors import InvalidError
from kit.log import logger

if TYPE_CHECKING:
    from stripe.params import PaymentIntentCreateParams, PaymentIntentListParams

Answer = TypeVar("Answer")

_REPLAYED: Final = "idempotent-replayed"
_log = logger("stripe")


class CardDeclinedError(PaymentRefusedError):
    """The bank says no; ``declined`` tells why."""

    def __init__(self, declined: Declined, details: Mapping[str, object]) -> None:
        super().__init__("the bank declines the payment", details=details)
        self.declined = declined


class Page(msgspec.Struct, frozen=True):
    """A part of a list of payments, newest first."""

    intents: list[Intent]
    has_more: bool


class RefundRecord(msgspec.Struct, frozen=True):
    """A refund as Stripe has it."""

    status: str | None = None
    metadata: dict[str, str] = {}

    @property
    def is_lost(self) -> bool:
        """It came to nothing."""
        return self.status in {"failed", "canceled"}


class StripeCalls:
    """One Stripe account.

    Args:
        api_key: secret or restricted; it goes nowhere but into the ``Authorization`` header.
        api_url: where the API is, without a path.
        per_s: calls a second for each endpoint.
    """

    def __init__(self, *, api_key: str, api_url: str, per_s: float) -> None:
        self._http = _Http()
        # Repeating is the worker's: it knows how much time there is, and what to ask first.
        client = stripe.StripeClient(
            api_key, base_addresses={"api": api_url}, http_client=self._http, max_network_retries=0
        )
        self._intents = client.v1.payment_intents
        self._refunds = client.v1.refunds
        self._paced = PacedCalls(per_s)

    async def create(self, parameters: Mapping[str, object], key: str) -> tuple[Intent, bool]:
        """Make and confirm a payment; tells whether the answer is a stored one, which may be out of date.

        Raises:
            CardDeclinedError: the bank says no.
        """
        asked = cast("PaymentIntentCreateParams", parameters)
        answer = await self._ask("create", lambda: self._intents.create_async(asked, {"idempotency_key": key}))
        told = answer.last_response
        return _intent(answer), told is not None and _is_replayed(told.headers)

    async def retrieve(self, payment_id: str) -> Intent:
        """Return a payment as it is now."""
        return _intent(await self._ask("retrieve", lambda: self._intents.retrieve_async(payment_id)))

    async def list_page(self, *, since_s: int | None, after: str | None) -> Page:
        """Return payments made since that second, newest first; what was just made is in it.

        Args:
            since_s: seconds since the epoch; None for all there are.
            after: the last payment of the page before.
        """
        asked: PaymentIntentListParams = {"limit": STRIPE_PAGE_INTENTS}
        if since_s is not None:
            asked["created"] = {"gte": since_s}
        if after is not None:
            asked["starting_after"] = after
        answer = await self._ask("list", lambda: self._intents.list_async(asked))
        return Page([_intent(one) for one in answer.data], answer.has_more)

    async def search(self, key: str) -> list[Intent]:
        """Return payments with this idempotency key in their metadata; new ones only after a while."""
        quoted = key.replace("\\", "\\\\").replace("'", "\\'")
        query = f"metadata['idempotency_key']:'{quoted}'"
        answer = await self._ask("search", lambda: self._intents.search_async({"query": query}))
        return [_intent(one) for one in answer.data]

    async def capture(self, payment_id: str, amount: int, key: str) -> Intent:
        """Take reserved money, all that is taken of it."""
        return _intent(
            await self._ask(
                "capture",
                lambda: self._intents.capture_async(
                    payment_id, {"amount_to_capture": amount}, {"idempotency_key": key}
                ),
            )
        )

    async def cancel(self, payment_id: str, key: str) -> Intent:
        """Let reserved or pending money go."""
        return _intent(
            await self._ask("cancel", lambda: self._intents.cancel_async(payment_id, options={"idempotency_key": key}))
        )

    async def refund(self, payment_id: str, amount: int, key: str, *, of: str | None = None) -> RefundRecord:
        """Give money back; the key stands in the refund as well, or the one ``of`` which this is another try."""
        return _refund(
            await self._ask(
                "refund",
                lambda: self._refunds.create_async(
                    {"payment_intent": payment_id, "amount": amount, "metadata": {"idempotency_key": of or key}},
                    {"idempotency_key": key},
                ),
            )
        )

    async def refunds(self, payment_id: str) -> list[RefundRecord]:
        """Return a payment's newest refunds."""
        answer = await self._ask(
            "refunds",
            lambda: self._refunds.list_async({"payment_intent": payment_id, "limit": STRIPE_REFUNDS_MOST}),
        )
        return [_refund(one) for one in answer.data]

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()

    async def _ask(self, endpoint: str, call: Callable[[], Awaitable[Answer]]) -> Answer:
        for _ in range(RATE_LIMITED_TRIES):
            await self._paced.turn(endpoint)
            try:
                return await call()
            except stripe.RateLimitError as error:
                pause_s = _pause_s(error)
                _log.warning("stripe_rate_limit", endpoint=endpoint, pause_s=pause_s)
                self._paced.slow_down(endpoint, pause_s)
            except stripe.CardError as error:
                raise CardDeclinedError(declined_body(error.json_body), _known(error)) from error
            except stripe.InvalidRequestError as error:
                told = _known(error) | {"param": error.param}
                raise PaymentRefusedError(f"Stripe refuses: {error.code}", details=told) from error
            except (stripe.AuthenticationError, stripe.PermissionError) as error:
                _log.error("stripe_refuses_our_key", endpoint=endpoint, **_known(error))
                # Not chained: Stripe's message quotes a part of the key.
                raise PaymentUnknownError("Stripe refuses our API key") from None
            except stripe.StripeError as error:
                raise PaymentUnknownError("Stripe gave no usable answer", details=_known(error)) from error
        raise PaymentUnknownError("Stripe takes no more requests now")


class _Http(stripe.HTTPClient):
    """Stripe's library over httpx with our limits: its own client sets none, and hands bodies over as httpx 1 won't."""

    name = "httpx"

    def __init__(self) -> None:
        super().__init__()
        self._client = httpx.AsyncClient(
            timeout=httpx.Timeout(STRIPE_ANSWER_TIMEOUT_S, connect=STRIPE_CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=STRIPE_MAX_CONNECTIONS),
        )

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: str | None = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send one request.

        Raises:
            PaymentUnknownError: no answer came, or not in time.
        """
        try:
            async with asyncio.timeout(STRIPE_ANSWER_TIMEOUT_S):  # httpx counts the silence, not the whole
                answer = await self._client.request(method, url, headers=headers, content=post_data)
        except (httpx.HTTPError, TimeoutError) as error:
            raise PaymentUnknownError(f"Stripe does not answer: {type(error).__name__}") from error
        return answer.content, answer.status_code, answer.headers

    async def close_async(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _intent(answer: stripe.PaymentIntent) -> Intent:
    try:
        return read_intent(answer.to_dict())
    except InvalidError as error:
        raise PaymentUnknownError("Stripe's answer cannot be read") from error


def _refund(answer: stripe.Refund) -> RefundRecord:
    try:
        return msgspec.convert(answer.to_dict(), RefundRecord)
    except msgspec.ValidationError as error:
        raise PaymentUnknownError("Stripe's answer cannot be read") from error


def _known(error: stripe.StripeError) -> dict[str, object]:
    """What may be told of an error: its message may quote what was sent."""
    return {
        "status": error.http_status,
        "code": error.code,
        "request_id": error.request_id,
        "replayed": _is_replayed(error.headers or {}),
    }


def _is_replayed(headers: Mapping[str, str]) -> bool:
    return headers.get(_REPLAYED) == "true"


def _pause_s(error: stripe.RateLimitError) -> float:
    told = (error.headers or {}).get("retry-after", "")
    if not (told.isascii() and told.isdigit()):
        return RATE_LIMITED_PAUSE_S
    return min(float(told), RETRY_AFTER_MOST_S)
