"""The layer that counts requests by address, as plain ASGI: before a token is looked at or a body is read."""

import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, Counter
from starlette.types import ASGIApp, Receive, Scope, Send

from kit.errors import RateLimitedError
from kit.settings import Network
from live.api.endpoint_http import error_response
from live.api.request_rates import UNLIMITED, RequestRates
from live.handshake import client_network

NO_ADDRESS: Final = "none"
"""What requests over a Unix socket are counted under."""


class AddressLimit:
    """ASGI middleware that answers 429 to an address that asks too much.

    Args:
        app: what it wraps.
        rates: counts.
        proxies: networks whose ``X-Forwarded-For`` is believed.
        registry: gets the count of refusals.
        now: seconds of a monotonic clock.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        rates: RequestRates,
        proxies: tuple[Network, ...],
        registry: CollectorRegistry,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._rates = rates
        self._proxies = proxies
        self._now = now
        self._refused = Counter(
            "showdrop_http_address_limited", "HTTP requests answered 429 for their address", registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; only HTTP requests are counted."""
        if scope["type"] == "http" and scope["path"] not in UNLIMITED:
            try:
                self._rates.take_of_address(self._network(scope), self._now())
            except RateLimitedError as error:
                self._refused.inc()
                await error_response(error)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _network(self, scope: Scope) -> str:
        client = scope.get("client")
        if client is None:
            return NO_ADDRESS
        peer: str = client[0]
        if self._proxies:
            forwarded = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
            return client_network(peer, forwarded, self._proxies)
        # Nothing to parse in what the kernel wrote, but for IPv6.
        return client_network(peer, (), ()) if ":" in peer else peer
