"""A shop with Shopify's Admin API (GraphQL), as far as a sales channel goes: checked down to the last field.

It reads no GraphQL. The text of an operation must name these fields and no others; the rest is in its variables.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qs

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tests.fakes.channels.shopify_operations import Operation, ShopError, ShopItem, number_in, operation
from tests.fakes.channels.shopify_orders import Push, ShopifyOrders
from tests.fakes.channels.shopify_products import ShopifyProducts
from tests.fakes.channels.troubles import Troubles

VERSIONS: Final = {"2026-04", "2026-07", "2026-10"}
REASONS: Final = {"correction", "cycle_count_available", "damaged", "movement_created", "other", "received", "restock"}
MOST_ENTRIES: Final = 250
MOST_COST: Final = 1_000
MOST_QUANTITY: Final = 1_000_000_000
SET_COST: Final = 10

_ITEM = re.compile(r"gid://shopify/InventoryItem/([1-9][0-9]*)")
_LOCATION = re.compile(r"gid://shopify/Location/([1-9][0-9]*)")
_READ: Final = (
    "query ids ID location nodes on InventoryItem id tracked inventoryLevel locationId quantities names available name"
    " quantity"
)
_SET: Final = (
    "mutation input InventorySetQuantitiesInput key String inventorySetQuantities idempotent userErrors code field"
    " message"
)


class FakeShopify:
    """One shop; serve ``app`` and let a kind's ``base_url`` be ``<address>/{shop}``.

    Args:
        restore_rate: points of cost that come back per second; 100 is the smallest plan's.
        most_points: what its bucket holds.

    Attributes:
        items: by number; a test changes them as the shop's own staff and buyers do.
        sold_meanwhile: after each read the first of these is taken and subtracted, by number.
        refuse: items that a change is refused for, with the code.
        end_with: HTTP statuses of the next answers.
        garble: bodies in place of the next answers.
        lose_changes: so many of the next changes are made and their answers lost; reads are not concerned.
        lose: so many of the next runs of these operations are made and their answers lost, by name.
        token: the access token that is taken.
        refresh_token: what new access is asked for with; blank: with the app's id and secret alone.
        lives_s: how long new access lasts.
        renewals: how often new access was given.
        revoked: whether none is given.
        orders: what was sold there.
        catalogue: the products.
        keys: every idempotency key that came, with the change that it was for, as JSON.
        throttled: calls that cost more than there was.
    """

    shop = "show.myshopify.com"
    client_id = "0123456789abcdef"
    client_secret = "the-client-secret-of-the-app"
    location_id = "655441491"

    def __init__(self, *, restore_rate: float = 100.0, most_points: float = 1_000.0) -> None:
        self.items: dict[str, ShopItem] = {}
        self.scopes = {"read_inventory", "write_inventory", "read_orders", "write_orders", "read_products"}
        self.scopes.add("write_products")
        self.token = "the-access-token-of-the-app"
        self.refresh_token = ""
        self.lives_s = 86_399
        self.renewals = 0
        self.revoked = False
        self.lose: dict[str, int] = {}
        self.sold_meanwhile: deque[Mapping[str, int]] = deque()
        self.refuse: dict[str, str] = {}
        self.end_with: deque[int] = deque()
        self.garble: deque[bytes] = deque()
        self.lose_changes = 0
        self.keys: dict[str, bytes] = {}
        self.throttled = 0
        self.points = self.most_points = most_points
        self.restore_rate = restore_rate
        self._counted_at = time.monotonic()
        self.orders = ShopifyOrders(lambda: self.items, shop=self.shop, client_secret=self.client_secret)
        self.catalogue = ShopifyProducts(lambda: self.items, location=f"gid://shopify/Location/{self.location_id}")
        self._operations = (
            operation(
                "read", _READ, {"ids", "location"}, "read_inventory", self._read, price=lambda ids: 1 + 3 * len(ids)
            ),
            operation(
                "set", _SET, {"input", "key"}, "write_inventory", self._set_once, price=lambda _: SET_COST, costs=None
            ),
            *self.orders.operations,
            *self.catalogue.operations,
        )
        graphql = Route("/{shop}/admin/api/{version}/graphql.json", self._answer, methods=["POST"])
        access = Route("/{shop}/admin/oauth/access_token", self._renew, methods=["POST"])
        self.troubles = Troubles(Starlette(routes=[graphql, access]))
        self.app = Starlette(routes=[Mount("/", app=self.troubles)])

    def end_access(self) -> None:
        """The access token ends before its time."""
        self.token = "ended"

    def place_order(self, items: Mapping[str, int], **words: str) -> Push:
        """Sell units by number of the item; returns the push that tells of it."""
        return self.orders.place(items, **words)

    def cancel_order(self, order_id: str, items: Mapping[str, int] | None = None) -> Push:
        """Cancel units of an order before they are shipped, or all of it; returns the push that tells of it."""
        return self.orders.cancel(order_id, items)

    async def _renew(self, request: Request) -> Response:
        given = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        expected = {"client_id": self.client_id, "client_secret": self.client_secret}
        if self.refresh_token:
            expected |= {"grant_type": "refresh_token", "refresh_token": self.refresh_token}
        else:
            expected |= {"grant_type": "client_credentials"}
        if self.revoked or given != expected or request.path_params["shop"] != self.shop:
            return JSONResponse({"error": "invalid_request", "error_description": str(given)}, status_code=400)
        self.renewals += 1
        self.token = f"shpat_of_the_tests_{self.renewals}"
        answer: dict[str, object] = {"access_token": self.token, "scope": "x", "expires_in": self.lives_s}
        if self.refresh_token:
            self.refresh_token = f"shprt_of_the_tests_{self.renewals}"
            answer |= {"refresh_token": self.refresh_token, "refresh_token_expires_in": 7_776_000}
        return JSONResponse(answer)

    async def _answer(self, request: Request) -> Response:
        if request.path_params["shop"] != self.shop or request.path_params["version"] not in VERSIONS:
            return JSONResponse({"errors": "Not Found"}, status_code=404)
        if request.headers.get("x-shopify-access-token") != self.token:
            return JSONResponse({"errors": "[API] Invalid API key or access token"}, status_code=401)
        if self.end_with:
            status = self.end_with.popleft()
            return JSONResponse({"errors": "as told by the test"}, status_code=status)
        if request.headers.get("content-type") != "application/json":
            return JSONResponse({"errors": "not JSON"}, status_code=415)
        call = msgspec.json.decode(await request.body(), type=dict[str, Any])
        cost: dict[str, object] = {}
        name = ""
        try:
            found = self._operation(call)
            name = found.name
            answer: dict[str, object] = {"data": self._run(found, call, cost)}
        except ShopError as error:
            answer = {"errors": [error.answer]}
        if self.lose_changes and name == "set":
            self.lose_changes -= 1
            return Response(status_code=504)
        if self.lose.get(name):
            self.lose[name] -= 1
            return Response(status_code=504)
        if self.garble:
            return Response(self.garble.popleft(), media_type="application/json")
        return JSONResponse(answer | {"extensions": {"cost": cost}})

    def _operation(self, call: dict[str, Any]) -> Operation:
        if set(call) != {"query", "variables"}:
            raise ShopError("BAD_REQUEST", f"unexpected {sorted(call)}")
        found = [one for one in self._operations if one.fits(call["query"])]
        if not found:
            raise ShopError("undefinedField", "there is no such operation, or it asks for other fields")
        if found[0].needs not in self.scopes:
            raise ShopError("ACCESS_DENIED", f"Required access: `{found[0].needs}` access scope.")
        if set(call["variables"]) != found[0].variables:
            raise ShopError("INVALID_VARIABLE", "a variable is missing, or nobody uses it")
        return found[0]

    def _run(self, found: Operation, call: dict[str, Any], cost: dict[str, object]) -> object:
        given = call["variables"]
        self._pay(found.price(given.get("ids", [])), found.costs, cost)
        if found.name == "set" and "@idempotent(key: $key)" not in call["query"]:
            raise ShopError("BAD_REQUEST", "inventorySetQuantities needs the directive @idempotent")
        return found.run(**given)

    def _pay(self, price: int, costs: int | None, cost: dict[str, object]) -> None:
        now = time.monotonic()
        self.points = min(self.most_points, self.points + (now - self._counted_at) * self.restore_rate)
        self._counted_at = now
        enough = price <= self.points
        if enough:
            self.points -= price if costs is None else costs
        cost["requestedQueryCost"] = price
        cost["actualQueryCost"] = (price if costs is None else costs) if enough else None
        cost["throttleStatus"] = {
            "maximumAvailable": self.most_points,
            "currentlyAvailable": self.points,
            "restoreRate": self.restore_rate,
        }
        if price > MOST_COST:
            raise ShopError(
                "MAX_COST_EXCEEDED", f"Query cost is {price}, which exceeds the single query max cost limit"
            )
        if not enough:
            self.throttled += 1
            raise ShopError("THROTTLED", "Throttled")

    def _read(self, ids: list[str], location: str) -> object:
        if len(ids) > MOST_ENTRIES:
            raise ShopError("MAX_INPUT_SIZE_EXCEEDED", "the input array is too long")
        nodes = [self._node(gid, location) for gid in ids]
        for number, sold in (self.sold_meanwhile.popleft() if self.sold_meanwhile else {}).items():
            self.items[number].available -= sold
        return {"nodes": nodes}

    def _node(self, gid: str, location: str) -> object:
        item = self.items.get(number_in(_ITEM, gid))
        if item is None:
            return None
        level = {"quantities": [{"name": "available", "quantity": item.available}]}
        here = item.stocked and number_in(_LOCATION, location) == self.location_id
        return {"id": gid, "tracked": item.tracked, "inventoryLevel": level if here else None}

    def _set_once(self, input: dict[str, Any], key: str) -> object:
        """A key that came before answers what it answered, without a change."""
        return {"inventorySetQuantities": self._set_with(input, key)}

    def _set_with(self, given: dict[str, Any], key: str) -> object:
        if not 0 < len(key) <= 255:
            raise ShopError("BAD_REQUEST", "the idempotency key is no key")
        change = msgspec.json.encode(given)
        if self.keys.setdefault(key, change) != change:
            return _complaints((["idempotencyKey"], "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"))
        return self._set(given)

    def _set(self, given: dict[str, Any]) -> object:
        if set(given) - {"referenceDocumentUri"} != {"name", "reason", "quantities"}:
            raise ShopError("INVALID_VARIABLE", f"InventorySetQuantitiesInput has other fields than {sorted(given)}")
        entries = given["quantities"]
        if not 0 < len(entries) <= MOST_ENTRIES:
            raise ShopError("MAX_INPUT_SIZE_EXCEEDED", "the input array is too long, or empty")
        for entry in entries:
            if set(entry) != {"inventoryItemId", "locationId", "quantity", "changeFromQuantity"}:
                raise ShopError("INVALID_VARIABLE", f"InventoryQuantityInput has other fields than {sorted(entry)}")
            if type(entry["quantity"]) is not int or not isinstance(entry["changeFromQuantity"], int | None):
                raise ShopError("INVALID_VARIABLE", "a quantity is a whole number")
        if given["name"] != "available":
            return _complaints((["input", "name"], "INVALID_NAME"))
        if given["reason"] not in REASONS:
            return _complaints((["input", "reason"], "INVALID_REASON"))
        wrong = [(entry, place, self._wrong(entry)) for place, entry in enumerate(entries)]
        if len({entry["inventoryItemId"] for entry in entries}) < len(entries):
            return _complaints((["input", "quantities"], "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR"))
        found = [(["input", "quantities", str(place), why[0]], why[1]) for _, place, why in wrong if why]
        if not found:  # all or nothing
            for entry in entries:
                self.items[number_in(_ITEM, entry["inventoryItemId"])].available = entry["quantity"]
        return _complaints(*found)

    def _wrong(self, entry: dict[str, Any]) -> tuple[str, str] | None:
        """The field and the code."""
        number = number_in(_ITEM, entry["inventoryItemId"])
        item = self.items.get(number)
        if item is None:
            return "inventoryItemId", "INVALID_INVENTORY_ITEM"
        checks: list[tuple[Callable[[], bool], str, str]] = [
            (lambda: number in self.refuse, "inventoryItemId", self.refuse.get(number, "")),
            (lambda: number_in(_LOCATION, entry["locationId"]) != self.location_id, "locationId", "INVALID_LOCATION"),
            (lambda: not item.stocked, "locationId", "ITEM_NOT_STOCKED_AT_LOCATION"),
            (lambda: entry["quantity"] < 0, "quantity", "INVALID_QUANTITY_NEGATIVE"),
            (lambda: entry["quantity"] > MOST_QUANTITY, "quantity", "INVALID_QUANTITY_TOO_HIGH"),
            (
                lambda: entry["changeFromQuantity"] not in (None, item.available),
                "changeFromQuantity",
                "CHANGE_FROM_QUANTITY_STALE",
            ),
        ]
        return next(((field, code) for fails, field, code in checks if fails()), None)


def _complaints(*found: tuple[list[str], str]) -> dict[str, object]:
    return {"userErrors": [{"field": field, "code": code, "message": f"{code}, in words"} for field, code in found]}
