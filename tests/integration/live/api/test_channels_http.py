"""Channels over HTTP: connecting named ones, linking their items, switching and resuming."""

from collections.abc import AsyncIterator

import httpx
import pytest

from inventory.catalogue_pg import Catalogue
from inventory.channels.channels_pg import Channels
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.channels.rows import ChannelRows
from kit.ids import new_id
from kit.postgres import Postgres
from live.api.catalogue_http import CatalogueEndpoints
from live.api.channel_catalogue_http import ChannelCatalogueEndpoints
from live.api.channel_orders_http import ChannelOrderEndpoints
from live.api.channels_http import ChannelEndpoints
from tests.integration.live.api.api_client import SECRET, Bearer, Serve

CATALOGUE = b"""Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty
mug,Mug,Size,S,MUG-S,9.99,3
mug,,Size,L,MUG-L,12.99,5
"""
KAKAO = {"kind": "kakao", "name": "Talk Store", "settings": {"admin_key": "a" * 32, "seller_key": "b" * 32}}


@pytest.fixture
def channels(postgres: Postgres) -> Channels:
    return Channels(postgres, channel_kinds(SECRET, allow_private=True), channel_vault(SECRET))


@pytest.fixture
async def client(
    serve: Serve, postgres: Postgres, channels: Channels, bearer: Bearer
) -> AsyncIterator[httpx.AsyncClient]:
    rows = ChannelRows.of(postgres, channel_kinds(SECRET, allow_private=True))
    declared = [
        *CatalogueEndpoints(Catalogue(postgres), "EUR").endpoints(),
        *ChannelEndpoints(channels, rows.kept_back, rows.levels).endpoints(),
        *ChannelCatalogueEndpoints(channels, rows.links, rows.items, rows.products).endpoints(),
        *ChannelOrderEndpoints(channels, rows.orders, rows.order_list).endpoints(),
    ]
    async with serve(declared) as client:
        client.headers.update(bearer("host"))
        assert (await client.post("/v1/catalog/import", content=CATALOGUE)).status_code == 200
        yield client


async def connect(client: httpx.AsyncClient) -> str:
    answer = await client.post("/v1/channels", json=KAKAO)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["channel_id"])


async def levels(client: httpx.AsyncClient, channel_id: str) -> dict[str, dict[str, object]]:
    answer = await client.get(f"/v1/channels/{channel_id}/levels")
    return {one["sku"]: one for one in answer.json()["items"]}


