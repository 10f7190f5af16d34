"""Orders of a Meta shop: listed by when they changed, read with fields, cancelled with a key."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.routing import Route

from tests.fakes.channels.meta_graph import (
    VERSION,
    Endpoint,
    GraphError,
    Run,
    check_params,
    check_token,
    fields_of,
    page,
    picked,
)
from tests.fakes.channels.meta_items import Product
from tests.fakes.channels.numbers import FIRST

STATES = {"FB_PROCESSING", "CREATED", "IN_PROGRESS", "COMPLETED"}
REASONS = {"CUSTOMER_REQUESTED", "OUT_OF_STOCK", "INVALID_ADDRESS", "SUSPICIOUS_ORDER", "CANCEL_REASON_OTHER"}


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Order(msgspec.Struct, kw_only=True):
    """An order.

    Attributes:
        lines: units by item id, as they were ordered.
        cancelled: units by item id, of each cancellation.
    """

    order_id: str
    state: str
    created_ms: int
    updated_ms: int
    lines: dict[str, int]
    cancelled: list[dict[str, int]] = []

    @property
    def held(self) -> dict[str, int]:
        """Units that are not cancelled."""
        left = {one: units - sum(part.get(one, 0) for part in self.cancelled) for one, units in self.lines.items()}
        return {one: units for one, units in left.items() if units}


class FakeMetaOrders:
    """The orders of one shop; a part of ``FakeMeta``, which serves it.

    Args:
        products: of the catalogue; an order takes their units.
        app_secret: of the app.
        clock_ms: its clock.

    Attributes:
        orders: by id.
        dead: whether the page's token has ended.
        page: entries of a list in one answer.
        loses_cancellations: so many of the next cancellations are made, and nobody is told.
        refuses: why no order can be cancelled; blank: it can.
        keys: idempotency keys that were used.
    """

    account_id = "64000841790004"
    page_access_token = "the-token-of-the-page"

    def __init__(
        self, products: Callable[[], dict[str, Product]], app_secret: str, *, clock_ms: Callable[[], int]
    ) -> None:
        self._products = products
        self._app_secret = app_secret
        self._clock_ms = clock_ms
        self.orders: dict[str, Order] = {}
        self.dead = False
        self.page = 100
        self.loses_cancellations = 0
        self.refuses = ""
        self.keys: list[str] = []

    def routes(self, serve: Callable[[Run], Endpoint]) -> list[Route]:
        """Return its routes; ``serve`` makes an endpoint of a method."""
        path = f"/{VERSION}/{{object}}"
        return [
            Route(f"{path}/commerce_orders", serve(self._list), methods=["GET"]),
            Route(f"{path}/items", serve(self._items), methods=["GET"]),
            Route(f"{path}/cancellations", serve(self._cancellations), methods=["GET"]),
            Route(f"{path}/cancellations", serve(self._cancel), methods=["POST"]),
            Route(path, serve(self._read), methods=["GET"]),
        ]

    def place_order(self, lines: Mapping[str, int], *, state: str = "CREATED") -> str:
        """Buy; the units are gone from the catalogue. Returns the order's id."""
        order_id = str(368_508_827_392_800 + FIRST + len(self.orders))
        now = self._clock_ms()
        self.orders[order_id] = Order(order_id=order_id, state=state, created_ms=now, updated_ms=now, lines=dict(lines))
        for item_id, units in lines.items():
            self._add(item_id, -units)
        return order_id

    def cancel_order(self, order_id: str, lines: Mapping[str, int] | None = None, *, restock: bool = True) -> None:
        """Cancel an order, or some of it, as the buyer or staff do over there."""
        order = self.orders[order_id]
        units = dict(order.held if lines is None else lines)
        order.cancelled = [*order.cancelled, units]
        order.updated_ms = self._clock_ms()
        if not order.held:
            order.state = "COMPLETED"
        for item_id, count in units.items() if restock else ():
            self._add(item_id, count)

    def advance(self, order_id: str, state: str) -> None:
        """Put an order into another state."""
        self.orders[order_id].state = state
        self.orders[order_id].updated_ms = self._clock_ms()

    def _add(self, item_id: str, units: int) -> None:
        product = self._products().get(item_id)
        if product is not None and product.quantity is not None:
            product.quantity = max(0, product.quantity + units)
            product.availability = "in stock" if product.quantity else "out of stock"

    def _check(self, request: Request) -> None:
        check_token(request, self.page_access_token, self._app_secret, dead=self.dead)

    def _order(self, request: Request) -> Order:
        self._check(request)
        order = self.orders.get(request.path_params["object"])
        if order is None:
            raise GraphError(100, "Unsupported get request. Object with that ID does not exist", subcode=33)
        return order

    async def _list(self, request: Request) -> dict[str, Any]:
        self._check(request)
        if request.path_params["object"] != self.account_id:
            raise GraphError(100, "Unsupported get request. Object with that ID does not exist", subcode=33)
        check_params(request, {"fields", "limit"}, {"state", "updated_after", "updated_before", "filters", "after"})
        states = set(request.query_params.get("state", "CREATED").split(","))
        if states - STATES:
            raise GraphError(100, f"(#100) Param state must be one of {sorted(STATES)}")
        since_ms = int(request.query_params.get("updated_after", "0")) * 1000
        if since_ms > self._clock_ms() + 1000:
            raise GraphError(100, "(#100) updated_after is in the future; is it in seconds?")
        found = [
            one for one in self.orders.values() if one.state in states and one.updated_ms // 1000 * 1000 > since_ms
        ]
        nodes = [_node(one) for one in sorted(found, key=lambda one: -one.updated_ms)]
        return self._page(request, nodes)

    async def _read(self, request: Request) -> dict[str, Any]:
        order = self._order(request)
        check_params(request, {"fields"}, set())
        return picked(_node(order), fields_of(request.query_params["fields"]), most=self.page) | {"id": order.order_id}

    async def _items(self, request: Request) -> dict[str, Any]:
        order = self._order(request)
        check_params(request, {"fields", "limit"}, {"after"})
        return self._page(request, _node(order)["items"])

    async def _cancellations(self, request: Request) -> dict[str, Any]:
        order = self._order(request)
        check_params(request, {"fields", "limit"}, {"after"})
        return self._page(request, _node(order)["cancellations"])

    def _page(self, request: Request, nodes: list[dict[str, Any]]) -> dict[str, Any]:
        params = request.query_params
        limit = min(int(params["limit"]), self.page)
        return page(nodes, fields_of(params["fields"]), limit=limit, most=self.page, after=params.get("after", ""))

    async def _cancel(self, request: Request) -> dict[str, Any]:
        order = self._order(request)
        check_params(request, set(), set())
        body = msgspec.json.decode(await request.body(), type=dict[str, Any])
        if not {"idempotency_key"} <= set(body) <= {"cancel_reason", "idempotency_key", "items", "restock_items"}:
            raise GraphError(100, f"(#100) unexpected {sorted(body)}")
        reason = body.get("cancel_reason", {})
        if set(reason) - {"reason_code", "reason_description"} or reason.get("reason_code") not in REASONS:
            raise GraphError(100, "(#100) cancel_reason is none of the supported values")
        if body["idempotency_key"] in self.keys:
            return {"success": True}
        if self.refuses:
            raise GraphError(100, f"(#100) {self.refuses}")
        if order.state == "FB_PROCESSING":
            raise GraphError(100, "(#100) The order is still being processed")
        if not order.held:
            raise GraphError(100, "(#100) There is nothing left to cancel")
        self.keys.append(body["idempotency_key"])
        lines = {one["retailer_id"]: one["quantity"] for one in body["items"]} if "items" in body else None
        self.cancel_order(order.order_id, lines, restock=body.get("restock_items", False))
        if self.loses_cancellations > 0:
            self.loses_cancellations -= 1
            raise GraphError(2, "Service temporarily unavailable", status=503)
        return {"success": True}


def _node(order: Order) -> dict[str, Any]:
    return {
        "id": order.order_id,
        "created": _time(order.created_ms),
        "last_updated": _time(order.updated_ms),
        "order_status": {"state": order.state},
        "channel": "instagram",
        "items": [
            {"id": f"{order.order_id}{n}", "retailer_id": one, "quantity": units, "product_id": f"24{n}"}
            for n, (one, units) in enumerate(order.lines.items())
        ],
        "cancellations": [
            {
                "id": f"77{n}",
                "cancel_reason": {"reason_code": "OUT_OF_STOCK"},
                "items": [{"retailer_id": one, "quantity": units} for one, units in part.items()],
            }
            for n, part in enumerate(order.cancelled)
        ],
    }


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
