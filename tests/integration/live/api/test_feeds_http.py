"""Feeds over HTTP: the address that staff are told works without a bearer, and no other does."""

import asyncio
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from inventory.catalogue import product_id_of
from inventory.catalogue_pg import Catalogue
from inventory.channels.channels_pg import Channels
from inventory.channels.feeds import FeedTokens
from inventory.channels.feeds_pg import Feeds
from inventory.channels.figures import ChannelFigures
from inventory.channels.kept_back_pg import KeptBack
from inventory.channels.leader_pg import Leadership
from inventory.channels.levels_pg import Levels
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.channels.rows import ChannelRows
from inventory.channels.sync import ChannelSync
from inventory.stock_pg import StockLedger
from kit.ids import new_id
from kit.metrics import new_registry
from kit.postgres import Postgres
from kit.tasks import Tasks
from live.api.catalogue_http import CatalogueEndpoints
from live.api.channels_http import ChannelEndpoints
from live.api.endpoint import Endpoint
from live.api.feeds_http import FeedEndpoints
from live.api.idempotency_pg import Idempotency
from live.api.server_http import build_server
from live.api.stock_http import StockEndpoints
from live.roles.server_http import HttpServer
from live.tokens import Tokens
from tests.integration.live.api.api_client import SECRET, Bearer, Serve

CATALOGUE = b"""Handle,Title,Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty,Image Src
mug,"Mug, big",Potter,Size,S,MUG-S,9.99,3,https://img.example/mug.png
mug,,,Size,L,MUG-L,12.99,5,
"""
KINDS = channel_kinds(SECRET, allow_private=True)


@pytest.fixture
def channels(postgres: Postgres) -> Channels:
    return Channels(postgres, KINDS, channel_vault(SECRET))


@pytest.fixture
def declared(postgres: Postgres, channels: Channels) -> list[Endpoint]:
    return [
        *CatalogueEndpoints(Catalogue(postgres), "EUR").endpoints(),
        *StockEndpoints(StockLedger(postgres)).endpoints(),
        *ChannelEndpoints(channels, KeptBack(postgres), Levels(postgres)).endpoints(),
        *FeedEndpoints(Feeds(postgres, FeedTokens(SECRET), page=1)).endpoints(),
    ]


@pytest.fixture
async def client(serve: Serve, declared: list[Endpoint]) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(declared) as client:
        yield client


@pytest.fixture
async def staff(client: httpx.AsyncClient, bearer: Bearer) -> dict[str, str]:
    headers = bearer("host")
    assert (await client.post("/v1/catalog/import", content=CATALOGUE, headers=headers)).status_code == 200
    return headers


async def connect(client: httpx.AsyncClient, staff: dict[str, str], kind: str = "meta") -> tuple[str, str]:
    """Set a feed up; return its channel's id and its path."""
    settings = {"format": kind, "link_template": "https://shop.example/p/{sku}"}
    made = await client.post("/v1/channels", json={"kind": "feed", "name": "F", "settings": settings}, headers=staff)
    assert made.status_code == 201, made.text
    assert made.json()["secret"] is None
    channel_id = str(made.json()["channel_id"])
    told = await client.get(f"/v1/channels/{channel_id}/feed", headers=staff)
    assert told.status_code == 200, told.text
    return channel_id, str(told.json()["path"])


async def test_the_told_path_serves_the_feed_without_a_bearer(client: httpx.AsyncClient, staff: dict[str, str]) -> None:
    _, path = await connect(client, staff)
    answer = await client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.content.decode().split("\r\n") == [
        "id,title,description,availability,condition,price,link,image_link,brand,item_group_id,"
        "quantity_to_sell_on_facebook,inventory",
        *(
            f'MUG-{size},"Mug, big - {size}","Mug, big - {size}",in stock,new,{price} EUR,'
            f"https://shop.example/p/MUG-{size},https://img.example/mug.png,Potter,{product_id_of('mug')},{units},{units}"
            for size, price, units in (("L", "12.99", 5), ("S", "9.99", 3))
        ),
        "",
    ]


async def test_google_has_its_own_extension_and_media_type(client: httpx.AsyncClient, staff: dict[str, str]) -> None:
    _, path = await connect(client, staff, "google")
    answer = await client.get(path)
    assert answer.headers["content-type"] == "text/tab-separated-values; charset=utf-8"
    assert answer.text.splitlines()[1].split("\t")[:4] == ["MUG-L", "Mug, big - L", "Mug, big - L", "in_stock"]
    assert path.endswith(".tsv")
    assert (await client.get(path.removesuffix("tsv") + "csv")).status_code == 404


