"""KakaoTalk Store on loopback: products with one option object each, which is replaced by what is sent."""

import json
import re
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PRODUCT: Final = "/v1/store/product"
UPDATE: Final = "/v1/store/product/option/update"

_TYPES: Final = {"NONE", "SIMPLE", "COMBINATION", "CUSTOM", "SIMPLE_CUSTOM", "COMBINATION_CUSTOM"}
_DIGITS: Final = re.compile(r"[0-9]{1,19}")

Json = dict[str, Any]


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that the next call gets in place of a real one; the call is not applied."""

    status: int
    body: bytes


class FakeKakao:
    """One seller's store, as one agency sees it.

    Attributes:
        products: by id, as the API gives them; a test puts them in and looks at them.
        planned: what the next calls are answered instead.
        spoilt: combinations whose quantity the shop refuses, and with it the whole call.
        revoked: both keys have ended.
        on_read: what happens between a read and the call after it, each time.
        writes: the option objects that came, as texts.
    """

    admin_key = "agency0admin0key0000000000000000"
    seller_key = "seller0rest0key00000000000000000"
    channel_ids = "101"

    def __init__(self) -> None:
        self.products: dict[int, Json] = {}
        self.planned: deque[Planned] = deque()
        self.spoilt: set[int] = set()
        self.revoked = False
        self.on_read: Callable[[], None] | None = None
        self.writes: list[str] = []

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[Route(PRODUCT, self._product, methods=["GET"]), Route(UPDATE, self._update, methods=["POST"])]
        )

    def plan(self, status: int, body: object) -> None:
        """Answer the next call so; a body of bytes goes out as it is."""
        self.planned.append(Planned(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode()))

    def quantity(self, product_id: int, combination_id: int | None = None) -> int:
        """What a shopper sees."""
        product = self.products[product_id]
        if combination_id is None:
            return int(product["stock"]["stockQuantity"])
        (quantity,) = (one["stockQuantity"] for one in product["option"]["combinations"] if one["id"] == combination_id)
        return int(quantity)

    async def _product(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        asked = request.query_params
        if set(asked) != {"productId"} or _DIGITS.fullmatch(asked["productId"]) is None:
            return _platform(-2, "productId is missing or has a wrong type", 400)
        product = self.products.get(int(asked["productId"]))
        answer = _shop(-10404, "no such product", 404) if product is None else JSONResponse(product)
        if self.on_read is not None:
            self.on_read()
        return answer

    async def _update(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            return _platform(-8, "content-type", 400)
        form = parse_qs((await request.body()).decode(), keep_blank_values=True, strict_parsing=True)
        if set(form) != {"productId", "option"} or any(len(values) != 1 for values in form.values()):
            return _platform(-2, "productId and option are needed, once each, and nothing else", 400)
        product = self.products.get(int(form["productId"][0]))
        if product is None:
            return _shop(-10404, "no such product", 404)
        self.writes.append(form["option"][0])
        option = cast(Json, json.loads(form["option"][0]))
        wrong = self._wrong(product, option)
        if wrong is not None:
            return _shop(-10001, "validation failed", 400, {wrong: ["is not allowed"]})
        quantity = option.pop("stockQuantity", None)
        if quantity is not None:
            product["stock"]["stockQuantity"] = quantity
        product["option"] = option
        return JSONResponse({})

    def _wrong(self, product: Json, option: Json) -> str | None:
        """The first field that the shop does not take. The object has to come whole, and with nothing unknown."""
        before = cast(Json, product["option"])
        if option.get("type") not in _TYPES:
            return "option.type"
        if set(option) - {"stockQuantity"} != set(before) - {"stockQuantity"}:
            return "option"
        if "COMBINATION" not in option["type"]:
            return None if _allowed(option.get("stockQuantity")) else "option.stockQuantity"
        if option.get("stockQuantity") is not None:
            return "option.stockQuantity"
        known = {one["id"]: one for one in before["combinations"]}
        for one in option["combinations"]:
            if one.get("id") not in known or set(one) != set(known[one["id"]]):
                return "option.combinations"
            if not _allowed(one["stockQuantity"]) or one["id"] in self.spoilt:
                return "option.combinations.stockQuantity"
        return None if len(option["combinations"]) == len(known) else "option.combinations"

    def _refused(self, request: Request) -> Response | None:
        if self.planned:
            answer = self.planned.popleft()
            return Response(answer.body, status_code=answer.status, media_type="application/json")
        headers = request.headers
        if headers.get("channel-ids") != self.channel_ids:
            return _platform(-8, "channel-ids", 400)
        keys = {"authorization": self.admin_key, "target-authorization": self.seller_key}
        for name, key in keys.items():
            if self.revoked or headers.get(name) != f"KakaoAK {key}":
                # The real one repeats the key that it does not know.
                return _platform(-401, f"wrong appKey({headers.get(name, '').partition(' ')[2]}) format", 401)
        return None


def _allowed(quantity: object) -> bool:
    return isinstance(quantity, int) and not isinstance(quantity, bool) and 0 <= quantity <= 9_999


def _platform(code: int, message: str, status: int) -> Response:
    return JSONResponse({"code": code, "msg": message}, status_code=status)


def _shop(code: int, message: str, status: int, validation: dict[str, list[str]] | None = None) -> Response:
    extras = {"error_code": code, "error_message": message, "validation": validation}
    return JSONResponse({"code": -800, "msg": "shopping error", "extras": extras}, status_code=status)
