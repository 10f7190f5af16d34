"""A catalogue with Meta's Graph API: batches, what became of them, and a search for products."""

import hashlib
import hmac
from collections import deque
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tests.fakes.channels.troubles import Pace, Troubles

VERSION: Final = "v25.0"
MOST_ENTRIES: Final = 5_000
MOST_BYTES: Final = 28 * 1024 * 1024
MOST_QUANTITY: Final = 2**31 - 1
MOST_ADDRESS: Final = 8_192
AVAILABILITY: Final = {
    "in stock",
    "out of stock",
    "available for order",
    "preorder",
    "discontinued",
    "pending",
    "mark_as_sold",
}
USAGE: Final = "X-Business-Use-Case-Usage"


class Product(msgspec.Struct, kw_only=True):
    """An item of the catalogue; without a title it is one that a batch made by mistake."""

    title: str = ""
    availability: str = "in stock"
    quantity: int | None = None


class _Batch(msgspec.Struct, kw_only=True):
    """A batch that was taken in.

    Attributes:
        errors: what was wrong, by item id.
        polls: so many questions are still answered with "started".
    """

    errors: dict[str, str]
    polls: int


class _Error(Exception):
    """An answer with ``error``."""

    def __init__(self, code: int, message: str, *, status: int = 400, subcode: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        error: dict[str, object] = {"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "A1b2"}
        self.body = {"error": error | ({} if subcode is None else {"error_subcode": subcode})}


class FakeMeta:
    """One catalogue; serve ``app``.

    Args:
        pace: the limit of batches; one beyond it is answered with 80014 and not taken in.

    Attributes:
        products: by retailer id; a test changes them as staff and buyers over there do.
        dead: whether the token has ended.
        allowed: whether the token may manage the catalogue.
        wrong: items that are refused at first sight, with the reason.
        takes_the_rest: whether a batch with such items is taken in without them, or not at all.
        most_entries: above it, a batch is answered with "reduce the amount of data".
        polls: so many questions about each new batch are answered with "started".
        end_as: the states that the next questions are answered with.
        names_none: whether the errors of a batch come without the items' ids.
        fail_with: the next answers: status, ``error``, and the minutes until access comes back.
        garble: bodies in place of the next answers; the call is applied.
        batches: sizes of the batches that were taken in.
        over_pace: batches that were too fast.
    """

    catalog_id = "1017309634048260"
    access_token = "the-system-users-token"
    app_secret = "the-secret-of-the-app"

    def __init__(self, *, pace: Pace | None = None) -> None:
        self.products: dict[str, Product] = {}
        self.dead = False
        self.allowed = True
        self.wrong: dict[str, str] = {}
        self.takes_the_rest = False
        self.most_entries = MOST_ENTRIES
        self.polls = 0
        self.end_as: deque[str] = deque()
        self.names_none = False
        self.fail_with: deque[tuple[int, dict[str, object], int | None]] = deque()
        self.garble: deque[bytes] = deque()
        self.batches: list[int] = []
        self.over_pace = 0
        self._pace = pace
        self._handles: dict[str, _Batch] = {}
        path = f"/{VERSION}/{{catalog}}"
        routes = [
            Route(f"{path}/items_batch", self._answer, methods=["POST"]),
            Route(f"{path}/check_batch_request_status", self._answer, methods=["GET"]),
            Route(f"{path}/products", self._answer, methods=["GET"]),
        ]
        self.troubles = Troubles(Starlette(routes=routes))
        self.app = Starlette(routes=[Mount("/", app=self.troubles)])

    def forget_batches(self) -> None:
        """No handle is known any more."""
        self._handles.clear()

    async def _answer(self, request: Request) -> Response:
        if self.fail_with:
            status, error, minutes = self.fail_with.popleft()
            return JSONResponse({"error": error}, status_code=status, headers=self._usage(minutes))
        try:
            self._check_access(request)
            answer = await self._run(request)
        except _Error as error:
            headers = self._usage(1) if error.body["error"]["code"] == 80014 else {}
            return JSONResponse(error.body, status_code=error.status, headers=headers)
        if self.garble:
            return Response(self.garble.popleft(), media_type="application/json")
        return JSONResponse(answer)

    def _usage(self, minutes: int | None) -> dict[str, str]:
        if minutes is None:
            return {}
        use = {"type": "catalog_batch", "call_count": 100, "estimated_time_to_regain_access": minutes}
        return {USAGE: msgspec.json.encode({self.catalog_id: [use]}).decode()}

    def _check_access(self, request: Request) -> None:
        given = request.headers.get("authorization", "")
        if self.dead or given != f"Bearer {self.access_token}":
            raise _Error(190, f"Malformed access token {given.removeprefix('Bearer ')}", status=401, subcode=463)
        proved = hmac.digest(self.app_secret.encode(), self.access_token.encode(), hashlib.sha256).hex()
        if request.query_params.get("appsecret_proof") != proved:
            raise _Error(100, "Invalid appsecret_proof provided in the API argument")
        if request.path_params["catalog"] != self.catalog_id:
            raise _Error(100, "Unsupported request. Object does not exist", subcode=33)
        if not self.allowed:
            raise _Error(200, "Permissions error", status=403)

    async def _run(self, request: Request) -> dict[str, object]:
        edge = request.url.path.rsplit("/", 1)[1]
        params = set(request.query_params) - {"appsecret_proof"}
        allowed = {
            "items_batch": set[str](),
            "check_batch_request_status": {"handle", "load_ids_of_invalid_requests"},
            "products": {"filter", "fields", "limit"},
        }[edge]
        if params != allowed:
            raise _Error(100, f"(#100) expected the parameters {sorted(allowed)}, and got {sorted(params)}")
        if len(str(request.url)) > MOST_ADDRESS:
            raise _Error(1, "the address is too long", status=414)
        if edge == "items_batch":
            return self._take(request.headers.get("content-type", ""), await request.body())
        return self._status(request) if edge == "check_batch_request_status" else self._search(request)

    def _take(self, content_type: str, body: bytes) -> dict[str, object]:
        if self._pace is not None and not self._pace.allows():
            self.over_pace += 1
            raise _Error(80014, "There have been too many calls for the batch uploads to this catalog account.")
        if content_type != "application/json" or len(body) > MOST_BYTES:
            raise _Error(100, "(#100) not JSON, or too long")
        call = msgspec.json.decode(body, type=dict[str, Any])
        if set(call) != {"item_type", "allow_upsert", "requests"} or call["item_type"] != "PRODUCT_ITEM":
            raise _Error(100, f"(#100) unexpected {sorted(call)}")
        entries = call["requests"]
        if not 0 < len(entries) <= MOST_ENTRIES:
            raise _Error(100, "(#100) Param requests must be an array of at most 5000")
        if len(entries) > self.most_entries:
            raise _Error(1, "Please reduce the amount of data you're asking for, then retry your request")
        found = {entry["data"]["id"]: self._wrong(entry) for entry in entries}
        wrong = {item_id: reason for item_id, reason in found.items() if reason}
        validation = [{"retailer_id": one, "errors": [{"message": why}], "warnings": []} for one, why in wrong.items()]
        right = [entry["data"] for entry in entries if entry["data"]["id"] not in wrong]
        if not right or (wrong and not self.takes_the_rest):
            return {"handles": [], "validation_status": validation}
        handle = f"AczX{len(self._handles)}"
        errors = {data["id"]: why for data in right if (why := self._apply(data, upsert=call["allow_upsert"]))}
        self._handles[handle] = _Batch(errors=errors, polls=self.polls)
        self.batches.append(len(right))
        return {"handles": [handle], "validation_status": validation}

    def _wrong(self, entry: dict[str, Any]) -> str:
        """What is wrong with an entry at first sight."""
        data = entry["data"]
        if set(entry) != {"method", "data"} or entry["method"] != "UPDATE":
            raise _Error(100, f"(#100) a request has other fields, or another method, than expected: {sorted(entry)}")
        if set(data) != {"id", "availability", "quantity_to_sell_on_facebook"}:
            return f"unexpected fields {sorted(data)}"
        if data["availability"] not in AVAILABILITY:
            return "availability is none of the supported values"
        quantity = data["quantity_to_sell_on_facebook"]
        if type(quantity) is not int or not 0 <= quantity <= MOST_QUANTITY:
            return "quantity_to_sell_on_facebook must be a whole number"
        if (quantity == 0) != (data["availability"] == "out of stock"):
            return "availability and quantity contradict each other"
        return self.wrong.get(data["id"], "")

    def _apply(self, data: dict[str, Any], *, upsert: bool) -> str:
        if data["id"] not in self.products and not upsert:
            return f"Product item with retailer id {data['id']} does not exist"
        product = self.products.setdefault(data["id"], Product())
        product.availability = data["availability"]
        product.quantity = data["quantity_to_sell_on_facebook"]
        return ""

    def _status(self, request: Request) -> dict[str, object]:
        handle = request.query_params["handle"]
        batch = self._handles.get(handle)
        if batch is None:
            return {"data": []}
        ended = "finished" if batch.polls == 0 else "started"
        batch.polls = max(0, batch.polls - 1)
        state = self.end_as.popleft() if self.end_as else ended
        done = state == "finished"
        errors = [
            {"line": line, "message": why} | ({} if self.names_none else {"id": item_id})
            for line, (item_id, why) in enumerate(batch.errors.items())
        ]
        loads = request.query_params["load_ids_of_invalid_requests"] == "true" and not self.names_none
        return {
            "data": [
                {
                    "handle": handle,
                    "status": state,
                    "errors_total_count": len(errors) if done else 0,
                    "errors": errors[:2] if done else [],  # samples
                    "warnings_total_count": 0,
                    "warnings": [],
                    "ids_of_invalid_requests": list(batch.errors) if done and loads else [],
                }
            ]
        }

    def _search(self, request: Request) -> dict[str, object]:
        asked = msgspec.json.decode(request.query_params["filter"], type=dict[str, dict[str, list[str]]])
        wanted = asked["retailer_id"]["is_any"]
        fields = request.query_params["fields"].split(",")
        found: list[dict[str, object]] = []
        for item_id in wanted:
            product = self.products.get(item_id)
            if product is not None:
                known: dict[str, object] = {"retailer_id": item_id, "availability": product.availability}
                if product.quantity is not None:
                    known["quantity_to_sell_on_facebook"] = product.quantity
                found.append({"id": "24", **{name: value for name, value in known.items() if name in fields}})
        return {"data": found[: int(request.query_params["limit"])], "paging": {"cursors": {"before": "a"}}}
