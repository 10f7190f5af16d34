"""What channels send, over HTTP: any answer is theirs, and nothing unsigned is stored."""

from collections.abc import AsyncIterator

import httpx
import pytest

from inventory.channels.channels_pg import Channels
from inventory.channels.inbox import ChannelInbox
from inventory.channels.order_list_pg import OrderList
from inventory.channels.orders_pg import ChannelOrders
from kit.postgres import Postgres
from live.api.channel_orders_http import ChannelOrderEndpoints
from live.api.channel_pushes_http import ChannelPushEndpoints
from tests.integration.inventory.channels.shelf import VAULT
from tests.integration.inventory.channels.shop import Shop
from tests.integration.live.api.api_client import Bearer, Serve


@pytest.fixture
async def channel_id(postgres: Postgres) -> str:
    channels = Channels(postgres, {"shelf": Shop()}, VAULT)
    return (await channels.create("shelf", name="Shop", settings={})).channel_id


@pytest.fixture
async def client(serve: Serve, postgres: Postgres) -> AsyncIterator[httpx.AsyncClient]:
    orders = ChannelOrders(postgres)
    kinds = {"shelf": Shop()}
    channels = Channels(postgres, kinds, VAULT)
    inbox = ChannelInbox(channels, kinds, orders)
    async with serve(
        [
            *ChannelPushEndpoints(inbox).endpoints(),
            *ChannelOrderEndpoints(channels, orders, OrderList(postgres)).endpoints(),
        ]
    ) as client:
        yield client


async def test_a_signed_push_is_answered_in_the_channels_words_and_its_order_is_listed(
    client: httpx.AsyncClient, channel_id: str, bearer: Bearer
) -> None:
    path = f"/v1/webhooks/channels/{channel_id}"
    for _ in range(2):
        answer = await client.post(path, params={"anything": "1"}, content="event:O1,O2", headers={"x-sign": "a token"})
        assert (answer.status_code, answer.text) == (200, "success")
        assert answer.headers["content-type"].startswith("text/plain")
    listed = await client.get(f"/v1/channels/{channel_id}/orders", headers=bearer("host"))
    assert [(one["order_id"], one["state"]) for one in listed.json()["items"]] == [("O1", "new"), ("O2", "new")]
    page = await client.get(
        f"/v1/channels/{channel_id}/orders", params={"state": "new", "limit": 1}, headers=bearer("host")
    )
    assert page.json()["next"] == "O1"
    cancelled = await client.post(
        f"/v1/channels/{channel_id}/orders/cancel", json={"order_id": "O2"}, headers=bearer("host")
    )
    assert (cancelled.status_code, cancelled.json()) == (202, {"channel_id": channel_id, "order_id": "O2"})


async def test_an_unsigned_push_is_refused_and_nothing_of_it_is_stored(
    client: httpx.AsyncClient, channel_id: str, bearer: Bearer
) -> None:
    path = f"/v1/webhooks/channels/{channel_id}"
    for headers in ({}, {"x-sign": "another"}):
        assert (await client.post(path, content="event:O1", headers=headers)).status_code == 401
    listed = await client.get(f"/v1/channels/{channel_id}/orders", headers=bearer("host"))
    assert listed.json()["items"] == []


async def test_a_greeting_is_answered_if_it_is_signed(client: httpx.AsyncClient, channel_id: str) -> None:
    path = f"/v1/webhooks/channels/{channel_id}"
    answer = await client.get(path, params={"sign": "a token", "echo": "hello"})
    assert (answer.status_code, answer.text) == (200, "hello")
    assert (await client.get(path, params={"sign": "no", "echo": "hello"})).status_code == 401


async def test_where_there_is_no_channel_nothing_is_answered(client: httpx.AsyncClient) -> None:
    for channel_id in ("chan_01K8ZZZZZZZZZZZZZZZZZZZZZZ", "webhook"):
        answer = await client.post(f"/v1/webhooks/channels/{channel_id}", content="x")
        assert answer.status_code == 404
