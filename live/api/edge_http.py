"""The outermost layer, as plain ASGI: request ids, security headers, metrics, and the last net for failures."""

import time
from collections.abc import Mapping
from typing import Final

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from kit.errors import UnavailableError
from kit.ids import new_ulid
from kit.log import logger
from live.api.answers import ErrorAnswer, ErrorBody
from live.api.edge import IDS_KEY, ROUTE_KEY, usable_request_id

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "DELETE", "OPTIONS"})
_log = logger("http")


class Edge:
    """ASGI middleware around everything.

    Args:
        app: what it wraps.
        headers: what every answer carries unless it says otherwise itself.
        registry: gets the counters and latencies by method, path template and status.
    """

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str], registry: CollectorRegistry) -> None:
        self._app = app
        self._headers = headers
        self._requests = Counter(
            "showdrop_http_requests", "HTTP requests answered", ["method", "route", "status"], registry=registry
        )
        self._seconds = Histogram(
            "showdrop_http_request_seconds", "Seconds from request to answer", ["method", "route"], registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection; only HTTP requests are touched."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = usable_request_id(Headers(scope=scope).get("x-request-id")) or new_ulid()
        started_s = time.perf_counter()
        status: int | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = int(message["status"])
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, send_with_headers)
            except ClientDisconnect:
                # Nobody is left to answer.
                return
            except Exception as error:
                asked = {"method": scope["method"], "route": scope.get(ROUTE_KEY), **scope.get(IDS_KEY, {})}
                if status is not None and isinstance(error, UnavailableError):
                    _log.warning("answer_broken_off", **asked, code=error.code, error=error.message)
                else:
                    _log.error("request_failed", **asked, exc_info=error)
                if status is not None:
                    # Half an answer is out: breaking the connection is the only way to say that it is not whole.
                    raise
                await _internal_error(request_id)(scope, receive, send_with_headers)
            finally:
                method = scope["method"] if scope["method"] in _METHODS else "other"
                route = str(scope.get(ROUTE_KEY, "other"))
                self._requests.labels(method, route, str(status or 499)).inc()
                self._seconds.labels(method, route).observe(time.perf_counter() - started_s)


def _internal_error(request_id: str) -> Response:
    answer = ErrorAnswer(
        error=ErrorBody(
            code="internal",
            message="something went wrong on our side; it is logged under this request id",
            temporary=True,
            details={"request_id": request_id},
        )
    )
    return Response(msgspec.json.encode(answer), status_code=500, media_type="application/json")
