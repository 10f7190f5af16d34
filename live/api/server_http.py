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
from live.api.answers import NoSuchMethodError
from live.api.edge_http import Edge
from live.api.endpoint import Endpoint
from live.api.endpoint_http import Endpoints, error_response
from live.api.idempotency_pg import Idempotency
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
) -> Starlette:
    """Return the application; it opens and closes nothing.

    Args:
        declared: what it serves. A path that could be taken for another comes first.
        tokens: verifies bearers.
        idempotency: remembers the answers to POSTs.
        registry: gets the counters of requests.
        origins: browser origins besides its own pages that may call it.
        pages: further routes.
    """
    middleware = [Middleware(Edge, registry=registry)]
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
    app = Starlette(
        routes=[*Endpoints(tokens, idempotency).routes(declared), *pages],
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
