"""What every part of the WeChat shop on loopback shares: its access tokens, its shelves, and how it answers.

It answers 200 with an ``errcode`` to whatever it does not like.
"""

import hmac
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

APPID = "wx0123456789abcdef"
APP_SECRET = "5ecret5ecret5ecret5ecret5ecret12"
TOKEN_S = 7_200
OVERLAP_MS = 5 * 60_000

_NUMBER = re.compile(r"[1-9][0-9]{0,19}")

Body = dict[str, object]
Handler = Callable[[Request, Body], Awaitable[Response]]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def is_id(value: object) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


class Shelf:
    """A SKU. ``apart`` is what the merchant set apart for regions; calls do not change it."""

    def __init__(self, quantity: int, *, apart: int = 0, state: int = 0) -> None:
        self.quantity = quantity
        self.apart = apart
        self.state = state

    def sell(self, units: int) -> None:
        self.quantity -= units


class WechatShop:
    """The shop's door.

    Args:
        clock_ms: its clock.

    Attributes:
        shelves: SKUs by ``product_id/sku_id``; ``Shelf.state`` is the code that a change of it is answered with.
        says: codes that the next calls with a token are answered with; nothing is applied.
        loses: paths whose next call is applied and its answer lost; once for each entry.
        rubbish: so many of the next answers are no JSON.
        adds: text at the end of every message.
        token_says: the code that a call for a token is answered with.
        tokens_given: how many different tokens there were.
    """

    def __init__(self, *, clock_ms: Callable[[], int] = now_ms) -> None:
        self.clock_ms = clock_ms
        self._tokens: dict[str, int] = {}
        self.shelves: dict[str, Shelf] = {}
        self.says: deque[int] = deque()
        self.loses: list[str] = []
        self.rubbish = 0
        self.adds = ""
        self.token_says = 0
        self.tokens_given = 0

    def end_tokens(self) -> None:
        """All tokens end now."""
        self._tokens = dict.fromkeys(self._tokens, 0)

    def answer(self, errcode: int = 0, **more: object) -> Response:
        if self.rubbish > 0:
            self.rubbish -= 1
            return Response(b"<html>busy</html>")
        errmsg = "ok" if errcode == 0 else f"refused rid: 655d9278-7c157f97-{errcode}{self.adds}"
        return Response(msgspec.json.encode({"errcode": errcode, "errmsg": errmsg, **more}))

    def route(self, path: str, handler: Handler, *, params: frozenset[str] = frozenset()) -> Route:
        """A route whose calls need a token, and no parameters but ``params``."""

        async def endpoint(request: Request) -> Response:
            body = await read_body(request)
            refusal = self._refusal(request)
            if refusal == 0 and (body is None or set(request.query_params) != {"access_token"} | params):
                refusal = 47001
            response = self.answer(refusal) if refusal != 0 or body is None else await handler(request, body)
            if path in self.loses:
                self.loses.remove(path)
                return Response(status_code=504)
            return response

        return Route(path, endpoint, methods=["POST"])

    def _refusal(self, request: Request) -> int:
        until_ms = self._tokens.get(request.query_params.get("access_token", ""))
        if until_ms is None:
            return 40001
        if until_ms <= self.clock_ms():
            return 42001
        return self.says.popleft() if self.says else 0

    async def token(self, request: Request) -> Response:
        body = await read_body(request)
        if self.token_says != 0:
            return self.answer(self.token_says)
        if body is None or request.url.query:
            return self.answer(47001)
        if not {"grant_type", "appid", "secret"} <= set(body) <= {"grant_type", "appid", "secret", "force_refresh"}:
            return self.answer(47001)
        if body["grant_type"] != "client_credential":
            return self.answer(40002)
        if body["appid"] != APPID:
            return self.answer(40013)
        if not hmac.compare_digest(str(body["secret"]), APP_SECRET):
            return self.answer(40125)
        now = self.clock_ms()
        newest = max(self._tokens, key=lambda one: self._tokens[one], default="")
        if self._tokens.get(newest, 0) - now < OVERLAP_MS or body.get("force_refresh") is True:
            self.tokens_given += 1
            newest = f"84_access_{self.tokens_given}_" + "x" * 120
            self._tokens[newest] = now + TOKEN_S * 1000
        expires_in = (self._tokens[newest] - now) // 1000
        return Response(msgspec.json.encode({"access_token": newest, "expires_in": expires_in}))


async def read_body(request: Request) -> Body | None:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return None
    try:
        return msgspec.json.decode(await request.body(), type=Body)
    except msgspec.DecodeError:
        return None
