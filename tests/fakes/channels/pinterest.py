"""A Pinterest catalogue on loopback: renewed access, batches of updates, and reading. It checks every call's shape.

The description: ``v5/openapi.yaml`` of https://github.com/pinterest/api-description. Wrap ``app`` in ``Troubles`` for
what goes wrong on the way.
"""

import base64
import hmac
import re
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import parse_qsl

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

CATALOG_ID = "2680059592705"
CLIENT_ID = "1478951"
CLIENT_SECRET = "a-client-secret+/with=signs&"
FIRST_REFRESH = "pinr.first+/="
ACCESS_S = 2_592_000
MOST_ITEMS = 1_000

_WHOLE = frozenset({"title", "description", "link", "image_link", "price", "availability"})
_MAY_HAVE = frozenset({"condition", "brand", "item_group_id"})
_PRICE = re.compile(r"[0-9]+(\.[0-9]{2,3})? [A-Z]{3}")
_MARKET = {"country": "US", "language": "en-US"}
_WORDS = frozenset({"in stock", "out of stock", "preorder"})

Body = dict[str, object]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class _RefusedError(Exception):
    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class _Batch:
    def __init__(self, items: list[Body], polls: int) -> None:
        self.items = items
        self.polls = polls
        self.records: list[Body] = []


