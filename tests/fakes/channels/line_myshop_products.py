"""Products of the LINE MyShop on loopback: made, changed and listed, each body checked as the API's document says."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.fakes.channels.line_myshop_stock import Stock, error

PRODUCTS: Final = "/myshop/v1/products"

_DETAILS: Final = {"brand", "categoryId", "code", "description", "imageUrls", "licenses", "name", "variantOptions"}
_NEW: Final = _DETAILS | {"instantDiscount", "variants"}
_VARIANT: Final = {"barcode", "onHandNumber", "options", "price", "sku", "weight"}
_BELOW: Final = 99_999_999

Json = dict[str, Any]


class Variant(msgspec.Struct, kw_only=True):
    """One variant; the only one of a product without variants has no id."""

    id: int | None
    sku: str
    price: Decimal = Decimal("99.5")
    option: tuple[str, str] | None = None


class Listing(msgspec.Struct, kw_only=True):
    """A product beside its stock; variants by inventory."""

    body: Json
    variants: dict[int, Variant]
    instant_discount: Decimal = Decimal()


class Shop(Protocol):
    """What products need of the shop."""

    products: dict[int, list[int]]
    stock: dict[int, Stock]

    def refused(self, request: Request) -> Response | None: ...


class FakeProducts:
    """The products of one shop.

    Attributes:
        listings: by product; those that a test has put in by stock alone get one when they are looked at.
        made: how many were made by calls.
        promotion: prices cannot be changed now.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._last_id = 1_000_000
        self.listings: dict[int, Listing] = {}
        self.made = 0
        self.promotion = False

    @property
    def routes(self) -> list[BaseRoute]:
        one = PRODUCTS + "/{id:int}"
        return [
            Route(PRODUCTS, self._make, methods=["POST"]),
            Route(one, self._change, methods=["PATCH"]),
            Route(one + "/prices", self._prices, methods=["PATCH"]),
            Route(one + "/variants", self._add, methods=["POST"]),
        ]

    def listing(self, product_id: int) -> Listing:
        if product_id not in self.listings:
            inventories = self._shop.products[product_id]
            several = len(inventories) > 1
            variants = {
                one: Variant(id=7_000 + one if several else None, sku=f"line-{one}") for one in sorted(inventories)
            }
            body = {"name": "เสื้อ", "code": f"code-{product_id}"}
            self.listings[product_id] = Listing(body=body, variants=variants)
        return self.listings[product_id]

    def shown(self, product_id: int) -> Json:
        """A product as LINE answers it."""
        listing = self.listing(product_id)
        return {
            **{name: listing.body.get(name) for name in ("brand", "code", "description", "imageUrls", "name")},
            "id": product_id,
            "category": {"id": listing.body.get("categoryId"), "nameEn": "Shirts"},
            "instantDiscount": float(listing.instant_discount),
            "hasOnlyDefaultVariant": all(one.id is None for one in listing.variants.values()),
            "variants": [
                {
                    "id": variant.id,
                    "inventoryId": inventory_id,
                    "sku": variant.sku,
                    "price": float(variant.price),
                    "options": [{"name": variant.option[0], "value": variant.option[1]}] if variant.option else [],
                    "availableNumber": self._shop.stock[inventory_id].available,
                    "onHandNumber": self._shop.stock[inventory_id].on_hand,
                    "reservedNumber": self._shop.stock[inventory_id].reserved,
                    "readyToShipNumber": self._shop.stock[inventory_id].ready_to_ship,
                }
                for inventory_id, variant in listing.variants.items()
            ],
        }

    async def _make(self, request: Request) -> Response:
        refused = self._shop.refused(request)
        if refused is not None:
            return refused
        body = await _body(request)
        needed = {"categoryId", "code", "imageUrls", "name", "variants"}
        if set(body) - _NEW or not needed <= set(body) or not _details(body):
            return error("BAD_REQUEST", "a field is unknown, missing or wrong", 400)
        values = _values(body.get("variantOptions"))
        if not body["variants"] or not all(_variant(one, len(values)) for one in body["variants"]):
            return error("BAD_REQUEST", "a variant is wrong", 400)
        if not values and len(body["variants"]) != 1:
            return error("BAD_REQUEST", "variants need variantOptions", 400)
        product_id = self._next()
        self._shop.products[product_id] = []
        self.listings[product_id] = Listing(body=body, variants={})
        self._stock(product_id, body, values)
        self.made += 1
        return JSONResponse(self.shown(product_id), status_code=201)

    async def _change(self, request: Request) -> Response:
        refused = self._shop.refused(request) or self._missing(request)
        if refused is not None:
            return refused
        body = await _body(request)
        if set(body) - _DETAILS or not _details(body):
            return error("BAD_REQUEST", "a field is unknown or wrong", 400)
        self.listing(request.path_params["id"]).body.update(body)
        return JSONResponse(self.shown(request.path_params["id"]))

    async def _prices(self, request: Request) -> Response:
        refused = self._shop.refused(request) or self._missing(request)
        if refused is not None:
            return refused
        body = await _body(request)
        listing = self.listing(request.path_params["id"])
        by_id = {variant.id: variant for variant in listing.variants.values()}
        wrong = [one for one in body["variants"] if one.get("id") not in by_id or not _price(one.get("price"))]
        if set(body) != {"instantDiscount", "variants"} or wrong or self.promotion:
            return error("BAD_REQUEST", "prices cannot be changed so, or not during a promotion", 400)
        for one in body["variants"]:
            by_id[one.get("id")].price = Decimal(one["price"])
        listing.instant_discount = Decimal(body["instantDiscount"])
        return JSONResponse(self.shown(request.path_params["id"]))

    async def _add(self, request: Request) -> Response:
        refused = self._shop.refused(request) or self._missing(request)
        if refused is not None:
            return refused
        body = await _body(request)
        values = _values(body.get("variantOptions"))
        if set(body) != {"variantOptions", "variants"} or not values:
            return error("BAD_REQUEST", "variantOptions and variants are needed, and nothing else", 400)
        if not body["variants"] or not all(_variant(one, len(values)) for one in body["variants"]):
            return error("BAD_REQUEST", "a variant is wrong", 400)
        self._stock(request.path_params["id"], body, values)
        return JSONResponse(self.shown(request.path_params["id"]))

    def _missing(self, request: Request) -> Response | None:
        known = request.path_params["id"] in self._shop.products
        return None if known else error("NOT_FOUND", "product not found", 404)

    def _stock(self, product_id: int, body: Json, values: list[str]) -> None:
        name = body["variantOptions"]["option1"]["name"] if values else ""
        for one in body["variants"]:
            inventory_id = self._next()
            option = (name, values[one["options"][0]]) if values else None
            variant_id = self._next() if values else None
            self.listings[product_id].variants[inventory_id] = Variant(
                id=variant_id, sku=one.get("sku", ""), price=Decimal(one["price"]), option=option
            )
            self._shop.stock[inventory_id] = Stock(on_hand=one["onHandNumber"])
            self._shop.products[product_id].append(inventory_id)

    def _next(self) -> int:
        self._last_id += 1
        return self._last_id


