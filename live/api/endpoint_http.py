"""Serving declared endpoints over Starlette: who calls, what they send, what they get back.

The order of the checks: path and method, token, how often its bearer comes, role, query, body, Idempotency-Key, then
the handler.
"""

import hashlib
import re
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from kit.errors import NotFoundError, ShowdropError, UnauthorisedError
from kit.ids import new_ulid
from kit.log import about
from live.api.answers import NoSuchMethodError, answer_of, headers_of, status_of
from live.api.body_http import decode_json, decode_query, read_body, spool_body
from live.api.edge import IDS_KEY, ROUTE_KEY, ids_in
from live.api.endpoint import Answer, Asked, Bytes, Call, Chunks, Endpoint, authorise
from live.api.idempotency_pg import Idempotency, Reply, check_key, request_hash
from live.api.request_rates import RequestRates
from live.tokens import Identity, Tokens

JSON = "application/json"
_BEARER = re.compile(r"bearer +(\S+) *", re.IGNORECASE)
# Every id of ours and of a provider is like this; anything else names nothing, and must not reach a driver.
_PATH_VALUE = re.compile(r"[!-~]{1,128}")


class Endpoints:
    """Serves endpoints: decodes, authorises, remembers, answers.

    Args:
        tokens: verifies bearers.
        idempotency: remembers the answers to POSTs with an Idempotency-Key.
        rates: how much one bearer may ask; None for no limit.
    """

    def __init__(self, tokens: Tokens, idempotency: Idempotency, rates: RequestRates | None = None) -> None:
        self._tokens = tokens
        self._idempotency = idempotency
        self._rates = rates

    def routes(self, declared: Sequence[Endpoint]) -> list[Route]:
        """Return one route per path, in the order in which the paths are first declared."""
        by_path: dict[str, dict[str, Endpoint]] = {}
        for one in declared:
            by_path.setdefault(one.path, {})[one.method] = one
        return [Route(path, _Path(self, methods)) for path, methods in by_path.items()]

    async def answer(self, declared: Endpoint, request: HttpRequest) -> Response:
        """Serve one request.

        Raises:
            ShowdropError: it was refused.
        """
        if any(_PATH_VALUE.fullmatch(value) is None for value in request.path_params.values()):
            raise NotFoundError("there is no such thing")
        identity = self._identify(declared, request)
        query = decode_query(request, declared.query)
        key = request.headers.get("idempotency-key") if declared.method == "POST" else None
        if key is not None:
            check_key(key)
        raw, file, digest = b"", None, b""
        if declared.body_kind == "file":
            file, digest = await spool_body(request, declared.body_limit)
        elif declared.body_kind != "none":
            raw = await read_body(request, declared.body_limit)
            digest = hashlib.sha256(raw).digest()
        try:
            body = decode_json(raw, declared.body) if declared.body_kind == "json" else declared.body()
            asked = Asked(
                identity=identity,
                path=request.path_params,
                query=request.query_params,
                headers=request.headers,
                seed=new_ulid(),
                raw=raw if declared.body_kind == "raw" else b"",
                file=file,
            )
            call = Call(asked=asked, body=body, query=query)
            if key is None or not declared.remember or identity is None:
                return await _response(declared, await declared.handle(call))
            return await self._remembered(declared, call, identity, key, request_hash("POST", request.url.path, digest))
        finally:
            if file is not None:
                file.close()

    async def _remembered(
        self, declared: Endpoint, call: Call[Any, Any], identity: Identity, key: str, hashed_request: bytes
    ) -> Response:
        async def act(seed: str) -> Reply:
            seeded = Call(asked=msgspec.structs.replace(call.asked, seed=seed), body=call.body, query=call.query)
            try:
                answer = await declared.handle(seeded)
            except ShowdropError as error:
                status = status_of(error)
                return Reply(
                    status=status,
                    body=msgspec.json.encode(answer_of(error)),
                    headers=headers_of(error),
                    final=status < 500 and not error.temporary,
                )
            if not isinstance(answer, msgspec.Struct):
                raise TypeError(f"{declared.name}: a POST that is remembered has to answer JSON")
            return Reply(status=declared.status, body=msgspec.json.encode(answer))

        # The role is part of the name: a buyer who is called like a member of staff shares nothing with them.
        reply = await self._idempotency.once(f"{identity.role}:{identity.subject}", key, hashed_request, act)
        replayed = {"idempotent-replayed": "true"} if reply.replayed else {}
        return Response(reply.body, status_code=reply.status, media_type=JSON, headers={**reply.headers, **replayed})

    def _identify(self, declared: Endpoint, request: HttpRequest) -> Identity | None:
        if declared.roles is None:
            return None
        header = request.headers.get("authorization")
        if header is None:
            raise UnauthorisedError("this call takes a token: send the header Authorization: Bearer <token>")
        match = _BEARER.fullmatch(header)
        if match is None:
            raise UnauthorisedError("the Authorization header has to be: Bearer <token>")
        identity = self._tokens.verify(match[1])
        if self._rates is not None:
            self._rates.take_of_bearer(identity.role, identity.subject, time.monotonic())
        authorise(declared, identity, request.path_params)
        return identity


class _Path:
    """The ASGI application of one path: picks the endpoint by method."""

    def __init__(self, endpoints: Endpoints, methods: dict[str, Endpoint]) -> None:
        self._endpoints = endpoints
        self._methods = methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = HttpRequest(scope, receive)
        declared = self._methods.get("GET" if request.method == "HEAD" else request.method)
        scope[ROUTE_KEY] = next(iter(self._methods.values())).path
        scope[IDS_KEY] = ids_in(request.path_params)
        try:
            if declared is None:
                raise NoSuchMethodError(f"this path takes {' and '.join(sorted(self._methods))}")
            with about(**scope[IDS_KEY]):
                response = await self._endpoints.answer(declared, request)
        except ShowdropError as error:
            response = error_response(error)
            if isinstance(error, NoSuchMethodError):
                response.headers["allow"] = ", ".join(sorted(self._methods))
        await response(scope, receive, send)


def error_response(error: ShowdropError) -> Response:
    """Return the answer that says an error."""
    return Response(
        msgspec.json.encode(answer_of(error)),
        status_code=status_of(error),
        media_type=JSON,
        headers=headers_of(error),
    )


async def _response(declared: Endpoint, answer: Answer) -> Response:
    match answer:
        case Bytes():
            return Response(answer.content, status_code=declared.status, media_type=answer.media_type)
        case Chunks():
            first = await anext(answer.content, b"")
            return _Stream(first, answer, declared.status)
        case _:
            return Response(msgspec.json.encode(answer), status_code=declared.status, media_type=JSON)


class _Stream(StreamingResponse):
    """Chunks whose source is closed at the end, also when the client goes away in the middle."""

    def __init__(self, first: bytes, answer: Chunks, status: int) -> None:
        self._content = answer.content
        super().__init__(
            self._all(first), status_code=status, media_type=answer.media_type, headers=dict(answer.headers)
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._content.aclose()

    async def _all(self, first: bytes) -> AsyncIterator[bytes]:
        yield first
        async for chunk in self._content:
            yield chunk
