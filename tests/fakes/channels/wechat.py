"""A WeChat shop on loopback: its access tokens, and the stock of its SKUs. It checks every call as the real one says.

The documents: https://developers.weixin.qq.com/doc/store/shop/API/channels-shop-product/stock/. It answers 200 with an
``errcode`` to whatever it does not like. Wrap ``app`` in ``Troubles`` for what goes wrong on the way.
"""

import hmac
import re
import time
from collections import deque
from collections.abc import Callable

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

APPID = "wx0123456789abcdef"
APP_SECRET = "5ecret5ecret5ecret5ecret5ecret12"
TOKEN_S = 7_200
OVERLAP_MS = 5 * 60_000

_NUMBER = re.compile(r"[1-9][0-9]{0,19}")

Body = dict[str, object]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Shelf:
    """A SKU. ``apart`` is what the merchant set apart for regions; calls do not change it."""

    def __init__(self, quantity: int, *, apart: int = 0, state: int = 0) -> None:
        self.quantity = quantity
        self.apart = apart
        self.state = state

    def sell(self, units: int) -> None:
        self.quantity -= units


class FakeWechat:
    """One shop.

    Args:
        clock_ms: its clock.

    Attributes:
        shelves: SKUs by ``product_id/sku_id``; ``Shelf.state`` is the code that a change of it is answered with.
        updates: every change that was applied: the SKU, ``diff_type`` and ``num``.
        says: codes that the next calls for stock are answered with; nothing is applied.
        says_after: the same, for changes that are applied all the same.
        after_reading: what happens right after each of the next readings, such as a sale.
        rubbish: so many of the next answers are no JSON.
        adds: text at the end of every message.
        token_says: the code that a call for a token is answered with.
        tokens_given: how many different tokens there were.
    """

    def __init__(self, *, clock_ms: Callable[[], int] = now_ms) -> None:
        self._clock_ms = clock_ms
        self._tokens: dict[str, int] = {}
        self.shelves: dict[str, Shelf] = {}
        self.updates: list[tuple[str, int, int]] = []
        self.says: deque[int] = deque()
        self.says_after: deque[int] = deque()
        self.after_reading: deque[Callable[[], None]] = deque()
        self.rubbish = 0
        self.adds = ""
        self.token_says = 0
        self.tokens_given = 0
        self.app = Starlette(
            routes=[
                Route("/cgi-bin/stable_token", self._token, methods=["POST"]),
                Route("/channels/ec/product/stock/get", self._get, methods=["POST"]),
                Route("/channels/ec/product/stock/update", self._update, methods=["POST"]),
            ]
        )

    def end_tokens(self) -> None:
        """All tokens end now."""
        self._tokens = dict.fromkeys(self._tokens, 0)

    def _answer(self, errcode: int = 0, **more: object) -> Response:
        if self.rubbish > 0:
            self.rubbish -= 1
            return Response(b"<html>busy</html>")
        errmsg = "ok" if errcode == 0 else f"refused rid: 655d9278-7c157f97-{errcode}{self.adds}"
        return Response(msgspec.json.encode({"errcode": errcode, "errmsg": errmsg, **more}))

    async def _token(self, request: Request) -> Response:
        body = await _body(request)
        if self.token_says != 0:
            return self._answer(self.token_says)
        if body is None or request.url.query:
            return self._answer(47001)
        if not {"grant_type", "appid", "secret"} <= set(body) <= {"grant_type", "appid", "secret", "force_refresh"}:
            return self._answer(47001)
        if body["grant_type"] != "client_credential":
            return self._answer(40002)
        if body["appid"] != APPID:
            return self._answer(40013)
        if not hmac.compare_digest(str(body["secret"]), APP_SECRET):
            return self._answer(40125)
        now = self._clock_ms()
        newest = max(self._tokens, key=lambda one: self._tokens[one], default="")
        if self._tokens.get(newest, 0) - now < OVERLAP_MS or body.get("force_refresh") is True:
            self.tokens_given += 1
            newest = f"84_access_{self.tokens_given}_" + "x" * 120
            self._tokens[newest] = now + TOKEN_S * 1000
        expires_in = (self._tokens[newest] - now) // 1000
        return Response(msgspec.json.encode({"access_token": newest, "expires_in": expires_in}))

    def _refusal(self, request: Request, body: Body | None, fields: set[str]) -> int:
        """What is wrong with a call for stock; 0 for nothing."""
        until_ms = self._tokens.get(request.query_params.get("access_token", ""))
        if until_ms is None:
            return 40001
        if until_ms <= self._clock_ms():
            return 42001
        if self.says:
            return self.says.popleft()
        if body is None or set(request.query_params) != {"access_token"}:
            return 47001
        if set(body) != fields or not all(_is_id(body[name]) for name in ("product_id", "sku_id")):
            return 10020055
        return 0 if _name(body) in self.shelves else 10020052

    async def _get(self, request: Request) -> Response:
        body = await _body(request)
        errcode = self._refusal(request, body, {"product_id", "sku_id"})
        if errcode != 0 or body is None:
            return self._answer(errcode)
        shelf = self.shelves[_name(body)]
        data = {
            "normal_stock_num": shelf.quantity,
            "limited_discount_stock_num": 0,
            "warehouse_stocks": [{"out_warehouse_id": "north", "num": shelf.apart, "lock_stock": 0}],
            "total_stock_num": shelf.quantity + shelf.apart,
        }
        if self.after_reading:
            self.after_reading.popleft()()
        return self._answer(data=data)

    async def _update(self, request: Request) -> Response:
        body = await _body(request)
        errcode = self._refusal(request, body, {"product_id", "sku_id", "diff_type", "num"})
        if errcode != 0 or body is None:
            return self._answer(errcode)
        diff_type, num = body["diff_type"], body["num"]
        if type(diff_type) is not int or type(num) is not int or diff_type not in {1, 2, 3} or num < 0:
            return self._answer(10020055)
        shelf = self.shelves[_name(body)]
        if shelf.state != 0:
            return self._answer(shelf.state)
        if num == 0 and diff_type != 3:
            return self._answer(10020218)
        if diff_type == 2 and num > shelf.quantity:
            return self._answer(10020219)
        shelf.quantity = {1: shelf.quantity + num, 2: shelf.quantity - num, 3: num}[diff_type]
        self.updates.append((_name(body), diff_type, num))
        return self._answer(self.says_after.popleft() if self.says_after else 0)


async def _body(request: Request) -> Body | None:
    if request.headers.get("content-type", "").partition(";")[0] != "application/json":
        return None
    try:
        return msgspec.json.decode(await request.body(), type=Body)
    except msgspec.DecodeError:
        return None


def _is_id(value: object) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _name(body: Body) -> str:
    return f"{body['product_id']}/{body['sku_id']}"
