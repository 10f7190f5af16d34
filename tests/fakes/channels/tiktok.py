"""A stateful TikTok Shop on loopback: it checks every call as the real one documents, and can be told to refuse."""

import hashlib
import hmac
import itertools
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.fakes.channels.tiktok_answered import Answered, only
from tests.fakes.channels.tiktok_orders import Push, TikTokOrders
from tests.fakes.channels.tiktok_products import TikTokProducts

SEARCH: Final = "/product/202309/inventory/search"
REFRESH: Final = "/api/v2/token/refresh"
MOST_SKUS: Final = 100
MOST_QUANTITY: Final = 99_999
MOST_SEARCHED: Final = 600

Handle = Callable[[Request, Any], Any]


class FakeTikTok:
    """One shop with one app.

    Attributes:
        products: by product, SKU and warehouse, the units for sale.
        refused: by SKU, the code that it alone is refused with.
        whole: the next calls are refused as a whole with these codes.
        raw: the next calls are answered with these bytes.
        takes_zero: whether a SKU may have no units.
        updates: how many SKUs each update set that was not refused as a whole.
        renewals: how often access was renewed.
        scopes: what the app may do.
        lose: by path, so many of the next calls are applied and their answers lost.
        orders: what was sold there.
        catalogue: the products with their texts, prices and names of SKUs.
    """

    app_key = "29a39d"
    app_secret = "the-app-secret-of-tests"
    shop_cipher = "GCP_XF90igAAAABh00qsWgtv"
    warehouses = ("7001", "7002")

    def __init__(self) -> None:
        self.products: dict[str, dict[str, dict[str, int]]] = {}
        self.refused: dict[str, int] = {}
        self.whole: deque[int] = deque()
        self.raw: deque[bytes] = deque()
        self.takes_zero = True
        self.updates: list[int] = []
        self.renewals = 0
        self.lives_s = 7 * 24 * 3600
        self._numbers = itertools.count(1)
        self.revoked = False
        self.lose: dict[str, int] = {}
        self.scopes = {"stock", "products", "orders", "cancellations"}
        self.orders = TikTokOrders(self.products, app_key=self.app_key, app_secret=self.app_secret)
        self.catalogue = TikTokProducts(self.products, self.warehouses)
        self._new_tokens()

    @property
    def app(self) -> Starlette:
        more = [
            Route(path, self._answering(handle, set(params), scope), methods=[method])
            for method, path, params, scope, handle in (*self.orders.calls, *self.catalogue.calls)
        ]
        return Starlette(
            routes=[
                *more,
                Route(REFRESH, self._refresh, methods=["GET"]),
                Route(SEARCH, self._search, methods=["POST"]),
                Route("/product/202309/products/{product_id}/inventory/update", self._update, methods=["POST"]),
            ]
        )

    def add(self, product_id: str, *sku_ids: str) -> None:
        self.products[product_id] = {sku_id: dict.fromkeys(self.warehouses, 1) for sku_id in sku_ids}

    def place_order(
        self, items: Mapping[str, int], *, status: str = "AWAITING_SHIPMENT", bundles: Mapping[str, int] | None = None
    ) -> Push:
        """Sell units by item (``product_id/sku_id``), or as bundles of them; returns the push that tells of it."""
        return self.orders.place(items, status=status, bundles=bundles or {})

    def cancel_order(self, order_id: str, items: Mapping[str, int] | None = None) -> Push:
        """Cancel units of an order, or all of it, as its buyer does; returns the push that tells of it."""
        return self.orders.cancel(order_id, items)

    def stock(self, product_id: str, sku_id: str) -> list[int]:
        """The units in each warehouse."""
        return list(self.products[product_id][sku_id].values())

    def end_access(self) -> None:
        """The access token ends before its time."""
        self.access_token = "ended"

    # --- the API ---

    def _new_tokens(self) -> None:
        number = next(self._numbers)
        self.access_token = f"TTP_access-token-{number}"
        self.refresh_token = f"TTP_refresh-token-{number}"
        self.expires_at_s = int(time.time()) + self.lives_s

    async def _refresh(self, request: Request) -> Response:
        given = dict(request.query_params)
        expected = {
            "app_key": self.app_key,
            "app_secret": self.app_secret,
            "refresh_token": self.refresh_token,
            "grant_type": "refresh_token",
        }
        if self.revoked or given != expected:
            return JSONResponse({"code": 36004004, "message": f"invalid refresh token {given['refresh_token']}"})
        self._new_tokens()
        self.renewals += 1
        data = {
            "access_token": self.access_token,
            "access_token_expire_in": self.expires_at_s,
            "refresh_token": self.refresh_token,
            "refresh_token_expire_in": self.expires_at_s + 10_000_000,
            "open_id": "7010736057180325637",
            "seller_name": "Jjj test shop",
            "user_type": 0,
        }
        return JSONResponse({"code": 0, "message": "success", "data": data, "request_id": "1"})

    async def _update(self, request: Request) -> Response:
        return await self._answer(request, self._updated, set(), "stock")

    async def _search(self, request: Request) -> Response:
        return await self._answer(request, self._searched, set(), "stock")

    def _answering(self, handle: Handle, params: set[str], scope: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await self._answer(request, handle, params, scope)

        return answer

    async def _answer(self, request: Request, handle: Handle, params: set[str], scope: str) -> Response:
        body = await request.body()
        if self.raw:
            return Response(self.raw.popleft(), media_type="application/json")
        try:
            self._check_caller(request, body, params)
            self._check_call(scope)
            data = handle(request, msgspec.json.decode(body) if body else None)
        except Answered as answered:
            failure = {"code": answered.code, "message": answered.message, "request_id": "2", "data": None}
            return JSONResponse(failure, answered.status)
        if self.lose.get(request.url.path):
            self.lose[request.url.path] -= 1
            return Response(status_code=504)
        return JSONResponse({"code": 0, "message": "Success", "request_id": "3", "data": data})

    def _check_caller(self, request: Request, body: bytes, params: set[str]) -> None:
        query = dict(request.query_params)
        known = {"app_key", "timestamp", "sign", "shop_cipher"}
        if not known <= set(query) <= known | params or query["app_key"] != self.app_key:
            raise Answered(36009004, "invalid parameters", 400)
        if not -300 <= int(query["timestamp"]) - time.time() <= 30:
            raise Answered(36009004, "timestamp is expired", 400)
        if query["shop_cipher"] != self.shop_cipher:
            raise Answered(106013, "shop cipher is missing", 400)
        if request.headers.get("content-type") != "application/json":
            raise Answered(36009004, "content-type", 400)
        text = request.url.path
        for name in sorted(set(query) - {"sign"}):
            text += name + query[name]
        message = (self.app_secret + text).encode() + body + self.app_secret.encode()
        right = hmac.new(self.app_secret.encode(), message, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(right, query["sign"]):
            raise Answered(106001, "Signature is invalid", 401)
        if request.headers.get("x-tts-access-token") != self.access_token:
            raise Answered(105002, "Expired credentials", 401)

    def _check_call(self, scope: str) -> None:
        if scope not in self.scopes:
            raise Answered(105005, "Access denied: scope", 403)
        if self.whole:
            raise Answered(self.whole.popleft(), "refused as a whole")

    def _updated(self, request: Request, body: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
        product = self.products.get(request.path_params["product_id"])
        if product is None:
            raise Answered(12052032, "The product does not exist")
        only(body, {"skus"})
        ids = [sku["id"] for sku in body["skus"]]
        if not ids or len(ids) > MOST_SKUS:
            raise Answered(12052050, "A single product cannot have more than 100 different SKUs")
        if len(set(ids)) < len(ids):
            raise Answered(12052553, "Sku id duplicate")
        if not set(ids) <= set(product):
            raise Answered(12052556, "The SKU id not exist.")
        errors = []
        for sku in body["skus"]:
            wrong = self._set(product, sku)
            if wrong is not None:
                below = [{"warehouse_id": self.warehouses[0], "code": wrong, "message": f"because of {wrong}"}]
                detail = {"sku_id": sku["id"], "extra_errors": below}
                errors.append({"code": 12052990, "message": "Check failed", "detail": detail})
        self.updates.append(len(ids))
        return {"errors": errors} if errors else {}

    def _set(self, product: dict[str, dict[str, int]], sku: Any) -> int | None:  # noqa: ANN401 - any JSON
        """Set a SKU, or return the code of why not."""
        only(sku, {"id", "inventory"})
        if sku["id"] in self.refused:
            return self.refused[sku["id"]]
        quantities = {}
        for one in sku["inventory"]:
            only(one, {"warehouse_id", "quantity"})
            quantities[one["warehouse_id"]] = one["quantity"]
        if set(quantities) != set(product[sku["id"]]) or len(quantities) != len(sku["inventory"]):
            return 12019028
        values = list(quantities.values())
        if any(type(value) is not int or not 0 <= value <= MOST_QUANTITY for value in values):
            return 12052055
        if not self.takes_zero and sum(values) == 0:
            return 12019024
        product[sku["id"]] = quantities
        return None

    def _searched(self, request: Request, body: Any) -> dict[str, Any]:  # noqa: ANN401, ARG002 - any JSON
        only(body, {"sku_ids"})
        if not 1 <= len(body["sku_ids"]) <= MOST_SEARCHED:
            raise Answered(12019015, "The number of SKU exceed the limit")
        found = []
        for product_id, product in self.products.items():
            skus = [
                {"id": sku_id, "seller_sku": "", "total_available_quantity": sum(product[sku_id].values())}
                for sku_id in body["sku_ids"]
                if sku_id in product
            ]
            if skus:
                found.append({"product_id": product_id, "skus": skus})
        return {"inventory": found}