async def test_a_wrong_token_is_answered_like_a_path_that_is_none(
    client: httpx.AsyncClient, staff: dict[str, str]
) -> None:
    channel_id, path = await connect(client, staff)
    other, other_path = await connect(client, staff)
    token = path.rpartition("/")[2].removesuffix(".csv")
    flipped = token[:-1] + ("0" if token[-1] != "0" else "1")
    nothing = await client.get("/v1/nothing")
    unknown = new_id("chan")
    for wrong in (
        f"/v1/feeds/{channel_id}/{flipped}.csv",
        f"/v1/feeds/{channel_id}/{token[:-1]}.csv",
        f"/v1/feeds/{channel_id}/{other_path.rpartition('/')[2]}",
        f"/v1/feeds/{other}/{token}.csv",
        f"/v1/feeds/{unknown}/{FeedTokens(SECRET).of(unknown)}.csv",
        f"/v1/feeds/{channel_id}/.csv",
    ):
        answer = await client.get(wrong)
        assert (answer.status_code, answer.content) == (404, nothing.content), wrong
        assert (await client.get(wrong, headers=staff)).status_code == 404


async def test_sales_and_the_switch_show_at_once(client: httpx.AsyncClient, staff: dict[str, str]) -> None:
    _, path = await connect(client, staff)

    async def shown() -> list[tuple[str, str]]:
        rows = (await client.get(path)).text.splitlines()[1:]
        return [("in" if "in stock" in row else "out", row.rpartition(",")[2]) for row in rows]

    assert await shown() == [("in", "5"), ("in", "3")]
    sold = {"sku": "MUG-S", "delta": -3, "reason": "sold"}
    assert (await client.post("/v1/stock/adjust", json=sold, headers=staff)).status_code == 200
    assert await shown() == [("in", "5"), ("out", "0")]
    assert (await client.post("/v1/channels/switch", json={"off": True}, headers=staff)).status_code == 200
    assert await shown() == [("out", "0"), ("out", "0")]


async def test_a_paused_feed_is_to_be_fetched_later_and_a_removed_one_never(
    client: httpx.AsyncClient, staff: dict[str, str]
) -> None:
    channel_id, path = await connect(client, staff)
    await client.post(f"/v1/channels/{channel_id}/pause", headers=staff)
    paused = await client.get(path)
    assert (paused.status_code, paused.json()["error"]["code"]) == (503, "channel_paused")
    assert paused.headers["retry-after"]
    await client.delete(f"/v1/channels/{channel_id}", headers=staff)
    assert (await client.get(path)).status_code == 404


async def test_only_staff_learn_the_path_and_only_feeds_have_one(
    client: httpx.AsyncClient, staff: dict[str, str], bearer: Bearer
) -> None:
    channel_id, _ = await connect(client, staff)
    assert (await client.get(f"/v1/channels/{channel_id}/feed")).status_code == 401
    assert (await client.get(f"/v1/channels/{channel_id}/feed", headers=bearer("viewer"))).status_code == 403
    webhook = {"kind": "webhook", "name": "W", "url": "http://127.0.0.1:9/"}
    other = (await client.post("/v1/channels", json=webhook, headers=staff)).json()["channel_id"]
    for without in (other, new_id("chan")):
        answer = await client.get(f"/v1/channels/{without}/feed", headers=staff)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_feed")


async def test_the_engine_is_in_step_with_a_feed_without_calling_anybody(
    client: httpx.AsyncClient, staff: dict[str, str], postgres: Postgres, channels: Channels
) -> None:
    channel_id, _ = await connect(client, staff)
    levels, tasks = Levels(postgres), Tasks()
    sync = ChannelSync(
        channels, ChannelRows.of(postgres, KINDS), Leadership(postgres), KINDS, ChannelFigures(new_registry())
    )
    tasks.forever("channels", sync.run)
    try:
        async with asyncio.timeout(10):
            while any(one.told != one.desired for one in (await levels.page(channel_id)).items):
                await asyncio.sleep(0.02)
    finally:
        await tasks.stop()
    [view] = [one for one in await channels.list() if one.channel_id == channel_id]
    assert (view.state, view.behind, view.unlinked, view.last_error) == ("active", 0, 0, None)


async def test_a_feed_that_breaks_off_looks_broken_to_who_fetches_it(
    postgres: Postgres, tokens: Tokens, client: httpx.AsyncClient, staff: dict[str, str]
) -> None:
    # Over a real socket: the feed's time is up before its second page, and what came must not pass for the whole.
    _, path = await connect(client, staff)
    brief = FeedEndpoints(Feeds(postgres, FeedTokens(SECRET), page=1, most_s=-1)).endpoints()
    app = build_server(brief, tokens=tokens, idempotency=Idempotency(postgres), registry=new_registry())
    listening = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(app)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        async with httpx.AsyncClient(trust_env=False) as outside:
            with pytest.raises(httpx.RemoteProtocolError):
                await outside.get(f"http://127.0.0.1:{listening.getsockname()[1]}{path}")
    finally:
        await server.end(serving)
        listening.close()
