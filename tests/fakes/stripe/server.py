"""A stateful Stripe on loopback, strict where Stripe is, and unreliable where a test wants it.

It checks the key, the form, every parameter, idempotency keys and the rate of calls, and sends signed webhooks.
"""

import asyncio
import contextlib
import random
import re
import socket
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Literal, Self

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.fakes.stripe.account import Account, Payment
from tests.fakes.stripe.failures import FakeStripeError
from tests.fakes.stripe.form import read, whole
from tests.fakes.stripe.keys import REPLAYED, Keys

API_KEY = "sk_test_a_key_that_must_stay_secret"
_QUERY = re.compile(r"metadata\['idempotency_key'\]:'([A-Za-z0-9_:]+)'")

Trouble = Literal["never_arrives", "lose_answer", "hang", "slow", "error_500", "error_500_applied", "garbage", "busy"]
"""``hang`` applies and never answers, ``slow`` begins when ``release`` is set; ``busy`` is a 429 whatever the rate."""

Done = tuple[int, bytes]


class CutResponse(Response):
    """Begins to answer and then closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI's signature
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]}
        await send(start)


class FakeStripe:
    """Use it as a context manager.

    Attributes:
        per_s: calls a second for each endpoint; more are answered 429.
        retry_after: stands in the 429s when it is set.
        calls: how often each endpoint was called, also when it refused.
        lie_by: what answers add to the money that was reserved or received.
        keys_seen: the idempotency keys of each endpoint, in order.
        answer_loss: the part of the POSTs that are done and whose answer is lost; ``dice`` decides which.
        answers_lost: how many were.
        more_routes: served beside the API.

    Args:
        api_key: the only one that is good.
    """

    def __init__(self, *, api_key: str = API_KEY) -> None:
        self._api_key = api_key
        self.account = Account()
        self.keys = Keys()
        self.url = ""
        self.per_s = 25
        self.retry_after: str | None = None
        self.lie_by = 0
        self.calls: defaultdict[str, int] = defaultdict(int)
        self.refused_as_too_many = 0
        self.keys_seen: defaultdict[str, list[str]] = defaultdict(list)
        self.release = asyncio.Event()
        self.answer_loss = 0.0
        self.answers_lost = 0
        self.dice = random.Random(0)
        self.more_routes: list[Route] = []
        self._troubles: defaultdict[str, deque[Trouble]] = defaultdict(deque)
        self._recent: defaultdict[str, deque[float]] = defaultdict(deque)
        self._open = contextlib.AsyncExitStack()

    def trouble(self, endpoint: str, *troubles: Trouble) -> None:
        """Let the next calls of an endpoint go wrong, one after the other."""
        self._troubles[endpoint].extend(troubles)

    async def __aenter__(self) -> Self:
        listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        await self._open.enter_async_context(served(self._app(), listening))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.release.set()
        await self._open.aclose()

    def _app(self) -> Starlette:
        v1 = "/v1/payment_intents"
        routes = [
            ("POST", v1, "create"),
            ("GET", v1, "list"),
            ("GET", f"{v1}/search", "search"),
            ("GET", f"{v1}/{{id}}", "retrieve"),
            ("POST", f"{v1}/{{id}}/capture", "capture"),
            ("POST", f"{v1}/{{id}}/cancel", "cancel"),
            ("POST", "/v1/refunds", "refund"),
            ("GET", "/v1/refunds", "refunds"),
        ]
        api = [Route(path, self._endpoint(name), methods=[method]) for method, path, name in routes]
        return Starlette(routes=[*api, *self.more_routes])

    def _endpoint(self, name: str) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            self.calls[name] += 1
            try:
                return await self._serve(name, request)
            except FakeStripeError as failure:
                headers = {"retry-after": self.retry_after} if failure.status == 429 and self.retry_after else {}
                return _json(failure.status, failure.body, headers)

        return endpoint

    def check_key(self, request: Request) -> None:
        if request.headers.get("authorization") != f"Bearer {self._api_key}":
            raise FakeStripeError(401, "invalid_request_error", message="Invalid API Key provided: sk_test_a***cret")

    def _by_chance(self, request: Request) -> Trouble | None:
        is_lost = request.method == "POST" and self.dice.random() < self.answer_loss
        return "lose_answer" if is_lost else None

    async def _serve(self, name: str, request: Request) -> Response:
        self.check_key(request)
        trouble = self._troubles[name].popleft() if self._troubles[name] else self._by_chance(request)
        self._count(name, is_busy=trouble == "busy")
        if trouble == "never_arrives":
            return CutResponse()
        encoded = (await request.body()).decode() if request.method == "POST" else request.url.query
        if request.method == "POST":
            _check_form(request)
            self.keys_seen[name].append(request.headers["idempotency-key"])
        status, body, replayed = await self._once(name, request, encoded, trouble)
        if trouble in {"lose_answer", "hang"}:
            if trouble == "hang":
                await self.release.wait()
            self.answers_lost += 1
            return CutResponse()
        if trouble == "garbage":
            return Response(b"<html>", status_code=200)
        return _json(status, body, REPLAYED if replayed else {})

    async def _once(
        self, name: str, request: Request, encoded: str, trouble: Trouble | None
    ) -> tuple[int, bytes, bool]:
        """Do what is asked for, or repeat what was answered; the last of the three tells which."""
        key = request.headers.get("idempotency-key") if request.method == "POST" else None
        stored = None if key is None else self.keys.begin(key, f"{request.url.path}?{encoded}")
        if stored is not None:
            return stored.status, stored.body, True
        try:
            if trouble == "slow":
                await self.release.wait()  # another request with the same key may come now
            _break_if(trouble == "error_500")
            status, body = self._do(name, request.path_params.get("id", ""), read(name, encoded))
            _break_if(trouble == "error_500_applied")
        except FakeStripeError as failure:
            if key is not None and not failure.is_stored:
                self.keys.give_up(key)
            elif key is not None:
                self.keys.store(key, failure.status, failure.body)
            raise
        if key is not None:
            self.keys.store(key, status, body)
        return status, body, False

    def _do(self, name: str, payment_id: str, given: dict[str, str]) -> Done:
        account = self.account
        match name:
            case "create":
                return self._shown(account.create(given))
            case "retrieve":
                return self._shown(account.get(payment_id))
            case "capture":
                amount = whole(given, "amount_to_capture") if given else None
                return self._shown(account.capture(payment_id, amount))
            case "cancel":
                return self._shown(account.cancel(payment_id))
            case "refund":
                asked = whole(given, "amount")
                return 200, msgspec.json.encode(account.refund(given.get("payment_intent", ""), asked, given))
            case "refunds":
                made = account.get(given.get("payment_intent", "")).refunds
                return 200, msgspec.json.encode({"object": "list", "data": made, "has_more": False})
            case "search":
                asked_for = _QUERY.fullmatch(given.get("query", ""))
                if asked_for is None:
                    raise FakeStripeError(400, "invalid_request_error", param="query")
                return self._page(account.search(asked_for[1]), has_more=False, kind="search_result")
            case _:
                return self._list(given)

    def _list(self, given: dict[str, str]) -> Done:
        payments = self.account.newest(whole(given, "created[gte]") if "created[gte]" in given else 0)
        if "starting_after" in given:
            ids = [payment.id for payment in payments]
            payments = payments[ids.index(given["starting_after"]) + 1 :]
        limit = whole(given, "limit") if "limit" in given else 10
        return self._page(payments[:limit], has_more=len(payments) > limit, kind="list")

    def _page(self, payments: list[Payment], *, has_more: bool, kind: str) -> Done:
        data = [payment.shown(self.lie_by) for payment in payments]
        return 200, msgspec.json.encode({"object": kind, "data": data, "has_more": has_more})

    def _shown(self, payment: Payment) -> Done:
        return 200, msgspec.json.encode(payment.shown(self.lie_by))

    def _count(self, name: str, *, is_busy: bool) -> None:
        recent, now = self._recent[name], time.monotonic()
        while recent and recent[0] <= now - 1:
            recent.popleft()
        if is_busy or len(recent) >= self.per_s:
            self.refused_as_too_many += 1
            raise FakeStripeError(429, "invalid_request_error", code="rate_limit")
        recent.append(now)


class _Server(uvicorn.Server):
    def __init__(self, app: Starlette) -> None:
        # Connections that are cut on purpose are no news.
        super().__init__(uvicorn.Config(app, log_config=None, log_level="critical", lifespan="off", ws="none"))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


@contextlib.asynccontextmanager
async def served(app: Starlette, listening: socket.socket) -> AsyncIterator[None]:
    """Serve an application in this loop, as long as the context lasts."""
    server = _Server(app)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield
    finally:
        server.should_exit = True
        await serving


@contextlib.asynccontextmanager
async def fake_stripe() -> AsyncIterator[FakeStripe]:
    async with FakeStripe() as fake:
        yield fake


def _check_form(request: Request) -> None:
    if request.headers.get("content-type") != "application/x-www-form-urlencoded":
        raise FakeStripeError(400, "invalid_request_error", message="not a form")
    if not 0 < len(request.headers.get("idempotency-key", "")) <= 255:
        raise FakeStripeError(400, "idempotency_error", message="the fake wants a key with every POST")


def _break_if(is_due: bool) -> None:
    if is_due:
        raise FakeStripeError(500, "api_error", is_stored=True)


def _json(status: int, body: bytes, headers: dict[str, str]) -> Response:
    return Response(
        body, status_code=status, media_type="application/json", headers={"request-id": "req_fake", **headers}
    )