class FakePinterest:
    """One merchant's catalogue.

    Args:
        clock_ms: its clock.

    Attributes:
        items: availability by item id.
        published: attributes of items that were told whole, by item id.
        has_feed: the account has a feed: its catalogue takes updates only.
        refuses: items whose changes fail, with the code.
        polls: how often the batches that follow are still worked on when asked; 0: they are done at once.
        loses_items: batches fail as a whole, without a word of their items.
        tells_nothing: batches are done, and their records are missing.
        skips_duplicates: a batch like one since ``forget`` is not begun.
        rotates: each renewal replaces the refresh token, and the old one ends.
        forbids: the app may not touch the catalogue.
        adds: text at the end of every message.
        rubbish: so many of the next answers are no JSON.
        access_s: seconds that new access tokens are good for, whatever they say.
        renewals: how often access was renewed.
        batch_sizes: items of each batch that was taken.
    """

    def __init__(self, *, clock_ms: Callable[[], int] = now_ms) -> None:
        self._clock_ms = clock_ms
        self._access: dict[str, int] = {}
        self._batches: dict[str, _Batch] = {}
        self._recent: set[bytes] = set()
        self.refresh_token = FIRST_REFRESH
        self.items: dict[str, str] = {}
        self.published: dict[str, Body] = {}
        self.has_feed = False
        self.refuses: dict[str, int] = {}
        self.polls = 0
        self.loses_items = False
        self.tells_nothing = False
        self.skips_duplicates = True
        self.rotates = True
        self.forbids = False
        self.adds = ""
        self.rubbish = 0
        self.access_s = ACCESS_S
        self.renewals = 0
        self.batch_sizes: deque[int] = deque()
        self.app = Starlette(
            routes=[
                Route("/v5/oauth/token", self._route(self._token), methods=["POST"]),
                Route("/v5/catalogs/items/batch", self._route(self._begin), methods=["POST"]),
                Route("/v5/catalogs/items/batch/{batch_id}", self._route(self._poll), methods=["GET"]),
                Route("/v5/catalogs/items", self._route(self._read), methods=["POST"]),
            ]
        )

    def end_access(self) -> None:
        """All access tokens end now."""
        self._access.clear()

    def forget(self) -> None:
        """Forget all batches, also as duplicates."""
        self._batches.clear()
        self._recent.clear()

    def _route(self, serve: Callable[[Request, bytes], Body]) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            try:
                try:
                    answer = serve(request, body)
                except msgspec.ValidationError as error:
                    raise _RefusedError(400, 1, f"Invalid request: {error}") from error
            except _RefusedError as refused:
                answer = {"code": refused.code, "message": f"{refused}{self.adds}"}
                return Response(msgspec.json.encode(answer), status_code=refused.status)
            if self.rubbish > 0:
                self.rubbish -= 1
                return Response(b"<html>")
            return Response(msgspec.json.encode(answer))

        return endpoint

    def _token(self, request: Request, body: bytes) -> Body:
        expected = "Basic " + base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        if not hmac.compare_digest(request.headers.get("authorization", ""), expected):
            raise _RefusedError(401, 2, "Authentication failed.")
        form = dict(parse_qsl(body.decode(), strict_parsing=True))
        _check(request.headers["content-type"] == "application/x-www-form-urlencoded", "a form is wanted")
        _check(set(form) == {"grant_type", "refresh_token"}, "fields")
        _check(form["grant_type"] == "refresh_token", "grant_type")
        _check(hmac.compare_digest(form["refresh_token"], self.refresh_token), "Invalid refresh token.")
        self.renewals += 1
        access_token = f"pina.{self.renewals}"
        self._access[access_token] = self._clock_ms() + self.access_s * 1000
        answer: Body = {
            "response_type": "refresh_token",
            "access_token": access_token,
            "token_type": "bearer",
            "expires_in": ACCESS_S,
            "scope": "catalogs:read catalogs:write",
        }
        if self.rotates:
            self.refresh_token = f"pinr.{self.renewals}+/="
            answer |= {"refresh_token": self.refresh_token, "refresh_token_expires_in": 5_184_000}
        return answer

    def _let_in(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self._access.get(token, 0) <= self._clock_ms():
            raise _RefusedError(401, 2, "Authentication failed.")
        if self.forbids:
            raise _RefusedError(403, 3, "You are not permitted to access that resource.")
        _check(not request.url.query, "unknown parameter")

    def _begin(self, request: Request, content: bytes) -> Body:
        self._let_in(request)
        body = _object(request, content)
        _check(set(body) == {"catalog_type", "catalog_id", "country", "language", "items"}, "fields")
        _check(body["catalog_type"] == "RETAIL" and body["catalog_id"] == CATALOG_ID, "catalog")
        _check({name: body[name] for name in _MARKET} == _MARKET, "country or language")
        items = msgspec.convert(body["items"], list[Body])
        _check(1 <= len(items) <= MOST_ITEMS, "1 to 1000 items are allowed")
        for item in items:
            if item["operation"] == "UPDATE":
                _check_update(item)
            else:
                self._check_upsert(item)
        _check(len({str(item["item_id"]) for item in items}) == len(items), "an item is there twice")
        if self.skips_duplicates and content in self._recent:
            return {"catalog_type": "RETAIL", "created_time": None, "completed_time": None}
        self._recent.add(content)
        self.batch_sizes.append(len(items))
        batch_id = f"595953100599279259-{len(self._batches):032x}"
        batch = self._batches[batch_id] = _Batch(items, self.polls)
        if batch.polls == 0:
            self._apply(batch)
        return self._told(batch_id, "PROCESSING", [])

    def _check_upsert(self, item: Body) -> None:
        _check(not self.has_feed, "UPSERT is not available for an account with a feed data source")
        _check(set(item) == {"item_id", "operation", "attributes"} and item["operation"] == "UPSERT", "operation")
        _check(0 < len(str(item["item_id"])) <= 127, "item_id")
        attributes = msgspec.convert(item["attributes"], Body)
        _check(_WHOLE <= set(attributes) <= _WHOLE | _MAY_HAVE, f"attributes {sorted(attributes)}")
        _check(attributes["availability"] in _WORDS, "availability")
        _check(_PRICE.fullmatch(str(attributes["price"])) is not None, "price")
        _check(0 < len(str(attributes["title"])) <= 500 and len(str(attributes["description"])) <= 10_000, "text")
        for address in (attributes["link"], *msgspec.convert(attributes["image_link"], list[str])):
            _check(re.fullmatch(r"https?://[!-+\--~]{1,500}", str(address)) is not None, "link or image_link")

    def _apply(self, batch: _Batch) -> None:
        for item in batch.items:
            item_id = str(item["item_id"])
            known = item_id in self.items or item["operation"] == "UPSERT"
            code = self.refuses.get(item_id, 0 if known else 4162)
            errors = [{"attribute": "item_id", "code": code, "message": f"Item {item_id}\ncannot be updated"}]
            if code == 0 and not self.loses_items:
                attributes = msgspec.convert(item["attributes"], Body)
                self.items[item_id] = str(attributes["availability"])
                if item["operation"] == "UPSERT":
                    self.published[item_id] = attributes
            status, faults = ("SUCCESS", []) if code == 0 else ("FAILURE", errors)
            batch.records.append({"item_id": item_id, "status": status, "errors": faults, "warnings": []})

    def _poll(self, request: Request, _: bytes) -> Body:
        self._let_in(request)
        batch = self._batches.get(request.path_params["batch_id"])
        if batch is None:
            raise _RefusedError(404, 4331, "Catalogs items batch not found")
        if batch.polls > 0:
            batch.polls -= 1
            if batch.polls == 0:
                self._apply(batch)
            waiting: list[Body] = [{"item_id": item["item_id"], "status": "PROCESSING"} for item in batch.items]
            return self._told(request.path_params["batch_id"], "PROCESSING", waiting)
        if self.loses_items:
            return self._told(request.path_params["batch_id"], "FAILED", [])
        return self._told(request.path_params["batch_id"], "COMPLETED", [] if self.tells_nothing else batch.records)

    def _told(self, batch_id: str, status: str, items: list[Body]) -> Body:
        times: Body = {"created_time": "2026-11-22T12:00:00", "completed_time": None}
        return {"batch_id": batch_id, "catalog_type": "RETAIL", "status": status, "items": items, **times}

    def _read(self, request: Request, content: bytes) -> Body:
        self._let_in(request)
        body = _object(request, content)
        _check(set(body) == {"country", "language", "filters"}, "fields")
        _check({name: body[name] for name in _MARKET} == _MARKET, "country or language")
        filters = msgspec.convert(body["filters"], Body)
        _check(set(filters) == {"catalog_type", "catalog_id", "item_ids"}, "filters")
        _check(filters["catalog_type"] == "RETAIL" and filters["catalog_id"] == CATALOG_ID, "catalog")
        asked = msgspec.convert(filters["item_ids"], list[str])
        _check(1 <= len(asked) <= MOST_ITEMS, "1 to 1000 items are allowed")
        # In an order of its own, and with what is not there as an error.
        return {"items": [self._shown(item_id) for item_id in sorted(asked, reverse=True)]}

    def _shown(self, item_id: str) -> Body:
        if item_id not in self.items:
            return {"catalog_type": "RETAIL", "item_id": item_id, "errors": [{"code": 4162, "message": "not found"}]}
        whole = self.published.get(item_id, {"title": "a mug", "price": "9 USD"})
        attributes = {**whole, "availability": self.items[item_id]}
        return {"catalog_type": "RETAIL", "item_id": item_id, "pins": None, "attributes": attributes}


def _object(request: Request, content: bytes) -> Body:
    _check(re.match(r"application/json\b", request.headers.get("content-type", "")) is not None, "JSON is wanted")
    try:
        return msgspec.json.decode(content, type=Body)
    except msgspec.DecodeError as error:
        raise _RefusedError(400, 1, "not JSON") from error


def _check(good: bool, message: str) -> None:
    if not good:
        raise _RefusedError(400, 1, f"Invalid request: {message}")


def _check_update(item: Body) -> None:
    _check(set(item) == {"item_id", "operation", "attributes", "update_mask"}, "fields of an item")
    _check(item["update_mask"] == ["availability"], "update_mask")
    attributes = msgspec.convert(item["attributes"], dict[str, str])
    _check(set(attributes) == {"availability"} and attributes["availability"] in _WORDS, "availability")
