"""Calls to Daraja: the access token, the pace, and what a failed call leaves known.

Daraja has no idempotency keys. So a call that may have been heard is never repeated in here; one that certainly was
not raises ``NotSentError``, and the caller may try it again.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import httpx
import msgspec

from checkout.limits import (
    MPESA_ANSWER_MAX_BYTES,
    MPESA_CONNECTIONS,
    MPESA_PUSH_TIMEOUT_S,
    MPESA_TIMEOUT_S,
    MPESA_TOKEN_MARGIN_S,
    RATE_LIMITED_PAUSE_S,
)
from checkout.payments.mpesa_answers import Acceptance, PushResult, is_bad_token, read_acceptance, read_push_result
from checkout.payments.mpesa_terms import password, timestamp
from checkout.payments.pace import PacedCalls
from checkout.payments.provider import PaymentUnknownError
from kit.clock import now_ms
from kit.errors import UnavailableError
from kit.log import logger

_log = logger("mpesa")

_PUSH: Final = "/mpesa/stkpush/v1/processrequest"
_PUSH_RESULT: Final = "/mpesa/stkpushquery/v1/query"
_REVERSE: Final = "/mpesa/reversal/v1/request"
_LOOK_UP: Final = "/mpesa/transactionstatus/v1/query"
_ORGANISATION: Final = "4"
_REVERSAL_RECEIVER: Final = "11"
_DESCRIPTION: Final = "Showdrop"
_REFERENCE_CHARS: Final = 12
# The connection was never made, so nothing can have been heard.
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)

_Body = dict[str, str | int]


class NotSentError(UnavailableError):
    """Daraja certainly did nothing; the same call may be made again."""

    default_code = "payment_not_sent"


class DarajaAccount:
    """Who we are to Daraja. Not a Struct, so that no log or trace can print its secrets.

    Args:
        consumer_key: of the app; with ``consumer_secret`` it buys access tokens.
        consumer_secret: see above.
        shortcode: the pay bill number that the money goes to.
        passkey: of the shortcode, for pushes.
        initiator: the operator that reverses and looks up; needs the roles for both.
        security_credential: its password, encrypted with Safaricom's certificate, as the portal makes it.
    """

    def __init__(
        self,
        *,
        consumer_key: str,
        consumer_secret: str,
        shortcode: str,
        passkey: str,
        initiator: str,
        security_credential: str,
    ) -> None:
        self.consumer_key = consumer_key
        self.consumer_secret = consumer_secret
        self.shortcode = shortcode
        self.passkey = passkey
        self.initiator = initiator
        self.security_credential = security_credential


class Daraja:
    """A client of one account, shared by everything that calls Daraja in this process.

    Args:
        account: who we are.
        api_url: ``https://api.safaricom.co.ke``, or the sandbox.
        per_s: calls a second to each path; Safaricom does not publish its limits.
        clock_ms: the wall clock, for the timestamps that Daraja wants.
    """

    def __init__(
        self, account: DarajaAccount, *, api_url: str, per_s: float, clock_ms: Callable[[], int] = now_ms
    ) -> None:
        self._account = account
        self._clock_ms = clock_ms
        self._client = httpx.AsyncClient(
            base_url=api_url,
            timeout=MPESA_TIMEOUT_S,
            limits=httpx.Limits(max_connections=MPESA_CONNECTIONS),
            follow_redirects=False,
        )
        # A line per path: questions about a thousand open prompts do not keep the next buyer from being asked.
        self._paced = PacedCalls(per_s)
        self._renewing = asyncio.Lock()
        self._bearer = ""
        self._bearer_until_s = 0.0

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def ready_to_push(self) -> None:
        """Wait for a turn and for an access token, so that the push that follows leaves at once.

        Raises:
            UnavailableError: there is no turn soon, or no token; nothing was sent.
        """
        await self._paced.turn(_PUSH)
        await self._token()

    async def ready_to_reverse(self) -> None:
        """The same for a reversal."""
        await self._paced.turn(_REVERSE)
        await self._token()

    async def push(self, *, phone: str, shillings: int, order_id: str, callback_url: str) -> Acceptance:
        """Ask a phone for money. Call ``ready_to_push`` first.

        Returns:
            ``accepted`` with the ``CheckoutRequestID`` as reference, or ``refused``.

        Raises:
            NotSentError: nothing was asked.
            PaymentUnknownError: the phone may have been asked.
        """
        body = self._signed() | {
            "TransactionType": "CustomerPayBillOnline",
            "Amount": shillings,
            "PartyA": phone,
            "PartyB": self._account.shortcode,
            "PhoneNumber": phone,
            "CallBackURL": callback_url,
            "AccountReference": order_id[-_REFERENCE_CHARS:],
            "TransactionDesc": _DESCRIPTION,
        }
        return await self._accept(_PUSH, body, "CheckoutRequestID")

    async def push_result(self, checkout_request_id: str) -> PushResult:
        """Ask what became of a push.

        Raises:
            UnavailableError, PaymentUnknownError: no answer.
        """
        await self._paced.turn(_PUSH_RESULT)
        body = self._signed() | {"CheckoutRequestID": checkout_request_id}
        _, answer = await self._post(_PUSH_RESULT, body, timeout_s=MPESA_TIMEOUT_S)
        return read_push_result(answer, checkout_request_id)

    async def reverse(
        self, *, receipt: str, shillings: int, order_id: str, result_url: str, late_url: str
    ) -> Acceptance:
        """Ask for a reversal; its outcome is posted to ``result_url``. Call ``ready_to_reverse`` first.

        Raises:
            NotSentError: nothing was asked.
            PaymentUnknownError: it may have been.
        """
        body = self._initiated("TransactionReversal", order_id, result_url, late_url) | {
            "TransactionID": receipt,
            "Amount": shillings,
            "ReceiverParty": self._account.shortcode,
            "RecieverIdentifierType": _REVERSAL_RECEIVER,  # Daraja's own spelling
        }
        return await self._accept(_REVERSE, body, "OriginatorConversationID")

    async def look_up(self, *, subject: dict[str, str], order_id: str, result_url: str, late_url: str) -> Acceptance:
        """Ask about a transaction; the answer is posted to ``result_url``.

        Args:
            subject: ``TransactionID``, or ``OriginalConversationID`` where that is not known.
            order_id: for Safaricom's books.
            result_url: where the answer goes.
            late_url: where word goes that there will be none.

        Raises:
            UnavailableError, PaymentUnknownError: it may not have been asked; asking again does no harm.
        """
        await self._paced.turn(_LOOK_UP)
        body = self._initiated("TransactionStatusQuery", order_id, result_url, late_url) | {
            "PartyA": self._account.shortcode,
            "IdentifierType": _ORGANISATION,
            **subject,
        }
        return await self._accept(_LOOK_UP, body, "OriginatorConversationID")

    def _signed(self) -> _Body:
        at = timestamp(self._clock_ms())
        return {
            "BusinessShortCode": self._account.shortcode,
            "Password": password(self._account.shortcode, self._account.passkey, at),
            "Timestamp": at,
        }

    def _initiated(self, command: str, order_id: str, result_url: str, late_url: str) -> _Body:
        return {
            "Initiator": self._account.initiator,
            "SecurityCredential": self._account.security_credential,
            "CommandID": command,
            "ResultURL": result_url,
            "QueueTimeOutURL": late_url,
            "Remarks": order_id,
            "Occasion": _DESCRIPTION,
        }

    async def _accept(self, path: str, body: _Body, id_field: str) -> Acceptance:
        status, answer = await self._post(path, body, timeout_s=MPESA_PUSH_TIMEOUT_S)
        acceptance = read_acceptance(status, answer, id_field)
        if acceptance.state == "not_sent":
            self._paced.slow_down(path, RATE_LIMITED_PAUSE_S)
            raise NotSentError(f"Daraja takes no requests at the moment: it answered with {status}")
        if acceptance.state == "unknown":
            raise PaymentUnknownError(f"Daraja answered with {status}, which does not tell what it did")
        if acceptance.state == "refused":
            _log.warning("daraja_refused", path=path, status=status, error=str(answer.get("errorCode", ""))[:32])
        return acceptance

    async def _token(self) -> str:
        async with self._renewing:
            if not self._bearer or asyncio.get_running_loop().time() >= self._bearer_until_s:
                await self._renew()
            return self._bearer

    async def _renew(self) -> None:
        request = self._client.build_request("GET", "/oauth/v1/generate", params={"grant_type": "client_credentials"})
        auth = httpx.BasicAuth(self._account.consumer_key, self._account.consumer_secret)
        try:
            async with asyncio.timeout(MPESA_TIMEOUT_S):
                status, answer = await self._send(request, auth=auth)
        except (httpx.HTTPError, TimeoutError) as error:
            raise NotSentError(f"Daraja gives no access token: {type(error).__name__}") from error
        token = answer.get("access_token")
        if status != 200 or not isinstance(token, str) or not token.isascii() or not token.isprintable():
            _log.error("daraja_gives_no_token", status=status)
            raise NotSentError(f"Daraja gives no access token: it answered with {status}")
        self._bearer = token
        self._bearer_until_s = asyncio.get_running_loop().time() + _lifetime_s(answer) - MPESA_TOKEN_MARGIN_S

    async def _post(self, path: str, body: _Body, *, timeout_s: float) -> tuple[int, dict[str, Any]]:
        token = await self._token()
        status, answer = await self._post_once(path, body, token, timeout_s)
        if not is_bad_token(status, answer):
            return status, answer
        # Turned away at the door: nothing was done, so it may be said again with a new token.
        if self._bearer == token:
            self._bearer = ""
        return await self._post_once(path, body, await self._token(), timeout_s)

    async def _post_once(self, path: str, body: _Body, token: str, timeout_s: float) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {token}"}
        request = self._client.build_request("POST", path, json=body, headers=headers, timeout=timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._send(request)
        except _NEVER_SENT as error:
            raise NotSentError(f"Daraja cannot be reached: {type(error).__name__}") from error
        except (httpx.HTTPError, TimeoutError) as error:
            raise PaymentUnknownError(f"Daraja's answer was lost: {type(error).__name__}") from error

    async def _send(self, request: httpx.Request, auth: httpx.Auth | None = None) -> tuple[int, dict[str, Any]]:
        """Return the status and the body; an empty one when it is too long or no JSON object."""
        response = await self._client.send(request, stream=True, auth=auth)
        try:
            body = bytearray()
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MPESA_ANSWER_MAX_BYTES:
                    return response.status_code, {}
        finally:
            await response.aclose()
        try:
            return response.status_code, msgspec.json.decode(bytes(body), type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return response.status_code, {}


def _lifetime_s(answer: dict[str, Any]) -> float:
    """Return how long a token lives; a number, or text that is one. One that does not say is used once."""
    try:
        return float(answer.get("expires_in", 0))
    except (TypeError, ValueError):
        return 0.0
