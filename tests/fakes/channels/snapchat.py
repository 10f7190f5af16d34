"""Snapchat on loopback: renewed access, and the product feeds of one catalogue. It checks every call's shape.

Beside the API it can do what Snapchat does on its schedule: ``fetched`` takes a file as it came from a feed's address,
and the catalogue shows what stands in it.
"""

import csv
import hmac
import io
import time
from collections import deque
from collections.abc import Callable
from urllib.parse import parse_qsl, urlsplit

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from tests.fakes.channels.troubles import Troubles

CATALOG_ID = "8fdeefec-f502-4ca8-9a84-6411e0a51058"
CLIENT_ID = "snap-client-1"
CLIENT_SECRET = "a-client-secret+/with=signs&"
REFRESH_TOKEN = "snap-refresh-1"
ACCESS_S = 1_800
COLUMNS = ("id", "title", "description", "availability", "condition", "price", "link", "image_link", "brand")

_AVAILABILITY = frozenset({"in stock", "out of stock", "preorder", "available for order"})
_FEED_FIELDS = {"catalog_id", "name", "default_currency", "status", "schedule"}

Body = dict[str, object]


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class _RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class FakeSnapchat:
    """One merchant's catalogue; serve ``app``, which has the API under ``/v1`` and the log-in under ``/login/oauth2``.

    Args:
        clock_ms: its clock.

    Attributes:
        feeds: as they were made, by id; a test adds others.
        shown: availability by item id, as the last file had it.
        refuses: why no feed is made; blank: it is.
        forbids: the app may not touch the catalogue.
        page: feeds in one page of the list.
        rotates: each renewal replaces the refresh token, and the old one ends.
        loses_made: so many of the next feeds are made, and nobody is told.
        rubbish: so many of the next answers are no JSON.
        renewals: how often access was renewed.
        troubles: what goes wrong on the way.
    """

    def __init__(self, *, clock_ms: Callable[[], int] = now_ms) -> None:
        self._clock_ms = clock_ms
        self._access: dict[str, int] = {}
        self.refresh_token = REFRESH_TOKEN
        self.feeds: dict[str, Body] = {}
        self.shown: dict[str, str] = {}
        self.refuses = ""
        self.forbids = False
        self.page = 50
        self.rotates = False
        self.loses_made = 0
        self.rubbish = 0
        self.renewals = 0
        self.fetches: deque[int] = deque(maxlen=100)
        self.troubles = Troubles(
            Starlette(
                routes=[
                    Route("/login/oauth2/access_token", self._route(self._token), methods=["POST"]),
                    Route("/v1/catalogs/{catalog}/product_feeds", self._route(self._list), methods=["GET"]),
                    Route("/v1/catalogs/{catalog}/product_feeds", self._route(self._make), methods=["POST"]),
                ]
            )
        )
        self.app = Starlette(routes=[Mount("/", app=self.troubles)])

    def end_access(self) -> None:
        """All access tokens end now."""
        self._access.clear()

    def add_feed(self, url: str) -> str:
        """Add a feed as staff do over there; return its id."""
        return self._add({"catalog_id": CATALOG_ID, "name": "by hand", "status": "ACTIVE", "schedule": {"url": url}})

    def urls(self) -> list[str]:
        """Where the feeds are fetched from."""
        return [str(msgspec.convert(feed["schedule"], Body)["url"]) for feed in self.feeds.values()]

    def fetched(self, content: bytes) -> None:
        """Take a file that came from a feed's address; what it does not name is not shown any more."""
        rows = list(csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True))
        for row in rows:
            missing = [column for column in COLUMNS if not row.get(column) and column not in {"brand", "image_link"}]
            assert not missing, f"{row.get('id')} has no {missing}"
            assert row["availability"] in _AVAILABILITY, row["availability"]
            assert "," not in row["link"] + row["image_link"]
        self.shown = {row["id"]: row["availability"] for row in rows}
        self.fetches.append(len(rows))

    def _route(self, serve: Callable[[Request, bytes], Body]) -> Callable[[Request], object]:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            try:
                answer = serve(request, body)
            except msgspec.ValidationError as error:
                return self._refused(400, f"Invalid request: {error}")
            except _RefusedError as refused:
                return self._refused(refused.status, str(refused))
            if self.rubbish > 0:
                self.rubbish -= 1
                return Response(b"<html>")
            return JSONResponse(answer)

        return endpoint

    def _refused(self, status: int, message: str) -> Response:
        body = {
            "request_status": "ERROR",
            "request_id": "5f73b68a",
            "debug_message": message,
            "display_message": f"We're sorry, but the requested resource is not available: {message}",
            "error_code": f"E{status}",
        }
        return JSONResponse(body, status_code=status)

    def _token(self, request: Request, body: bytes) -> Body:
        _check(request.headers["content-type"] == "application/x-www-form-urlencoded", "a form is wanted")
        form = dict(parse_qsl(body.decode(), strict_parsing=True))
        _check(set(form) == {"grant_type", "refresh_token", "client_id", "client_secret"}, "fields")
        _check(form["grant_type"] == "refresh_token", "unsupported_grant_type")
        _check(form["client_id"] == CLIENT_ID, "invalid_client")
        _check(hmac.compare_digest(form["client_secret"], CLIENT_SECRET), f"invalid_client {form['client_secret']}")
        _check(hmac.compare_digest(form["refresh_token"], self.refresh_token), f"invalid_grant {form['refresh_token']}")
        self.renewals += 1
        token = f"snap-access-{self.renewals}"
        self._access[token] = self._clock_ms() + ACCESS_S * 1000
        if self.rotates:
            self.refresh_token = f"snap-refresh-new-{self.renewals}"
        return {
            "access_token": token,
            "refresh_token": self.refresh_token,
            "token_type": "Bearer",
            "expires_in": ACCESS_S,
            "scope": "snapchat-marketing-api",
        }

    def _let_in(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or self._access.get(token, 0) <= self._clock_ms():
            raise _RefusedError(401, "access token expired")
        if self.forbids:
            raise _RefusedError(403, "an organisation admin is needed")
        if request.path_params["catalog"] != CATALOG_ID:
            raise _RefusedError(404, "no such catalogue")

    def _list(self, request: Request, _: bytes) -> Body:
        self._let_in(request)
        _check(set(request.query_params) <= {"limit", "cursor"}, "unknown parameter")
        _check(50 <= int(request.query_params["limit"]) <= 1_000, "limit")
        begin = int(request.query_params.get("cursor", "0"))
        some = list(self.feeds.values())[begin : begin + self.page]
        answer: Body = {
            "request_status": "SUCCESS",
            "request_id": "5f73b68b",
            "product_feeds": [{"sub_request_status": "SUCCESS", "product_feed": feed} for feed in some],
        }
        if begin + self.page < len(self.feeds):
            link = request.url.include_query_params(cursor=begin + self.page)
            answer["paging"] = {"next_link": str(link)}
        return answer

    def _make(self, request: Request, content: bytes) -> Body:
        self._let_in(request)
        _check(request.headers["content-type"] == "application/json" and not request.url.query, "JSON is wanted")
        body = msgspec.json.decode(content, type=dict[str, list[Body]])
        _check(set(body) == {"product_feeds"} and len(body["product_feeds"]) == 1, "one feed is wanted")
        [feed] = body["product_feeds"]
        _check(set(feed) == _FEED_FIELDS and feed["catalog_id"] == CATALOG_ID, f"fields {sorted(feed)}")
        _check(feed["status"] == "ACTIVE" and len(str(feed["default_currency"])) == 3, "status or currency")
        url = str(msgspec.convert(feed["schedule"], Body)["url"])
        _check(urlsplit(url).scheme in {"http", "https"}, "url")
        if self.refuses:
            failed = {"sub_request_status": "ERROR", "sub_request_error_reason": self.refuses}
            return {"request_status": "ERROR", "request_id": "5f73b68c", "product_feeds": [failed]}
        feed_id = self._add(feed)
        if self.loses_made > 0:
            self.loses_made -= 1
            raise _RefusedError(504, "no answer in time")
        made = {"sub_request_status": "SUCCESS", "product_feed": self.feeds[feed_id]}
        return {"request_status": "SUCCESS", "request_id": "5f73b68d", "product_feeds": [made]}

    def _add(self, feed: Body) -> str:
        feed_id = f"feed-{len(self.feeds) + 1:04}"
        self.feeds[feed_id] = feed | {"id": feed_id, "created_at": "2026-11-22T12:00:00.000Z"}
        return feed_id


def _check(good: bool, message: str) -> None:
    if not good:
        raise _RefusedError(400, message)
