"""Sending webhooks: one signed POST per try, to an address that was judged, and no slot that a dead one can keep."""

import asyncio
import contextlib
import random
import ssl
import time
from collections import Counter, OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import httpx

from checkout.webhooks.deliveries_pg import HookDeliveries
from checkout.webhooks.endpoint import Due, ErrorWord, Outcome, Tried, error_of_status, next_step
from checkout.webhooks.limits import (
    CLIENTS_MOST,
    ENDPOINT_IN_FLIGHT,
    IN_FLIGHT,
    RECORD_MOST_ATTEMPTS,
    RESPONSE_BYTES,
    RESPONSE_TIMEOUT_S,
    TIMEOUT_S,
)
from checkout.webhooks.signing import EndpointSecrets
from kit.address_lookup import Addresses, NoAddressError
from kit.batch import Batcher
from kit.clock import now_ms
from kit.guarded_post_http import guarded_post
from kit.retry_after import retry_after_ms

_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=ENDPOINT_IN_FLIGHT, keepalive_expiry=30)


class HookCaller:
    """Makes calls. Redirects are not followed, nothing is remembered of an answer, proxies are not asked.

    Args:
        addresses: finds and judges where a host is.
        secrets: signs.
        timeout_s: from the look-up of the name to the head of the answer.
    """

    def __init__(self, addresses: Addresses, secrets: EndpointSecrets, *, timeout_s: float = TIMEOUT_S) -> None:
        self._addresses = addresses
        self._secrets = secrets
        self._timeout_s = timeout_s
        # By host: a connection that was made for one name must not be used for another at the same address.
        self._transports: OrderedDict[str, httpx.AsyncHTTPTransport] = OrderedDict()
        self._tls: ssl.SSLContext | None = None

    async def call(self, due: Due) -> Outcome:
        """Send a delivery once and return how that ended; never raises for what the other side does."""
        started_at_ms, began = now_ms(), time.perf_counter()
        status: int | None = None
        error: ErrorWord | None = None
        response, asked_ms = "", None
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._post(due)
        except TimeoutError:
            error = "timeout"
        except NoAddressError as refused:
            error = refused.word
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, OSError) as failed:  # UnicodeError: no name of IDNA
            error = _word_of(failed)
        else:
            status, error = answer.status_code, error_of_status(answer.status_code)
            asked_ms = retry_after_ms(answer.headers.get("retry-after", ""), now_ms())
            response = await _beginning(answer)
        return Outcome(
            started_at_ms=started_at_ms,
            duration_ms=round((time.perf_counter() - began) * 1000),
            status=status,
            error=error,
            response=response,
            retry_after_ms=asked_ms,
        )

    async def close(self) -> None:
        """Close every connection."""
        while self._transports:
            await self._transports.popitem()[1].aclose()

    async def _post(self, due: Due) -> httpx.Response:
        url = httpx.URL(due.url)
        address = await self._addresses.find(due.url)
        transport = await self._transport(f"{url.scheme}://{url.netloc.decode('ascii')}")
        signed = self._secrets.headers(due.endpoint_id, due.salts, due.message_id, due.body, datetime.now(UTC))
        headers = {"user-agent": "showdrop", "content-type": "application/json", **signed}
        return await guarded_post(transport, due.url, address, due.body.encode(), headers)

    async def _transport(self, host: str) -> httpx.AsyncHTTPTransport:
        transport = self._transports.get(host)
        if transport is None:
            # Shared, because reading the certificates takes longer than a call.
            self._tls = self._tls or httpx.create_ssl_context()
            transport = httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False, limits=_LIMITS)
            self._transports[host] = transport
        self._transports.move_to_end(host)
        if len(self._transports) > CLIENTS_MOST:
            await self._transports.popitem(last=False)[1].aclose()
        return transport


class HookSender:
    """Takes deliveries, sends them, writes down how it went; its ``take`` and ``handle`` run in a ``RowLoop``.

    Args:
        on_room: called when an endpoint that was at its limit has room again.
        on_tried: called with every try that was written down.
    """

    def __init__(
        self,
        deliveries: HookDeliveries,
        caller: HookCaller,
        *,
        on_room: Callable[[], None] = lambda: None,
        on_tried: Callable[[Tried], None] = lambda _: None,
    ) -> None:
        self._deliveries = deliveries
        self._caller = caller
        self._on_room = on_room
        self._on_tried = on_tried
        self._calls: Counter[str] = Counter()
        self._full: set[str] = set()
        self._taking = False
        self._tried: Batcher[Tried, None] = Batcher(
            deliveries.record, max_batch=RECORD_MOST_ATTEMPTS, max_queued=2 * IN_FLIGHT
        )

    async def take(self, limit: int) -> list[Due]:
        """Take due deliveries of endpoints that have room."""
        self._taking = True
        try:
            taken = await self._deliveries.take(limit, self._calls)
        finally:
            self._taking = False
        of_each = Counter(one.endpoint_id for one in taken)
        self._calls.update(of_each)
        self._full.update(one.endpoint_id for one in taken if of_each[one.endpoint_id] >= one.room)
        return taken

    async def handle(self, due: Due) -> None:
        """Send one delivery and write down the outcome.

        Raises:
            UnavailableError: the outcome could not be written; the lease brings the delivery back.
        """
        try:
            outcome = await self._caller.call(due)
            step = next_step(outcome, due.attempts, random.random())  # noqa: S311 - jitter, not a secret
            tried = Tried(due=due, outcome=outcome, step=step)
            await self._tried.submit(tried)
            self._on_tried(tried)
        finally:
            self._ended(due.endpoint_id)

    async def close(self) -> None:
        """Write what came, then close the connections; called after the loop is closed."""
        await self._tried.close()
        await self._caller.close()

    def _ended(self, endpoint_id: str) -> None:
        self._calls[endpoint_id] -= 1
        if not self._calls[endpoint_id]:
            del self._calls[endpoint_id]
        # A take that is under way does not know of this end yet.
        if self._taking or endpoint_id in self._full:
            self._full.discard(endpoint_id)
            self._on_room()


async def _beginning(answer: httpx.Response) -> str:
    """Return the first bytes of an answer's body as text, and let the rest go."""
    got = b""
    try:
        with contextlib.suppress(TimeoutError, httpx.HTTPError, OSError):
            async with asyncio.timeout(RESPONSE_TIMEOUT_S):
                async for chunk in answer.aiter_raw():
                    got += chunk
                    if len(got) >= RESPONSE_BYTES:
                        break
    finally:
        await answer.aclose()
    # Postgres keeps no zero bytes.
    return got[:RESPONSE_BYTES].decode(errors="replace").replace("\0", "")


def _word_of(error: BaseException) -> ErrorWord:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        cause = cause.__cause__ or cause.__context__
    return "no_answer"
