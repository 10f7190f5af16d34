"""A shop with Shopify's Admin API (GraphQL), as far as quantities go: two operations, checked down to the last field.

It reads no GraphQL. The text of an operation must name these fields and no others; the rest is in its variables.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tests.fakes.channels.troubles import Troubles

VERSIONS: Final = {"2026-04", "2026-07", "2026-10"}
REASONS: Final = {"correction", "cycle_count_available", "damaged", "movement_created", "other", "received", "restock"}
MOST_ENTRIES: Final = 250
MOST_COST: Final = 1_000
MOST_QUANTITY: Final = 1_000_000_000
SET_COST: Final = 10

_ITEM = re.compile(r"gid://shopify/InventoryItem/([1-9][0-9]*)")
_LOCATION = re.compile(r"gid://shopify/Location/([1-9][0-9]*)")
_WORDS = re.compile(r"[A-Za-z_]+")
_READ_WORDS: Final = set(
    _WORDS.findall(
        "query ids ID location nodes on InventoryItem id tracked inventoryLevel locationId quantities names available"
        " name quantity"
    )
)
_SET_WORDS: Final = set(
    _WORDS.findall(
        "mutation input InventorySetQuantitiesInput key String inventorySetQuantities idempotent userErrors code field"
        " message"
    )
)


class ShopItem(msgspec.Struct, kw_only=True):
    """An inventory item at the shop's one location."""

    available: int = 0
    tracked: bool = True
    stocked: bool = True


