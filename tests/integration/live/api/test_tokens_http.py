"""Minting tokens over HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest

from kit.ids import new_id
from live.api.tokens_http import TokenEndpoints
from live.tokens import Tokens
from tests.integration.live.api.api_client import Bearer, Serve


@pytest.fixture
async def client(serve: Serve, tokens: Tokens) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(TokenEndpoints(tokens).endpoints()) as client:
        yield client


async def test_a_host_mints_a_viewers_token(client: httpx.AsyncClient, tokens: Tokens, bearer: Bearer) -> None:
    show_id = new_id("show")
    body = {"role": "viewer", "subject": "buyer-1", "show_id": show_id, "ttl_s": 60}
    answer = await client.post("/v1/tokens", json=body, headers=bearer("host"))
    assert answer.status_code == 201
    identity = tokens.verify(answer.json()["token"])
    assert (identity.subject, identity.role, identity.show_id) == ("buyer-1", "viewer", show_id)


async def test_only_an_admin_mints_for_an_admin(client: httpx.AsyncClient, bearer: Bearer) -> None:
    body = {"role": "admin", "subject": "boss"}
    assert (await client.post("/v1/tokens", json=body, headers=bearer("host"))).status_code == 403
    assert (await client.post("/v1/tokens", json=body, headers=bearer("viewer"))).status_code == 403
    assert (await client.post("/v1/tokens", json=body, headers=bearer("admin"))).status_code == 201


async def test_a_host_of_one_show_cannot_mint_a_way_out_of_it(client: httpx.AsyncClient, bearer: Bearer) -> None:
    body = {"role": "host", "subject": "me"}
    answer = await client.post("/v1/tokens", json=body, headers=bearer("host", "me", new_id("show")))
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"role": "root"}, "role"),
        ({"subject": ""}, "subject"),
        ({"subject": "two words"}, "subject"),
        ({"subject": "line\n"}, "subject"),
        ({"subject": "x" * 129}, "subject"),
        ({"show_id": "show_1"}, "show_id"),
        ({"ttl_s": 0}, "ttl_s"),
        ({"ttl_s": 30 * 24 * 3600 + 1}, "ttl_s"),
        ({"exp": 1}, "exp"),
    ],
)
async def test_a_token_that_cannot_be_names_the_field(
    client: httpx.AsyncClient, bearer: Bearer, changes: dict[str, object], field: str
) -> None:
    body = {"role": "viewer", "subject": "buyer-1", **changes}
    answer = await client.post("/v1/tokens", json=body, headers=bearer("host"))
    assert (answer.status_code, answer.json()["error"]["details"]) == (422, {"field": field})
