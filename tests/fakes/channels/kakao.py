"""KakaoTalk Store on loopback: products with one option object each, replaced by what is sent; and orders."""

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

from tests.fakes.channels.kakao_answers import platform_error, shop_error
from tests.fakes.channels.kakao_orders import FakeOrders
from tests.fakes.channels.kakao_products import FakeProducts

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
        orders: what was sold; ``place_order`` sells.
        catalogue: what makes and changes products.
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
        self.orders = FakeOrders(self)
        self.catalogue = FakeProducts(self)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route(PRODUCT, self._product, methods=["GET"]),
                Route(UPDATE, self._update, methods=["POST"]),
                *self.catalogue.routes,
                *self.orders.routes,
            ]
        )

    def place_order(self, product_id: int, combination_id: int | None, quantity: int) -> str:
        """Sell units. Returns the order's id; nobody is told, the store is polled."""
        return self.orders.place(product_id, combination_id, quantity)

    def cancel_order(self, order_id: str) -> None:
        """Let the buyer cancel."""
        self.orders.become(order_id, "PayCancelComplete")

    def move(self, product_id: int, combination_id: int | None, by: int) -> None:
        """Let what is on sale become more or less."""
        stock = self._stock(product_id, combination_id)
        if stock["stockQuantity"] + by < 0:
            raise ValueError("the store has not so many")
        stock["stockQuantity"] += by

    def plan(self, status: int, body: object) -> None:
        """Answer the next call so; a body of bytes goes out as it is."""
        self.planned.append(Planned(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode()))

    def quantity(self, product_id: int, combination_id: int | None = None) -> int:
        """What a shopper sees."""
        return int(self._stock(product_id, combination_id)["stockQuantity"])

    def _stock(self, product_id: int, combination_id: int | None) -> Json:
        """The object that has the quantity."""
        product = self.products[product_id]
        if combination_id is None:
            return cast(Json, product.get("stock", product))
        (one,) = (one for one in product["option"]["combinations"] if one["id"] == combination_id)
        return cast(Json, one)

    async def _product(self, request: Request) -> Response:
        refused = self.refused(request)
        if refused is not None:
            return refused
        asked = request.query_params
        if set(asked) == {"storeManagementCode"}:
            code = asked["storeManagementCode"]
            answer: Response = JSONResponse(
                [one for one in self.products.values() if one.get("storeManagementCode") == code]
            )
        elif set(asked) != {"productId"} or _DIGITS.fullmatch(asked["productId"]) is None:
            return platform_error(-2, "productId or storeManagementCode is missing or has a wrong type", 400)
        else:
            product = self.products.get(int(asked["productId"]))
            answer = shop_error(-10404, "no such product", 404) if product is None else JSONResponse(product)
        if self.on_read is not None:
            self.on_read()
        return answer

    async def _update(self, request: Request) -> Response:
        refused = self.refused(request)
        if refused is not None:
            return refused
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            return platform_error(-8, "content-type", 400)
        form = parse_qs((await request.body()).decode(), keep_blank_values=True, strict_parsing=True)
        if set(form) != {"productId", "option"} or any(len(values) != 1 for values in form.values()):
            return platform_error(-2, "productId and option are needed, once each, and nothing else", 400)
        product = self.products.get(int(form["productId"][0]))
        if product is None:
            return shop_error(-10404, "no such product", 404)
        self.writes.append(form["option"][0])
        option = cast(Json, json.loads(form["option"][0]))
        wrong = self._wrong(product, option)
        if wrong is not None:
            return shop_error(-10001, "validation failed", 400, {wrong: ["is not allowed"]})
        quantity = option.pop("stockQuantity", None)
        if quantity is not None:
            self._stock(product["productId"], None)["stockQuantity"] = quantity
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

    def refused(self, request: Request) -> Response | None:
        """The answer to a call that goes no further; None: it does."""
        if self.planned:
            answer = self.planned.popleft()
            return Response(answer.body, status_code=answer.status, media_type="application/json")
        headers = request.headers
        if headers.get("channel-ids") != self.channel_ids:
            return platform_error(-8, "channel-ids", 400)
        keys = {"authorization": self.admin_key, "target-authorization": self.seller_key}
        for name, key in keys.items():
            if self.revoked or headers.get(name) != f"KakaoAK {key}":
                # The real one repeats the key that it does not know.
                return platform_error(-401, f"wrong appKey({headers.get(name, '').partition(' ')[2]}) format", 401)
        return None


def _allowed(quantity: object) -> bool:
    return isinstance(quantity, int) and not isinstance(quantity, bool) and 0 <= quantity <= 9_999