class _Error(Exception):
    """What goes into ``errors``."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = {"message": message, "extensions": {"code": code}}


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
        keys: every idempotency key that came, with the change that it was for, as JSON.
        throttled: calls that cost more than there was.
    """

    shop = "show.myshopify.com"
    token = "the-access-token-of-the-app"
    location_id = "655441491"

    def __init__(self, *, restore_rate: float = 100.0, most_points: float = 1_000.0) -> None:
        self.items: dict[str, ShopItem] = {}
        self.scopes = {"read_inventory", "write_inventory"}
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
        graphql = Route("/{shop}/admin/api/{version}/graphql.json", self._answer, methods=["POST"])
        self.troubles = Troubles(Starlette(routes=[graphql]))
        self.app = Starlette(routes=[Mount("/", app=self.troubles)])

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
        try:
            answer: dict[str, object] = {"data": self._run(call, cost)}
        except _Error as error:
            answer = {"errors": [error.answer]}
        if self.lose_changes and "key" in call["variables"]:
            self.lose_changes -= 1
            return Response(status_code=504)
        if self.garble:
            return Response(self.garble.popleft(), media_type="application/json")
        return JSONResponse(answer | {"extensions": {"cost": cost}})

    def _run(self, call: dict[str, Any], cost: dict[str, object]) -> object:
        if set(call) != {"query", "variables"}:
            raise _Error("BAD_REQUEST", f"unexpected {sorted(call)}")
        text, given = re.sub(r"Showdrop\w+", "", call["query"]), call["variables"]
        words = set(_WORDS.findall(text))
        if text.count("{") != text.count("}") or words not in (_READ_WORDS, _SET_WORDS):
            raise _Error("undefinedField", f"cannot be asked for: {sorted(words - _READ_WORDS - _SET_WORDS)}")
        reads = words == _READ_WORDS
        needed = "read_inventory" if reads else "write_inventory"
        if needed not in self.scopes:
            raise _Error("ACCESS_DENIED", f"Required access: `{needed}` access scope.")
        if set(given) != ({"ids", "location"} if reads else {"input", "key"}):
            raise _Error("INVALID_VARIABLE", "a variable is missing, or nobody uses it")
        self._pay(1 + 3 * len(given["ids"]) if reads else SET_COST, cost)
        if reads:
            return self._read(given["ids"], given["location"])
        if "@idempotent(key: $key)" not in text:
            raise _Error("BAD_REQUEST", "inventorySetQuantities needs the directive @idempotent")
        return {"inventorySetQuantities": self._set_once(given["input"], given["key"])}

    def _pay(self, price: int, cost: dict[str, object]) -> None:
        now = time.monotonic()
        self.points = min(self.most_points, self.points + (now - self._counted_at) * self.restore_rate)
        self._counted_at = now
        enough = price <= self.points
        if enough:
            self.points -= price
        cost["requestedQueryCost"] = price
        cost["actualQueryCost"] = price if enough else None
        cost["throttleStatus"] = {
            "maximumAvailable": self.most_points,
            "currentlyAvailable": self.points,
            "restoreRate": self.restore_rate,
        }
        if price > MOST_COST:
            raise _Error("MAX_COST_EXCEEDED", f"Query cost is {price}, which exceeds the single query max cost limit")
        if not enough:
            self.throttled += 1
            raise _Error("THROTTLED", "Throttled")

    def _read(self, ids: list[str], location: str) -> object:
        if len(ids) > MOST_ENTRIES:
            raise _Error("MAX_INPUT_SIZE_EXCEEDED", "the input array is too long")
        nodes = [self._node(gid, location) for gid in ids]
        for number, sold in (self.sold_meanwhile.popleft() if self.sold_meanwhile else {}).items():
            self.items[number].available -= sold
        return {"nodes": nodes}

    def _node(self, gid: str, location: str) -> object:
        item = self.items.get(_number(_ITEM, gid))
        if item is None:
            return None
        level = {"quantities": [{"name": "available", "quantity": item.available}]}
        here = item.stocked and _number(_LOCATION, location) == self.location_id
        return {"id": gid, "tracked": item.tracked, "inventoryLevel": level if here else None}

    def _set_once(self, given: dict[str, Any], key: str) -> object:
        """A key that came before answers what it answered, without a change."""
        if not 0 < len(key) <= 255:
            raise _Error("BAD_REQUEST", "the idempotency key is no key")
        change = msgspec.json.encode(given)
        if self.keys.setdefault(key, change) != change:
            return _complaints((["idempotencyKey"], "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"))
        return self._set(given)

    def _set(self, given: dict[str, Any]) -> object:
        if set(given) - {"referenceDocumentUri"} != {"name", "reason", "quantities"}:
            raise _Error("INVALID_VARIABLE", f"InventorySetQuantitiesInput has other fields than {sorted(given)}")
        entries = given["quantities"]
        if not 0 < len(entries) <= MOST_ENTRIES:
            raise _Error("MAX_INPUT_SIZE_EXCEEDED", "the input array is too long, or empty")
        for entry in entries:
            if set(entry) != {"inventoryItemId", "locationId", "quantity", "changeFromQuantity"}:
                raise _Error("INVALID_VARIABLE", f"InventoryQuantityInput has other fields than {sorted(entry)}")
            if type(entry["quantity"]) is not int or not isinstance(entry["changeFromQuantity"], int | None):
                raise _Error("INVALID_VARIABLE", "a quantity is a whole number")
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
                self.items[_number(_ITEM, entry["inventoryItemId"])].available = entry["quantity"]
        return _complaints(*found)

    def _wrong(self, entry: dict[str, Any]) -> tuple[str, str] | None:
        """The field and the code."""
        number = _number(_ITEM, entry["inventoryItemId"])
        item = self.items.get(number)
        if item is None:
            return "inventoryItemId", "INVALID_INVENTORY_ITEM"
        checks: list[tuple[Callable[[], bool], str, str]] = [
            (lambda: number in self.refuse, "inventoryItemId", self.refuse.get(number, "")),
            (lambda: _number(_LOCATION, entry["locationId"]) != self.location_id, "locationId", "INVALID_LOCATION"),
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


def _number(pattern: re.Pattern[str], gid: str) -> str:
    found = pattern.fullmatch(gid)
    if found is None:
        raise _Error("INVALID_VARIABLE", f"Invalid global id '{gid}'")
    return found[1]


def _complaints(*found: tuple[list[str], str]) -> dict[str, object]:
    return {"userErrors": [{"field": field, "code": code, "message": f"{code}, in words"} for field, code in found]}
