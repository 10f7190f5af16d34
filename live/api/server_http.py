"""One Starlette application out of declared endpoints: routing, the edge, and refusals in one shape."""

from collections.abc import Sequence
from typing import Final

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import BaseRoute

from kit.errors import NotFoundError, RequestError
from kit.settings import Network
from live.api.answers import NoSuchMethodError
from live.api.edge import security_headers
from live.api.edge_http import Edge
from live.api.endpoint import Endpoint
from live.api.endpoint_http import Endpoints, error_response
from live.api.idempotency_pg import Idempotency
from live.api.request_rates import RequestRates
from live.api.request_rates_http import AddressLimit
from live.tokens import Tokens

CORS_HEADERS: Final = ("Authorization", "Content-Type", "Idempotency-Key", "X-Request-ID")
CORS_ANSWER_HEADERS: Final = ("Retry-After", "X-Request-ID", "Idempotent-Replayed")


def build_server(
    declared: Sequence[Endpoint],
    *,
    tokens: Tokens,
    idempotency: Idempotency,
    registry: CollectorRegistry,
    origins: Sequence[str] = (),
    pages: Sequence[BaseRoute] = (),
    rates: RequestRates | None = None,
    proxies: tuple[Network, ...] = (),
    ws_url: str = "ws://127.0.0.1:8001",
) -> Starlette:
    """Return the application; it opens and closes nothing.

    Args:
        declared: what it serves. A path that could be taken for another comes first.
        tokens: verifies bearers.
        idempotency: remembers the answers to POSTs.
        registry: gets the counters of requests.
        origins: browser origins besides its own pages that may call it.
        pages: further routes.
        rates: how much one address and one bearer may ask; None for no limit.
        proxies: networks whose ``X-Forwarded-For`` is believed.
        ws_url: where the pages may connect to besides here.
    """
    middleware = [Middleware(Edge, headers=security_headers(ws_url), registry=registry)]
    if origins:
        middleware.append(
            Middleware(
                CORSMiddleware,
                allow_origins=origins,
                allow_methods=("GET", "POST", "DELETE"),
                allow_headers=CORS_HEADERS,
                expose_headers=CORS_ANSWER_HEADERS,
            )
        )
    if rates is not None and rates.counts_addresses:
        # Inside of CORS: a page of another origin can read that it has to wait.
        middleware.append(Middleware(AddressLimit, rates=rates, proxies=proxies, registry=registry))
    app = Starlette(
        routes=[*Endpoints(tokens, idempotency, rates).routes(declared), *pages],
        middleware=middleware,
        exception_handlers={HTTPException: _framework_error},
    )
    # `/v1/shows/` is not `/v1/shows`: it is answered with 404, not sent elsewhere.
    app.router.redirect_slashes = False
    return app


def _framework_error(_request: HttpRequest, error: Exception) -> Response:
    """Answer what Starlette itself refuses (no such path, page or method) in the shape of all errors."""
    refused = error if isinstance(error, HTTPException) else HTTPException(404)
    ours: RequestError = (
        NoSuchMethodError("this path does not take this method")
        if refused.status_code == 405
        else NotFoundError("there is nothing under this path; /docs lists the calls")
    )
    response = error_response(ours)
    response.headers.update(refused.headers or {})
    return response
