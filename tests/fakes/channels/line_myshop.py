"""LINE MyShop on loopback: products with inventories that go up and down by amounts, and orders that hold them."""

import json
import re
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.channels.line_myshop_orders import FakeOrders
from tests.fakes.channels.line_myshop_products import PRODUCTS, FakeProducts
from tests.fakes.channels.line_myshop_stock import Stock, error

__all__ = ["INVENTORY", "PRODUCTS", "FakeLineMyshop", "Stock"]

INVENTORY: Final = "/myshop/v1/inventory"

_BELOW: Final = 100_000
_DIGITS: Final = re.compile(r"[0-9]{1,19}")


class Planned(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that the next call gets in place of a real one; the call is not applied."""

    status: int
    body: bytes


class FakeLineMyshop:
    """One shop.

    Attributes:
        products: inventory ids by product id.
        stock: by inventory id.
        planned: what the next calls are answered instead.
        conflicts: so many of the next changes meet another one.
        frozen: inventories whose changes are refused, whatever they are.
        revoked: the key has ended.
        on_read: what happens between a read and the call after it, each time.
        changes: what was applied, as (inventory id, difference).
        orders: what was sold; ``place_order`` sells.
        catalogue: the products beside their stock.
    """

    api_key = "dGhlLWtleS1vZi10aGUtc2hvcA=="

    def __init__(self) -> None:
        self.products: dict[int, list[int]] = {}
        self.stock: dict[int, Stock] = {}
        self.planned: deque[Planned] = deque()
        self.conflicts = 0
        self.frozen: set[int] = set()
        self.revoked = False
        self.on_read: Callable[[], None] | None = None
        self.changes: list[tuple[int, int]] = []
        self.orders = FakeOrders(self)
        self.catalogue = FakeProducts(self)

    @property
    def app(self) -> Starlette:
        # No route for ``adjust``: nobody knows what it does.
        change = INVENTORY + "/{id:int}"
        return Starlette(
            routes=[
                Route(PRODUCTS, self._list, methods=["GET"]),
                Route(change + "/increase", self._increase, methods=["PUT"]),
                Route(change + "/decrease", self._decrease, methods=["PUT"]),
                *self.catalogue.routes,
                *self.orders.routes,
            ]
        )

    def plan(self, status: int, body: object) -> None:
        """Answer the next call so; a body of bytes goes out as it is."""
        self.planned.append(Planned(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode()))

    def place_order(self, units: dict[int, int]) -> str:
        """Sell units, by inventory. Returns the order's number; nobody is told, the shop is polled."""
        return self.orders.place(units)

    def cancel_order(self, number: str) -> None:
        """Let the buyer cancel."""
        self.orders.end(number, "CANCELED")

    def variant_id(self, inventory_id: int) -> int | None:
        """The number of the variant that has this inventory."""
        for product_id, inventories in self.products.items():
            if inventory_id in inventories:
                return self.catalogue.listing(product_id).variants[inventory_id].id
        return None

    async def _list(self, request: Request) -> Response:
        refused = self.refused(request)
        if refused is not None:
            return refused
        query = request.query_params
        ids, skus = query.getlist("ids"), set(query.getlist("skus"))
        per_page, page = int(query.get("perPage", "20")), int(query.get("page", "1"))
        if set(query) - {"ids", "skus", "page", "perPage"} or not all(_DIGITS.fullmatch(one) for one in ids):
            return error("BAD_REQUEST", "a parameter is unknown or has a wrong type", 400)
        if not 1 <= per_page <= 100 or page < 1:
            return error("BAD_REQUEST", "perPage is 1 to 100, and pages start with 1", 400)
        shown = [self.catalogue.shown(one) for one in self.products if not ids or str(one) in ids]
        found = [one for one in shown if not skus or skus & {variant["sku"] for variant in one["variants"]}]
        data, pages = found[(page - 1) * per_page : page * per_page], -(-len(found) // per_page)
        if self.on_read is not None:
            self.on_read()
        return JSONResponse(
            {"data": data, "currentPage": page, "perPage": per_page, "totalPage": pages, "totalRow": len(found)}
        )

    async def _increase(self, request: Request) -> Response:
        return await self._change(request, 1)

    async def _decrease(self, request: Request) -> Response:
        return await self._change(request, -1)

    async def _change(self, request: Request, sign: int) -> Response:
        refused = self.refused(request)
        if refused is not None:
            return refused
        stock = self.stock.get(request.path_params["id"])
        if stock is None:
            return error("NOT_FOUND", "inventory not found", 404)
        if request.headers.get("content-type") != "application/json":
            return error("BAD_REQUEST", "content-type", 400)
        body = json.loads(await request.body())
        amount = body.get("amount")
        if set(body) != {"amount"} or not isinstance(amount, int) or not 1 <= amount < _BELOW:
            return error("BAD_REQUEST", "amount is 1 to 99999, and alone", 400)
        if self.conflicts > 0:
            self.conflicts -= 1
            return error("DATA_CONFLICT", "changed by another", 409)
        after = stock.available + sign * amount
        if not 0 <= after < _BELOW or request.path_params["id"] in self.frozen:
            return error("BAD_REQUEST", f"amount does not fit {stock.available}", 400)
        stock.on_hand += sign * amount
        self.changes.append((request.path_params["id"], sign * amount))
        return JSONResponse(
            {
                "availableNumber": stock.available,
                "onHandAmount": stock.on_hand,
                "readyToShipAmount": stock.ready_to_ship,
                "reservedAmount": stock.reserved,
            }
        )

    def refused(self, request: Request) -> Response | None:
        """The answer to a call that goes no further; None: it does."""
        if self.planned:
            answer = self.planned.popleft()
            return Response(answer.body, status_code=answer.status, media_type="application/json")
        agent = request.headers.get("user-agent", "")
        if not agent or agent.startswith("python"):
            return error("BAD_REQUEST", "name yourself in User-Agent", 400)
        key = request.headers.get("x-api-key", "")
        if self.revoked or key != self.api_key:
            return error("UNAUTHORIZED", f"unknown key {key}", 401)
        return None
