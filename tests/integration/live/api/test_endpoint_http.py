"""What every endpoint has in common, shown on a few small ones."""

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Annotated

import httpx
import jwt
import msgspec
import pytest

from kit.errors import ConflictError, UnavailableError
from kit.ids import new_id
from live.api.endpoint import ANYONE_SIGNED_IN, STAFF, Call, Chunks, Empty, Endpoint, Request, endpoint
from live.api.fields import Price, Reason
from live.api.limits import JSON_BODY_MAX_BYTES
from tests.integration.live.api.api_client import SECRET, Bearer, Serve


class Thing(Request, frozen=True):
    name: Reason
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
    price: Price | None = None


class ThingQuery(Request, frozen=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100


class Made(msgspec.Struct, frozen=True, kw_only=True):
    thing_id: str
    number: int
    subject: str | None


class Things:
    """A small noun of its own: makes things, counts how often, and fails when told."""

    def __init__(self) -> None:
        self.made = 0

    def endpoints(self) -> list[Endpoint]:
        return [
            endpoint(
                "things",
                "make_thing",
                "POST",
                "/v1/things",
                "Make a thing",
                roles=STAFF,
                body=Thing,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=Made,
                status=201,
                refusals=(409,),
                handle=self._make,
            ),
            endpoint(
                "things",
                "list_things",
                "GET",
                "/v1/things",
                "List things",
                roles=ANYONE_SIGNED_IN,
                scope="handler",
                body=Empty,
                query=ThingQuery,
                answer=Made,
                handle=self._list,
            ),
            endpoint(
                "things",
                "touch_show",
                "POST",
                "/v1/shows/{id}/touch",
                "Touch a show",
                roles=STAFF,
                scope="show",
                body=Empty,
                body_limit=JSON_BODY_MAX_BYTES,
                query=Empty,
                answer=Made,
                handle=self._touch,
            ),
            endpoint(
                "things",
                "stream_things",
                "GET",
                "/v1/things.csv",
                "Stream things",
                roles=None,
                body=Empty,
                query=Empty,
                answer=None,
                answer_media=("text/csv",),
                handle=self._stream,
            ),
        ]

    async def _make(self, call: Call[Thing, Empty]) -> Made:
        self.made += 1
        match call.body.name:
            case "taken":
                raise ConflictError("it is taken", code="taken")
            case "database down":
                raise UnavailableError("Postgres does not answer", code="postgres_down")
            case "bug":
                raise ZeroDivisionError("secret internals")
            case "slow":
                await asyncio.sleep(0.5)
            case _:
                pass
        return Made(thing_id=call.new_id("thing"), number=self.made, subject=call.identity.subject)

    async def _list(self, call: Call[Empty, ThingQuery]) -> Made:
        return Made(thing_id="none", number=call.query.limit, subject=call.identity.subject)

    async def _touch(self, call: Call[Empty, Empty]) -> Made:
        return Made(thing_id=call.id, number=0, subject=None)

    async def _stream(self, call: Call[Empty, Empty]) -> Chunks:  # noqa: ARG002 - a handler takes the call
        async def lines() -> AsyncGenerator[bytes, None]:
            yield b"a\n"
            yield b"b\n"

        return Chunks(content=lines(), media_type="text/csv")


GOOD = {"name": "lamp", "quantity": 1}


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
async def client(serve: Serve, things: Things) -> AsyncIterator[httpx.AsyncClient]:
    async with serve(things.endpoints()) as client:
        yield client


def error_of(response: httpx.Response) -> dict[str, object]:
    error: dict[str, object] = response.json()["error"]
    assert set(error) == {"code", "message", "temporary", "details"}
    return error


async def test_a_good_request_is_answered(client: httpx.AsyncClient, bearer: Bearer) -> None:
    response = await client.post("/v1/things", json=GOOD, headers=bearer("host", "anna"))
    assert response.status_code == 201
    assert (response.json()["number"], response.json()["subject"]) == (1, "anna")


async def test_every_answer_carries_a_request_id_and_the_security_headers(client: httpx.AsyncClient) -> None:
    for path in ("/v1/things", "/nowhere"):
        headers = (await client.get(path)).headers
        assert len(headers["x-request-id"]) == 26
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


async def test_a_proxys_request_id_is_kept_unless_it_could_do_harm(client: httpx.AsyncClient) -> None:
    kept = await client.get("/v1/things", headers={"x-request-id": "edge-42"})
    replaced = await client.get("/v1/things", headers={"x-request-id": "<script>"})
    assert kept.headers["x-request-id"] == "edge-42"
    assert len(replaced.headers["x-request-id"]) == 26


async def test_an_unknown_path_is_a_404_in_the_one_shape(client: httpx.AsyncClient) -> None:
    for path in ("/nowhere", "/v1/things/", "/v1//things", "/v1/shows/%00/touch"):
        response = await client.get(path)
        assert response.status_code in {404, 405}
        error_of(response)


async def test_a_zero_byte_in_a_path_never_reaches_a_handler(client: httpx.AsyncClient, bearer: Bearer) -> None:
    response = await client.post("/v1/shows/show%00/touch", headers=bearer("host"))
    assert (response.status_code, error_of(response)["code"]) == (404, "not_found")


async def test_a_wrong_method_is_a_405_that_names_the_right_ones(client: httpx.AsyncClient) -> None:
    response = await client.put("/v1/things")
    assert (response.status_code, error_of(response)["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == "GET, POST"


# --- who calls ---


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


# --- what they send ---


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


# --- what goes wrong ---


async def test_a_bug_is_a_500_with_a_request_id_and_nothing_else(client: httpx.AsyncClient, bearer: Bearer) -> None:
    response = await client.post("/v1/things", json={**GOOD, "name": "bug"}, headers=bearer("host"))
    error = error_of(response)
    assert (response.status_code, error["code"]) == (500, "internal")
    assert error["details"] == {"request_id": response.headers["x-request-id"]}
    assert "secret internals" not in response.text
    assert "ZeroDivision" not in response.text


async def test_a_dependency_that_is_down_is_a_503_that_says_when_to_come_back(
    client: httpx.AsyncClient, bearer: Bearer
) -> None:
    response = await client.post("/v1/things", json={**GOOD, "name": "database down"}, headers=bearer("host"))
    error = error_of(response)
    assert (response.status_code, error["code"], error["temporary"]) == (503, "postgres_down", True)
    assert int(response.headers["retry-after"]) >= 1


async def test_a_stream_comes_whole(client: httpx.AsyncClient) -> None:
    response = await client.get("/v1/things.csv")
    assert response.text == "a\nb\n"


# --- Idempotency-Key ---


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