async def _body(request: Request) -> Json:
    if request.headers.get("content-type") != "application/json":
        return {"content-type": "is wrong"}
    body: Json = json.loads(await request.body(), parse_float=Decimal)
    return body


def _details(body: Mapping[str, Any]) -> bool:
    texts = all(isinstance(body.get(name, ""), str) for name in ("brand", "code", "description", "name"))
    images = body.get("imageUrls", ["https://x"])
    return (
        texts
        and isinstance(body.get("categoryId", 1), int)
        and isinstance(images, list)
        and 1 <= len(images) <= 7
        and all(isinstance(one, str) and one.startswith("https://") for one in images)
    )


def _values(options: object) -> list[str]:
    """The values of the first option; none if there is none, or it is wrong."""
    if not isinstance(options, dict) or set(options) - {"option1", "option2"} or "option1" not in options:
        return []
    first: Json = options["option1"]
    if set(first) != {"name", "data"} or not first["name"]:
        return []
    values = [one.get("value") for one in first["data"]]
    return values if len(set(values)) == len(values) and all(values) else []


def _variant(one: Json, values: int) -> bool:
    place = one.get("options", [])
    return (
        not set(one) - _VARIANT
        and isinstance(one.get("onHandNumber"), int)
        and 0 < one["onHandNumber"] < _BELOW
        and _price(one.get("price"))
        and isinstance(one.get("weight"), int | Decimal)
        and Decimal("0.01") <= one["weight"] <= Decimal("999.99")
        and (place == [] if not values else len(place) == 1 and 0 <= place[0] < values)
    )


def _price(price: object) -> bool:
    if isinstance(price, bool) or not isinstance(price, int | Decimal):
        return False
    return 0 < price < _BELOW and Decimal(price) == round(Decimal(price), 2)
