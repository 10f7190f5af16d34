"""A request that comes again with its Idempotency-Key."""

import asyncio

import httpx
import pytest

from tests.integration.live.api.api_client import Bearer
from tests.integration.live.api.endpoint.things import GOOD, Things, error_of


async def test_a_post_sent_twice_is_done_once_and_answered_the_same(
    client: httpx.AsyncClient, things: Things, bearer: Bearer
) -> None:
    headers = bearer("host") | {"idempotency-key": "k-1"}
    first = await client.post("/v1/things", json=GOOD, headers=headers)
    again = await client.post("/v1/things", json=GOOD, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert things.made == 1


async def test_a_refusal_is_remembered_too(client: httpx.AsyncClient, things: Things, bearer: Bearer) -> None:
    headers = bearer("host") | {"idempotency-key": "k-1"}
    body = {**GOOD, "name": "taken"}
    first = await client.post("/v1/things", json=body, headers=headers)
    again = await client.post("/v1/things", json=body, headers=headers)
    assert (first.status_code, again.status_code, again.content) == (409, 409, first.content)
    assert things.made == 1


@pytest.mark.parametrize("name", ["bug", "database down"])
async def test_a_failure_of_ours_is_not_remembered(
    client: httpx.AsyncClient, things: Things, bearer: Bearer, name: str
) -> None:
    headers = bearer("host") | {"idempotency-key": "k-1"}
    for _ in range(2):
        assert (await client.post("/v1/things", json={**GOOD, "name": name}, headers=headers)).status_code >= 500
    assert things.made == 2


async def test_a_key_for_another_body_is_a_409(client: httpx.AsyncClient, bearer: Bearer) -> None:
    headers = bearer("host") | {"idempotency-key": "k-1"}
    await client.post("/v1/things", json=GOOD, headers=headers)
    response = await client.post("/v1/things", json={**GOOD, "quantity": 2}, headers=headers)
    assert (response.status_code, error_of(response)["code"]) == (409, "idempotency_key_reused")


async def test_a_buyer_who_is_called_like_staff_does_not_share_keys_with_them(
    client: httpx.AsyncClient, bearer: Bearer
) -> None:
    key = {"idempotency-key": "k-1"}
    as_host = await client.post("/v1/things", json=GOOD, headers=bearer("host", "anna") | key)
    as_admin = await client.post("/v1/things", json=GOOD, headers=bearer("admin", "anna") | key)
    assert as_host.json()["thing_id"] != as_admin.json()["thing_id"]


async def test_a_second_one_under_way_is_told_to_wait(
    client: httpx.AsyncClient, things: Things, bearer: Bearer
) -> None:
    headers = bearer("host") | {"idempotency-key": "k-1"}
    body = {**GOOD, "name": "slow"}
    answers = await asyncio.gather(*(client.post("/v1/things", json=body, headers=headers) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    waiting = [error_of(answer) for answer in answers if answer.status_code == 409]
    assert all((error["code"], error["temporary"]) == ("in_progress", True) for error in waiting)
    assert things.made == 1


@pytest.mark.parametrize("key", ["", "two words", "x" * 256])
async def test_a_key_that_is_none_is_a_422(client: httpx.AsyncClient, things: Things, bearer: Bearer, key: str) -> None:
    response = await client.post("/v1/things", json=GOOD, headers=bearer("host") | {"idempotency-key": key})
    assert response.status_code == 422
    assert error_of(response)["details"] == {"field": "Idempotency-Key"}
    assert things.made == 0
