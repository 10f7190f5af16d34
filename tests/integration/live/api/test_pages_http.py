"""The pages and what they load."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest

from inventory.limits import HOLD_EXTENSIONS_MOST
from kit.metrics import new_registry
from kit.postgres import Postgres
from live.api.idempotency_pg import Idempotency
from live.api.pages_http import PAGES, WEB_DIRECTORY, Meta, MetaEndpoints, page_routes
from live.api.server_http import build_server
from live.tokens import Tokens


@pytest.fixture
async def client(postgres: Postgres, tokens: Tokens) -> AsyncIterator[httpx.AsyncClient]:
    meta = Meta(version="1", ws_url="ws://127.0.0.1:8001", demo=True, currency="EUR")
    app = build_server(
        MetaEndpoints(meta).endpoints(),
        tokens=tokens,
        idempotency=Idempotency(postgres),
        registry=new_registry(),
        origins=("https://shop.example",),
        pages=page_routes({"/openapi.json": b"{}"}),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api.test") as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_comes_with_everything_that_it_names(client: httpx.AsyncClient, path: str) -> None:
    page = await client.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    named = re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text)
    assert named
    for file in named:
        assert (await client.get(file)).status_code == 200, file


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_holds_nothing_that_its_own_policy_forbids(client: httpx.AsyncClient, path: str) -> None:
    page = (await client.get(path)).text
    assert not re.search(r"<script(?![^>]*\ssrc=)", page)
    assert "<style" not in page
    assert not re.search(r"\s(?:style|on\w+)=", page)
    assert not re.search(r'(?:src|href)="(?:https?:)?//', page)


async def test_the_front_door_leads_to_the_viewers_page(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/watch")


async def test_a_file_that_did_not_change_is_not_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.get("/static/docs.js")
    assert first.headers["cache-control"] == "no-cache"
    again = await client.get("/static/docs.js", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path", ["/static/", "/static/nope.js", "/static/%2e%2e/tokens.py", "/static/..%2ftokens.py", "/static//etc/passwd"]
)
async def test_nothing_outside_the_folder_is_served(client: httpx.AsyncClient, path: str) -> None:
    assert (WEB_DIRECTORY.parent / "tokens.py").exists()
    answer = await client.get(path)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


async def test_pages_hear_where_the_gateway_is(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/meta")
    assert answer.json() == {
        "version": "1",
        "ws_url": "ws://127.0.0.1:8001",
        "demo": True,
        "currency": "EUR",
        "hold_extensions": HOLD_EXTENSIONS_MOST,
    }


async def test_only_the_origins_that_were_named_may_read_from_a_browser(client: httpx.AsyncClient) -> None:
    allowed = await client.get("/v1/meta", headers={"origin": "https://shop.example"})
    other = await client.get("/v1/meta", headers={"origin": "https://evil.example"})
    assert allowed.headers["access-control-allow-origin"] == "https://shop.example"
    assert "access-control-allow-origin" not in other.headers