async def test_a_named_channel_is_connected_and_its_secrets_are_never_shown(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/channels", json=KAKAO)
    assert answer.json()["secret"] is None
    listed = await client.get("/v1/channels")
    assert (listed.json()["items"][0]["kind"], listed.json()["items"][0]["unlinked"]) == ("kakao", 2)
    assert "a" * 32 not in listed.text + answer.text


async def test_a_wrong_setting_is_named_and_not_repeated(client: httpx.AsyncClient) -> None:
    wrong = KAKAO | {"settings": {"admin_key": "a secret with spaces", "seller_key": "b" * 32}}
    answer = await client.post("/v1/channels", json=wrong)
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (422, "admin_key")
    assert "with spaces" not in answer.text


async def test_a_file_links_items_and_names_the_lines_it_left_out(client: httpx.AsyncClient) -> None:
    channel_id = await connect(client)
    file = b"sku,item_id\nMUG-S,12/34\nMUG-X,12/35\nMUG-L,mug\n,12/36\n"
    answer = await client.post(f"/v1/channels/{channel_id}/links", content=file)
    assert answer.status_code == 200, answer.text
    assert answer.json()["linked"] == 1
    assert [one["line"] for one in answer.json()["left_out"]] == [3, 4, 5]
    found = await levels(client, channel_id)
    assert (found["MUG-S"]["item_id"], found["MUG-S"]["linked"], found["MUG-L"]["linked"]) == ("12/34", True, False)
    assert (await client.post(f"/v1/channels/{new_id('chan')}/links", content=file)).status_code == 404
    refused = await client.post(f"/v1/channels/{channel_id}/links", content=b"a,b\n1,2\n")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unknown_format")


async def test_everything_shows_zero_at_one_call_and_comes_back_at_another(client: httpx.AsyncClient) -> None:
    channel_id = await connect(client)
    answer = await client.post("/v1/channels/switch", json={"off": True})
    assert answer.json() == {"channel_ids": [channel_id]}
    assert {one["desired"] for one in (await levels(client, channel_id)).values()} == {0}
    assert (await client.get("/v1/channels")).json()["items"][0]["switched_off"] is True
    await client.post("/v1/channels/switch", json={"off": False})
    await client.post("/v1/channels/switch", json={"off": True, "skus": ["MUG-S"]})
    found = await levels(client, channel_id)
    assert (found["MUG-S"]["desired"], found["MUG-L"]["desired"]) == (0, 5)


async def test_safety_stock_is_set_for_a_channel_and_for_one_sku(client: httpx.AsyncClient) -> None:
    path = f"/v1/channels/{await connect(client)}"
    assert (await client.post(f"{path}/safety-stock", json={"units": 1})).status_code == 200
    assert (await client.post(f"{path}/safety-stock", json={"units": 4, "sku": "MUG-L"})).status_code == 200
    found = await levels(client, path.rpartition("/")[2])
    assert (found["MUG-S"]["desired"], found["MUG-L"]["desired"]) == (2, 1)
    for body, field in (({}, "units"), ({"units": -1}, "units"), ({"units": 1, "sku": "NONE"}, "sku")):
        answer = await client.post(f"{path}/safety-stock", json=body)
        assert answer.json()["error"]["details"]["field"] == field


async def test_a_paused_channel_is_resumed(client: httpx.AsyncClient, channels: Channels) -> None:
    channel_id = await connect(client)
    assert (await client.post(f"/v1/channels/{channel_id}/pause")).status_code == 200
    assert (await client.get("/v1/channels")).json()["items"][0]["state"] == "paused"
    assert (await client.post(f"/v1/channels/{channel_id}/resume")).json() == {"channel_id": channel_id}
    assert list(await channels.active()) == [channel_id]
    assert (await client.post(f"/v1/channels/{new_id('chan')}/resume")).status_code == 404


async def test_settings_change_without_connecting_anew_and_a_wrong_one_is_named(client: httpx.AsyncClient) -> None:
    channel_id = await connect(client)
    path = f"/v1/channels/{channel_id}"
    await client.post(f"{path}/links", content=b"sku,item_id\nMUG-S,12/34\n")
    await client.post(f"{path}/pause")
    changed = await client.post(f"{path}/settings", json={"settings": {"admin_key": "c" * 32}})
    assert (changed.status_code, changed.json()) == (200, {"channel_id": channel_id, "secret": None})
    (listed,) = (await client.get("/v1/channels")).json()["items"]
    assert (listed["state"], listed["unlinked"]) == ("active", 1)
    for settings, field in (({"admin_key": "short"}, "admin_key"), ({"color": "red"}, "color")):
        refused = await client.post(f"{path}/settings", json={"settings": settings})
        assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (422, field)


async def test_a_sku_is_let_go_and_what_a_channel_cannot_do_is_refused(client: httpx.AsyncClient) -> None:
    path = f"/v1/channels/{await connect(client)}"
    await client.post(f"{path}/links", content=b"sku,item_id\nMUG-S,12/34\n")
    removed = await client.post(f"{path}/links/remove", json={"skus": ["MUG-S", "MUG-L"]})
    assert (removed.status_code, removed.json()) == (200, {"unlinked": 1})
    webhook = {"kind": "webhook", "name": "W", "url": "http://127.0.0.1:9/"}
    other = f"/v1/channels/{(await client.post('/v1/channels', json=webhook)).json()['channel_id']}"
    for call, body, code in (
        ("publish", b"{}", "takes_no_products"),
        ("links/match", b"", "lists_no_items"),
        ("orders/cancel", b'{"order_id": "1"}', "cancels_no_orders"),
    ):
        refused = await client.post(f"{other}/{call}", content=body)
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, code), call
