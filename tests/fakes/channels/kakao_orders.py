"""Orders of the KakaoTalk Store on loopback, in both forms of list that integrations of it know.

Their addresses are made up: Kakao shows the real ones to its partners only.
"""

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from tests.fakes.channels.kakao_answers import platform_error, shop_error
from tests.fakes.channels.numbers import FIRST

ORDERS: Final = "/v1/shopping/orders"
ORDERS_BEHIND: Final = "/v2/shopping/orders"

_KOREA: Final = timezone(timedelta(hours=9))
_TIME: Final = re.compile(r"[0-9]{14}")
_PAGE: Final = 50
_CANCELLABLE: Final = {"PayComplete", "ShippingRequest", "ShippingWaiting"}

Json = dict[str, Any]


class Order(msgspec.Struct, kw_only=True):
    """One item of a payment."""

    id: int
    product_id: int
    combination_id: int | None
    quantity: int
    placed_at_ms: int
    modified_at_ms: int
    status: str = "PayComplete"


class Store(Protocol):
    """What orders need of the store."""

    products: dict[int, Json]

    def refused(self, request: Request) -> Response | None: ...
    def move(self, product_id: int, combination_id: int | None, by: int) -> None: ...


class FakeOrders:
    """The orders of one store.

    Attributes:
        by_id: all of them.
        silent: so many of the next cancellations fail with 200 and ``success`` false.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._clock_ms = 0
        self.by_id: dict[int, Order] = {}
        self.silent = 0

    @property
    def routes(self) -> list[BaseRoute]:
        return [
            Route(ORDERS, self._pages, methods=["GET"]),
            Route(ORDERS_BEHIND, self._behind, methods=["GET"]),
            Route(ORDERS + "/{id:int}", self._detail, methods=["GET"]),
            Route(ORDERS + "/{id:int}/cancel", self._cancel, methods=["PUT"]),
        ]

    def place(self, product_id: int, combination_id: int | None, quantity: int) -> str:
        """Sell units. Returns the order's id."""
        self._store.move(product_id, combination_id, -quantity)
        now = self.now_ms()
        order_id = 1_700_000_000_000_000_001 + FIRST + len(self.by_id)
        self.by_id[order_id] = Order(
            id=order_id,
            product_id=product_id,
            combination_id=combination_id,
            quantity=quantity,
            placed_at_ms=now,
            modified_at_ms=now,
        )
        return str(order_id)

    def become(self, order_id: str, status: str) -> None:
        """Let an order be something else; a cancellation that is complete gives its units back."""
        order = self.by_id[int(order_id)]
        order.status, order.modified_at_ms = status, self.now_ms()
        if status.endswith("CancelComplete"):
            self._store.move(order.product_id, order.combination_id, order.quantity)

    def now_ms(self) -> int:
        """No two changes within a second, as the store's times have no more."""
        self._clock_ms = max(self._clock_ms + 1_000, time.time_ns() // 1_000_000)
        return self._clock_ms

    async def _pages(self, request: Request) -> Response:
        refused = self._store.refused(request)
        if refused is not None:
            return refused
        query = request.query_params
        start, end = query.get("order_modified_at_start", ""), query.get("order_modified_at_end", "")
        if set(query) != {"order_modified_at_start", "order_modified_at_end", "page"} or not self._are_times(
            start, end
        ):
            return platform_error(-2, "a parameter is missing, unknown or wrong", 400)
        found, page = self._between(start, end), int(query["page"])
        pages = -(-len(found) // _PAGE)
        content = [_entry(order) for order in found[(page - 1) * _PAGE : page * _PAGE]]
        return JSONResponse({"content": content, "last": page >= pages, "totalPages": pages, "number": page})

    async def _behind(self, request: Request) -> Response:
        refused = self._store.refused(request)
        if refused is not None:
            return refused
        query = request.query_params
        if set(query) - {"start", "end", "lastOrderId", "lastModifiedAt"} or not self._are_times(
            query.get("start", ""), query.get("end", "")
        ):
            return platform_error(-2, "a parameter is missing, unknown or wrong", 400)
        behind = (query.get("lastModifiedAt", ""), int(query.get("lastOrderId", "0")))
        found = [
            one for one in self._between(query["start"], query["end"]) if (_text(one.modified_at_ms), one.id) > behind
        ]
        return JSONResponse({"contents": [_entry(order) for order in found[:_PAGE]]})

    async def _detail(self, request: Request) -> Response:
        refused = self._store.refused(request)
        if refused is not None:
            return refused
        order = self.by_id.get(request.path_params["id"])
        return shop_error(-10404, "no such order", 404) if order is None else JSONResponse(self._whole(order))

    async def _cancel(self, request: Request) -> Response:
        refused = self._store.refused(request)
        if refused is not None:
            return refused
        order = self.by_id.get(request.path_params["id"])
        if order is None:
            return shop_error(-10404, "no such order", 404)
        if await request.body():
            return platform_error(-2, "no body is expected", 400)
        if self.silent > 0:
            self.silent -= 1
            return JSONResponse({"failedOrderIds": [order.id], "success": False})
        if order.status not in _CANCELLABLE:
            return shop_error(-22023, f"an order that is {order.status} cannot be cancelled", 400)
        self.become(str(order.id), "ShippingCancelComplete")
        return Response(status_code=200)

    def _whole(self, order: Order) -> Json:
        product = self._store.products.get(order.product_id, {})
        combinations = (product.get("option") or {}).get("combinations") or []
        option_code = next((one.get("managedCode") for one in combinations if one["id"] == order.combination_id), None)
        return {
            "id": order.id,
            "orderBase": {
                "id": order.id + 7,
                "paymentId": 4711,
                "status": order.status,
                "createdAt": _text(order.placed_at_ms),
                "paidAt": _text(order.placed_at_ms),
                "modifiedAt": _text(order.modified_at_ms),
            },
            "orderer": {"phoneNumber": "+82 10-0000-0000"},
            "orderProduct": {
                "id": order.id + 9,
                "name": product.get("name"),
                "sellerItemNo": product.get("storeManagementCode"),
                "sellerItemOptionCode": option_code,
                "quantity": order.quantity,
                "productPrice": 12000,
            },
        }

    def _between(self, start: str, end: str) -> list[Order]:
        found = [one for one in self.by_id.values() if start <= _text(one.modified_at_ms) <= end]
        return sorted(found, key=lambda one: (one.modified_at_ms, one.id))

    def _are_times(self, start: str, end: str) -> bool:
        return _TIME.fullmatch(start) is not None and _TIME.fullmatch(end) is not None and start <= end


def _entry(order: Order) -> Json:
    return {"orderId": order.id, "orderStatus": order.status, "modifiedAt": _text(order.modified_at_ms)}


def _text(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(_KOREA).strftime("%Y%m%d%H%M%S")
