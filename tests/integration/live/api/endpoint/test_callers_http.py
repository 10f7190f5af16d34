"""Who may call an endpoint, and who is turned away before anything is done."""

import time

import httpx
import jwt
import pytest

from kit.ids import new_id
from tests.integration.live.api.api_client import SECRET, Bearer
from tests.integration.live.api.endpoint.things import GOOD, Things, error_of


def forged() -> dict[str, str]:
    claims: dict[str, object] = {"sub": "me", "role": "admin", "exp": int(time.time()) + 60}
    return {
        "none at all": "",
        "another scheme": "Basic bWU6bWU=",
        "no token": "Bearer ",
        "two tokens": "Bearer a b",
        "rubbish": "Bearer rubbish",
        "another secret": f"Bearer {jwt.encode(claims, 'x' * 32, algorithm='HS256')}",
        "expired": f"Bearer {jwt.encode(claims | {'exp': 1}, SECRET, algorithm='HS256')}",
        "alg none": f"Bearer {jwt.encode(claims, '', algorithm='none')}",
        "100 KB": f"Bearer {'x' * 100_000}",
    }


@pytest.mark.parametrize("header", forged().values(), ids=forged().keys())
async def test_without_a_good_token_nothing_is_done(client: httpx.AsyncClient, things: Things, header: str) -> None:
    response = await client.post("/v1/things", json=GOOD, headers={"authorization": header} if header else {})
    assert (response.status_code, error_of(response)["code"]) == (401, "unauthorised")
    assert response.headers["www-authenticate"] == "Bearer"
    assert things.made == 0
    assert len(header) < 20 or header.removeprefix("Bearer ") not in response.text


async def test_a_viewer_may_not_do_what_staff_do(client: httpx.AsyncClient, things: Things, bearer: Bearer) -> None:
    response = await client.post("/v1/things", json=GOOD, headers=bearer("viewer"))
    assert (response.status_code, error_of(response)["code"]) == (403, "forbidden")
    assert things.made == 0


async def test_a_token_of_one_show_is_good_for_that_show_only(client: httpx.AsyncClient, bearer: Bearer) -> None:
    mine, other = new_id("show"), new_id("show")
    assert (await client.post(f"/v1/shows/{mine}/touch", headers=bearer("host", "me", mine))).status_code == 200
    assert (await client.post(f"/v1/shows/{other}/touch", headers=bearer("host", "me", mine))).status_code == 403
    # What concerns the whole shop is not that show either.
    assert (await client.post("/v1/things", json=GOOD, headers=bearer("host", "me", mine))).status_code == 403


async def test_the_token_is_checked_before_the_body_is_looked_at(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/things", content=b"{")).status_code == 401
