"""Bodies and queries: what is taken, and how it is told what is wrong with the others."""

from collections.abc import AsyncIterator

import httpx
import pytest

from kit.ids import new_id
from tests.integration.live.api.api_client import Bearer
from tests.integration.live.api.endpoint.things import GOOD, Things, error_of


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"nope",
        b'{"name":"a"',
        b"\xff\xfe\x00",
        b'{"name":"\xff"}',
        b'{"name":"a","quantity":NaN}',
    ],
    ids=["half", "word", "cut", "binary", "bad UTF-8", "NaN"],
)
async def test_what_is_not_json_is_a_400(client: httpx.AsyncClient, bearer: Bearer, content: bytes) -> None:
    response = await client.post("/v1/things", content=content, headers=bearer("host"))
    assert (response.status_code, error_of(response)["code"]) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({**GOOD, "colour": "red"}, "colour"),
        ({**GOOD, "quantity": 0}, "quantity"),
        ({**GOOD, "quantity": -1}, "quantity"),
        ({**GOOD, "quantity": 10**9}, "quantity"),
        ({**GOOD, "quantity": 10**30}, "quantity"),
        ({**GOOD, "quantity": 1.5}, "quantity"),
        ({**GOOD, "quantity": "3"}, "quantity"),
        ({**GOOD, "quantity": True}, "quantity"),
        ({**GOOD, "quantity": None}, "quantity"),
        ({**GOOD, "name": ""}, "name"),
        ({**GOOD, "name": "   "}, "name"),
        ({**GOOD, "name": "zero\x00byte"}, "name"),
        ({**GOOD, "name": "line\n"}, "name"),
        ({**GOOD, "name": "x" * 501}, "name"),
        ({**GOOD, "price": {"amount": 1}}, "price.currency"),
        ({**GOOD, "price": {"amount": 1.5, "currency": "EUR"}}, "price.amount"),
        ({**GOOD, "price": {"amount": 1, "currency": "eur"}}, "price.currency"),
        ({**GOOD, "price": {"amount": 1, "currency": "EUR", "tax": 1}}, "price.tax"),
    ],
)
async def test_a_wrong_field_is_a_422_that_names_it(
    client: httpx.AsyncClient, things: Things, bearer: Bearer, body: dict[str, object], field: str
) -> None:
    response = await client.post("/v1/things", json=body, headers=bearer("host"))
    error = error_of(response)
    assert (response.status_code, error["code"], error["details"]) == (422, "invalid", {"field": field})
    assert things.made == 0


@pytest.mark.parametrize("content", [b"[]", b"3", b"null", b'"text"', b"[" * 100_000])
async def test_a_body_that_is_no_object_is_a_422(client: httpx.AsyncClient, bearer: Bearer, content: bytes) -> None:
    assert (await client.post("/v1/things", content=content, headers=bearer("host"))).status_code == 422


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_that_is_too_long_is_a_413(client: httpx.AsyncClient, bearer: Bearer, announced: bool) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 32_768

    content = b" " * 1_310_720 if announced else chunks()
    response = await client.post("/v1/things", content=content, headers=bearer("host"))
    assert (response.status_code, error_of(response)["code"]) == (413, "too_large")


async def test_no_body_counts_as_an_empty_object(client: httpx.AsyncClient, bearer: Bearer) -> None:
    path, staff = f"/v1/shows/{new_id('show')}/touch", bearer("host")
    assert (await client.post(path, headers=staff)).status_code == 200
    assert (await client.post(path, json={}, headers=staff)).status_code == 200
    assert (await client.post(path, json={"x": 1}, headers=staff)).status_code == 422


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=1.5", "limit"),
        ("limit=many", "limit"),
        ("page=2", "page"),
        ("limit=1&limit=2", "limit"),
        ("page=", "page"),
    ],
)
async def test_a_wrong_query_is_a_422_that_names_it(
    client: httpx.AsyncClient, bearer: Bearer, query: str, field: str
) -> None:
    response = await client.get(f"/v1/things?{query}", headers=bearer("host"))
    assert response.status_code == 422
    assert error_of(response)["details"] == {"field": field}


async def test_a_query_parameter_without_a_value_counts_as_not_given(client: httpx.AsyncClient, bearer: Bearer) -> None:
    assert (await client.get("/v1/things?limit=", headers=bearer("host"))).json()["number"] == 100
    assert (await client.get("/v1/things?limit=1000", headers=bearer("host"))).json()["number"] == 1000
