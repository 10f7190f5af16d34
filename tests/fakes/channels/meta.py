"""A catalogue with Meta's Graph API: batches, what became of them, and a search for products; and a shop's orders."""

from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tests.fakes.channels.meta_graph import VERSION, Endpoint, GraphError, Run, check_params, check_token
from tests.fakes.channels.meta_items import QUANTITY, Product, wrong_with
from tests.fakes.channels.meta_orders import FakeMetaOrders, now_ms
from tests.fakes.channels.troubles import Pace, Troubles

__all__ = ["FakeMeta", "Product"]

MOST_ENTRIES: Final = 5_000
MOST_BYTES: Final = 28 * 1024 * 1024
USAGE: Final = "X-Business-Use-Case-Usage"


class _Batch(msgspec.Struct, kw_only=True):
    """A batch that was taken in.

    Attributes:
        errors: what was wrong, by item id.
        polls: so many questions are still answered with "started".
    """

    errors: dict[str, str]
    polls: int


class FakeMeta:
    """One catalogue, and the shop that sells from it (``orders``); serve ``app``.

    Args:
        pace: the limit of batches; one beyond it is answered with 80014 and not taken in.
        clock_ms: the shop's clock.

    Attributes:
        products: by retailer id; a test changes them as staff and buyers over there do.
        dead: whether the token has ended.
        allowed: whether the token may manage the catalogue.
        wrong: items that are refused at first sight, with the reason.
        later_wrong: items that are refused when the batch is worked on, with the reason.
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

    def __init__(self, *, pace: Pace | None = None, clock_ms: Callable[[], int] = now_ms) -> None:
        self.products: dict[str, Product] = {}
        self.dead = False
        self.allowed = True
        self.wrong: dict[str, str] = {}
        self.later_wrong: dict[str, str] = {}
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
        self.orders = FakeMetaOrders(lambda: self.products, self.app_secret, clock_ms=clock_ms)
        path = f"/{VERSION}/{{catalog}}"
        routes = [
            Route(f"{path}/items_batch", self._serve(self._take), methods=["POST"]),
            Route(f"{path}/check_batch_request_status", self._serve(self._status), methods=["GET"]),
            Route(f"{path}/products", self._serve(self._search), methods=["GET"]),
            *self.orders.routes(self._serve),
        ]
        self.troubles = Troubles(Starlette(routes=routes))
        self.app = Starlette(routes=[Mount("/", app=self.troubles)])

    def forget_batches(self) -> None:
        """No handle is known any more."""
        self._handles.clear()

    def _serve(self, run: Run) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            if self.fail_with:
                status, error, minutes = self.fail_with.popleft()
                return JSONResponse({"error": error}, status_code=status, headers=self._usage(minutes))
            try:
                answer = await run(request)
            except GraphError as error:
                headers = self._usage(1) if error.body["error"]["code"] == 80014 else {}
                return JSONResponse(error.body, status_code=error.status, headers=headers)
            if self.garble:
                return Response(self.garble.popleft(), media_type="application/json")
            return JSONResponse(answer)

        return endpoint

    def _usage(self, minutes: int | None) -> dict[str, str]:
        if minutes is None:
            return {}
        use = {"type": "catalog_batch", "call_count": 100, "estimated_time_to_regain_access": minutes}
        return {USAGE: msgspec.json.encode({self.catalog_id: [use]}).decode()}

    def _check_access(self, request: Request) -> None:
        check_token(request, self.access_token, self.app_secret, dead=self.dead)
        if request.path_params["catalog"] != self.catalog_id:
            raise GraphError(100, "Unsupported request. Object does not exist", subcode=33)
        if not self.allowed:
            raise GraphError(200, "Permissions error", status=403)

    async def _take(self, request: Request) -> dict[str, object]:
        self._check_access(request)
        check_params(request, set(), set())
        body = await request.body()
        if self._pace is not None and not self._pace.allows():
            self.over_pace += 1
            raise GraphError(80014, "There have been too many calls for the batch uploads to this catalog account.")
        if request.headers.get("content-type", "") != "application/json" or len(body) > MOST_BYTES:
            raise GraphError(100, "(#100) not JSON, or too long")
        call = msgspec.json.decode(body, type=dict[str, Any])
        if set(call) != {"item_type", "allow_upsert", "requests"} or call["item_type"] != "PRODUCT_ITEM":
            raise GraphError(100, f"(#100) unexpected {sorted(call)}")
        entries, upsert = call["requests"], call["allow_upsert"]
        if not 0 < len(entries) <= MOST_ENTRIES:
            raise GraphError(100, "(#100) Param requests must be an array of at most 5000")
        if len(entries) > self.most_entries:
            raise GraphError(1, "Please reduce the amount of data you're asking for, then retry your request")
        reasons = [wrong_with(entry, upsert=upsert) or self.wrong.get(entry["data"]["id"], "") for entry in entries]
        found = {entry["data"]["id"]: reason for entry, reason in zip(entries, reasons, strict=True)}
        wrong = {item_id: reason for item_id, reason in found.items() if reason}
        validation = [{"retailer_id": one, "errors": [{"message": why}], "warnings": []} for one, why in wrong.items()]
        right = [entry["data"] for entry in entries if entry["data"]["id"] not in wrong]
        if not right or (wrong and not self.takes_the_rest):
            return {"handles": [], "validation_status": validation}
        handle = f"AczX{len(self._handles)}"
        errors = {data["id"]: why for data in right if (why := self._apply(data, upsert=upsert))}
        self._handles[handle] = _Batch(errors=errors, polls=self.polls)
        self.batches.append(len(right))
        return {"handles": [handle], "validation_status": validation}

    def _apply(self, data: dict[str, Any], *, upsert: bool) -> str:
        if data["id"] not in self.products and not upsert:
            return f"Product item with retailer id {data['id']} does not exist"
        if data["id"] in self.later_wrong:
            return self.later_wrong[data["id"]]
        product = self.products.setdefault(data["id"], Product())
        product.availability = data["availability"]
        product.quantity = data[QUANTITY]
        if upsert:
            product.title, product.cells = data["title"], dict(data)
        return ""

    async def _status(self, request: Request) -> dict[str, object]:
        self._check_access(request)
        check_params(request, {"handle", "load_ids_of_invalid_requests"}, set())
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

    async def _search(self, request: Request) -> dict[str, object]:
        self._check_access(request)
        check_params(request, {"filter", "fields", "limit"}, set())
        asked = msgspec.json.decode(request.query_params["filter"], type=dict[str, dict[str, list[str]]])
        wanted = [item_id for item_id in asked["retailer_id"]["is_any"] if item_id in self.products]
        return {
            "data": [self._shown(request, item_id) for item_id in wanted][: int(request.query_params["limit"])],
            "paging": {"cursors": {"before": "a"}},
        }

    def _shown(self, request: Request, item_id: str) -> dict[str, object]:
        product = self.products[item_id]
        known: dict[str, object] = {"retailer_id": item_id, "availability": product.availability}
        if product.quantity is not None:
            known[QUANTITY] = product.quantity
        fields = request.query_params["fields"].split(",")
        return {"id": "24", **{name: value for name, value in known.items() if name in fields}}
