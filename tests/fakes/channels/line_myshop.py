"""LINE MyShop on loopback: products with inventories that go up and down by amounts."""

import json
import re
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

PRODUCTS: Final = "/myshop/v1/products"
INVENTORY: Final = "/myshop/v1/inventory"

_BELOW: Final = 100_000
_DIGITS: Final = re.compile(r"[0-9]{1,19}")


class Stock(msgspec.Struct, kw_only=True):
    """What there is of one inventory."""

    on_hand: int
    reserved: int = 0
    ready_to_ship: int = 0

    @property
    def available(self) -> int:
        return self.on_hand - self.reserved - self.ready_to_ship


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

    @property
    def app(self) -> Starlette:
        # No route for ``adjust``: nobody knows what it does.
        change = INVENTORY + "/{id:int}"
        return Starlette(
            routes=[
                Route(PRODUCTS, self._list, methods=["GET"]),
                Route(change + "/increase", self._increase, methods=["PUT"]),
                Route(change + "/decrease", self._decrease, methods=["PUT"]),
            ]
        )

    def plan(self, status: int, body: object) -> None:
        """Answer the next call so; a body of bytes goes out as it is."""
        self.planned.append(Planned(status=status, body=body if isinstance(body, bytes) else json.dumps(body).encode()))

    async def _list(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        query = request.query_params
        ids = query.getlist("ids")
        if set(query) - {"ids", "skus", "page", "perPage"} or not all(_DIGITS.fullmatch(one) for one in ids):
            return _error("BAD_REQUEST", "a parameter is unknown or has a wrong type", 400)
        data = [self._product(one) for one in self.products if not ids or str(one) in ids]
        if self.on_read is not None:
            self.on_read()
        return JSONResponse({"data": data, "currentPage": 1, "perPage": 20, "totalPage": 1, "totalRow": len(data)})

    def _product(self, product_id: int) -> dict[str, object]:
        variants = [
            {
                "id": None,
                "inventoryId": inventory_id,
                "sku": f"line-{inventory_id}",
                "price": 99.5,
                "availableNumber": self.stock[inventory_id].available,
                "onHandNumber": self.stock[inventory_id].on_hand,
                "reservedNumber": self.stock[inventory_id].reserved,
                "readyToShipNumber": self.stock[inventory_id].ready_to_ship,
            }
            for inventory_id in self.products[product_id]
        ]
        return {"id": product_id, "name": "เสื้อ", "hasOnlyDefaultVariant": len(variants) == 1, "variants": variants}

    async def _increase(self, request: Request) -> Response:
        return await self._change(request, 1)

    async def _decrease(self, request: Request) -> Response:
        return await self._change(request, -1)

    async def _change(self, request: Request, sign: int) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        stock = self.stock.get(request.path_params["id"])
        if stock is None:
            return _error("NOT_FOUND", "inventory not found", 404)
        if request.headers.get("content-type") != "application/json":
            return _error("BAD_REQUEST", "content-type", 400)
        body = json.loads(await request.body())
        amount = body.get("amount")
        if set(body) != {"amount"} or not isinstance(amount, int) or not 1 <= amount < _BELOW:
            return _error("BAD_REQUEST", "amount is 1 to 99999, and alone", 400)
        if self.conflicts > 0:
            self.conflicts -= 1
            return _error("DATA_CONFLICT", "changed by another", 409)
        after = stock.available + sign * amount
        if not 0 <= after < _BELOW or request.path_params["id"] in self.frozen:
            return _error("BAD_REQUEST", f"amount does not fit {stock.available}", 400)
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

    def _refused(self, request: Request) -> Response | None:
        if self.planned:
            answer = self.planned.popleft()
            return Response(answer.body, status_code=answer.status, media_type="application/json")
        agent = request.headers.get("user-agent", "")
        if not agent or agent.startswith("python"):
            return _error("BAD_REQUEST", "name yourself in User-Agent", 400)
        key = request.headers.get("x-api-key", "")
        if self.revoked or key != self.api_key:
            return _error("UNAUTHORIZED", f"unknown key {key}", 401)
        return None


def _error(code: str, message: str, status: int) -> Response:
    body = {"code": code, "message": message, "info": {}, "timestamp": int(time.time())}
    return JSONResponse(body, status_code=status)
