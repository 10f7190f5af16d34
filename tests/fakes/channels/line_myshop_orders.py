"""Orders of the LINE MyShop on loopback: placed by a test, listed, read and cancelled by whoever has the key."""

import json
import re
import time
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.fakes.channels.line_myshop_stock import Stock, error

ORDERS: Final = "/myshop/v1/orders"

_LISTED_BY: Final = {
    "search",
    "page",
    "perPage",
    "sortBy",
    "orderBy",
    "orderStatus",
    "paymentStatus",
    "startAt",
    "endAt",
}
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{3})?)?Z")
_REMARK_CHARS: Final = 560

Json = dict[str, Any]


class Order(msgspec.Struct, kw_only=True):
    """An order; units by inventory."""

    number: str
    units: dict[int, int]
    placed_at_ms: int
    updated_at_ms: int
    status: str = "FINALIZED"
    payment: str = "PENDING"


class Shop(Protocol):
    """What orders need of the shop."""

    products: dict[int, list[int]]
    stock: dict[int, Stock]

    def refused(self, request: Request) -> Response | None: ...
    def variant_id(self, inventory_id: int) -> int | None: ...


class FakeOrders:
    """The orders of one shop.

    Attributes:
        by_number: all of them.
        on_list: numbers of orders that change, one after each page.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop = shop
        self._clock_ms = 0
        self.by_number: dict[str, Order] = {}
        self.on_list: list[str] = []

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route(ORDERS, self._list, methods=["GET"]),
            Route(ORDERS + "/{number}", self._detail, methods=["GET"]),
            Route(ORDERS + "/{number}/cancel", self._cancel, methods=["PUT"]),
        ]

    def place(self, units: dict[int, int]) -> str:
        """Sell units, by inventory; they are reserved until they are paid for. Returns the order's number."""
        if any(self._shop.stock[inventory_id].available < count for inventory_id, count in units.items()):
            raise ValueError("the shop has not so many")
        for inventory_id, count in units.items():
            self._shop.stock[inventory_id].reserved += count
        now = self._now()
        number = f"{now}{len(self.by_number):03d}"
        self.by_number[number] = Order(number=number, units=units, placed_at_ms=now, updated_at_ms=now)
        return number

    def pay(self, number: str) -> None:
        """Let the buyer pay."""
        order = self.by_number[number]
        for inventory_id, count in order.units.items():
            self._shop.stock[inventory_id].reserved -= count
            self._shop.stock[inventory_id].ready_to_ship += count
        order.payment, order.updated_at_ms = "PAID", self._now()

    def end(self, number: str, status: str) -> None:
        """Let an order be CANCELED or EXPIRED, which gives its units back, or anything else."""
        order = self.by_number[number]
        if status in {"CANCELED", "EXPIRED"} and order.status not in {"CANCELED", "EXPIRED"}:
            for inventory_id, count in order.units.items():
                kept = self._shop.stock[inventory_id]
                if order.payment == "PAID":
                    kept.ready_to_ship -= count
                else:
                    kept.reserved -= count
        order.status, order.updated_at_ms = status, self._now()

    def _now(self) -> int:
        """No two changes at the same time."""
        self._clock_ms = max(self._clock_ms + 1, time.time_ns() // 1_000_000)
        return self._clock_ms

    async def _list(self, request: Request) -> Response:
        refused = self._shop.refused(request)
        if refused is not None:
            return refused
        query = request.query_params
        times = [query[name] for name in ("startAt", "endAt") if name in query]
        per_page, page = int(query.get("perPage", "20")), int(query.get("page", "1"))
        if (
            set(query) - _LISTED_BY
            or query.get("sortBy") not in {None, "ORDER_NO", "CREATED_AT", "UPDATED_AT", "CHECKED_OUT_AT"}
            or query.get("orderBy") not in {None, "ASC", "DESC"}
            or not 1 <= per_page <= 100
            or page < 1
            or not all(_TIME.fullmatch(one) for one in times)
        ):
            return error("BAD_REQUEST", "a parameter is unknown or wrong", 400)
        start = _ms(query["startAt"]) if "startAt" in query else 0
        found = [order for order in self.by_number.values() if order.updated_at_ms >= start]
        found.sort(key=lambda order: order.updated_at_ms, reverse=query.get("orderBy") == "DESC")
        data = [_head(order) for order in found[(page - 1) * per_page : page * per_page]]
        if self.on_list:
            self.by_number[self.on_list.pop(0)].updated_at_ms = self._now()
        pages = -(-len(found) // per_page)
        return JSONResponse(
            {"data": data, "currentPage": page, "perPage": per_page, "totalPage": pages, "totalRow": len(found)}
        )

    async def _detail(self, request: Request) -> Response:
        refused = self._shop.refused(request)
        if refused is not None:
            return refused
        order = self.by_number.get(request.path_params["number"])
        return error("NOT_FOUND", "order not found", 404) if order is None else JSONResponse(self._whole(order))

    async def _cancel(self, request: Request) -> Response:
        refused = self._shop.refused(request)
        if refused is not None:
            return refused
        order = self.by_number.get(request.path_params["number"])
        if order is None:
            return error("NOT_FOUND", "order not found", 404)
        body = json.loads(await request.body())
        remark = body.get("remarkCancel")
        if set(body) != {"remarkCancel"} or not isinstance(remark, str) or len(remark) > _REMARK_CHARS:
            return error("BAD_REQUEST", "remarkCancel is a text of 560 characters at most, and alone", 400)
        if order.status != "FINALIZED":
            return error("BAD_REQUEST", f"an order that is {order.status} cannot be cancelled", 400)
        self.end(order.number, "CANCELED")
        return JSONResponse(self._whole(order))

    def _whole(self, order: Order) -> Json:
        of = {one: product_id for product_id, inventories in self._shop.products.items() for one in inventories}
        items: list[Json] = [
            {
                "productId": of.get(inventory_id, 999),
                "variantId": self._shop.variant_id(inventory_id),
                "quantity": float(count),
                "sku": "",
                "name": "เสื้อ",
                "price": 99.5,
                "variants": [],
            }
            for inventory_id, count in order.units.items()
        ]
        return _head(order) | {"orderItems": items}


def _head(order: Order) -> Json:
    return {
        "orderNumber": order.number,
        "orderStatus": order.status,
        "paymentStatus": order.payment,
        "shipmentStatus": "NO_SHIPMENT",
        "checkoutAt": _text(order.placed_at_ms),
        "lastUpdatedAt": _text(order.updated_at_ms),
        "totalPrice": 199.0,
        "isGift": False,
    }


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)
