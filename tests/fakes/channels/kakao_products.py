"""Products of the KakaoTalk Store on loopback: registered, changed whole, and listed."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.fakes.channels.kakao_answers import platform_error, shop_error

PRODUCTS: Final = "/v1/store/products"
REGISTER: Final = "/v1/store/product/register"
UPDATE_PRODUCT: Final = "/v1/store/product/update"

_FIELDS: Final = {
    "announcementInfo",
    "brand",
    "categoryId",
    "certs",
    "delivery",
    "discount",
    "displayStatus",
    "manufacturer",
    "minorPurchasable",
    "name",
    "option",
    "productCondition",
    "productDetailDescription",
    "productImage",
    "productOriginAreaInfo",
    "salePrice",
    "shoppingHowDisplayable",
    "stock",
    "stockQuantity",
    "storeManagementCode",
    "taxType",
}
_NEEDED: Final = {"categoryId", "name", "option", "productDetailDescription", "productImage", "salePrice", "delivery"}
_COMBINATION: Final = {"id", "managedCode", "name", "price", "stockQuantity", "usable"}
_UPLOADED: Final = "https://st.kakaocdn.net/"

Json = dict[str, Any]


class Store(Protocol):
    """What products need of the store."""

    products: dict[int, Json]

    def refused(self, request: Request) -> Response | None: ...


class FakeProducts:
    """The products of one store.

    Attributes:
        registered: how many were made by calls.
        before_update: what is waited for when a change has come, before it is applied.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._last_id = 500_000_000
        self.registered = 0
        self.before_update: Callable[[], Awaitable[None]] | None = None

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route(PRODUCTS, self._list, methods=["GET"]),
            Route(REGISTER, self._register, methods=["POST"]),
            Route(UPDATE_PRODUCT, self._update, methods=["POST"]),
        ]

    async def _list(self, request: Request) -> Response:
        refused = self._store.refused(request)
        if refused is not None:
            return refused
        query = request.query_params
        page, size = int(query.get("page", "0")), int(query.get("size", "0"))
        if set(query) - {"page", "size", "productOrder", "pageOrder"} or page < 1 or not 1 <= size <= 100:
            return platform_error(-2, "page is 1 or more, size 1 to 100", 400)
        found = sorted(self._store.products)
        contents = [
            {"productId": one, "name": self._store.products[one]["name"], "productSaleStatus": "ON"}
            for one in found[(page - 1) * size : page * size]
        ]
        return JSONResponse({"contents": contents, "last": page * size >= len(found), "totalCount": len(found)})

    async def _register(self, request: Request) -> Response:
        refused = self._store.refused(request)
        if refused is not None:
            return refused
        body: Json = json.loads(await request.body())
        wrong = _wrong(body, {}, least=1)
        if request.headers.get("content-type") != "application/json" or wrong is not None:
            return shop_error(-10001, "validation failed", 400, {wrong or "content-type": ["is not allowed"]})
        product_id = self._next()
        self._store.products[product_id] = self._kept(product_id, body)
        self.registered += 1
        return JSONResponse({"productId": product_id})

    async def _update(self, request: Request) -> Response:
        refused = self._store.refused(request)
        if refused is not None:
            return refused
        body: Json = json.loads(await request.body())
        product_id = body.pop("productId", None)
        before = self._store.products.get(product_id)
        if before is None:
            return shop_error(-10404, "no such product", 404)
        wrong = _wrong(body, before, least=0)
        if request.headers.get("content-type") != "application/json" or wrong is not None:
            return shop_error(-10001, "validation failed", 400, {wrong or "content-type": ["is not allowed"]})
        if self.before_update is not None:
            await self.before_update()
        # What does not come is gone.
        self._store.products[product_id] = self._kept(product_id, body)
        return JSONResponse({"productId": product_id})

    def _kept(self, product_id: int, body: Json) -> Json:
        for one in body["option"].get("combinations", []):
            one.setdefault("id", self._next())
        return {**body, "productId": product_id, "productSaleStatus": "ON"}

    def _next(self) -> int:
        self._last_id += 1
        return self._last_id


def _wrong(body: Json, before: Json, *, least: int) -> str | None:
    """The first field that the store does not take."""
    unknown = set(body) - _FIELDS - (set(before) - {"productId", "productSaleStatus"})
    if unknown or not set(body) >= _NEEDED:
        return min(unknown | (_NEEDED - set(body)))
    price = body["salePrice"]
    if not isinstance(price, int) or price < 10 or price % 10 or price >= 100_000_000:
        return "salePrice"
    if not body["productImage"].get("representImage", {}).get("url", "").startswith(_UPLOADED):
        return "productImage.representImage.url"
    option = body["option"]
    if "COMBINATION" not in option["type"]:
        quantity = body.get("stockQuantity", (body.get("stock") or {}).get("stockQuantity"))
        return None if isinstance(quantity, int) and least <= quantity < 100_000_000 else "stockQuantity"
    if body.get("stockQuantity") is not None:
        return "stockQuantity"
    return _wrong_combinations(option, (before.get("option") or {}).get("combinations") or [], least)


def _wrong_combinations(option: Json, before: list[Json], least: int) -> str | None:
    known = {one["id"]: one for one in before}
    combinations, attributes = option.get("combinations", []), option.get("combinationAttributes", [])
    if not 1 <= len(combinations) <= 100:
        return "option.combinations"
    listed = {(one["name"], one["value"]) for one in attributes}
    names: list[object] = []
    for one in combinations:
        was = known.get(one.get("id"))
        if ("id" in one and was is None) or set(one) - _COMBINATION - set(was or {}):
            return "option.combinations"
        quantity, price = one.get("stockQuantity"), one.get("price")
        if not isinstance(quantity, int) or not least <= quantity <= 9_999:
            return "option.combinations.stockQuantity"
        if not isinstance(price, int) or price % 10:
            return "option.combinations.price"
        parts = [(part["key"], part["value"]) for part in one.get("name", [])]
        if was is None and (not parts or not set(parts) <= listed):
            return "option.combinations.name"
        names.append(parts or one.get("id"))
    return None if len({str(name) for name in names}) == len(names) else "option.combinations.name"
