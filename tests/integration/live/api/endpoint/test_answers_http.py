"""What every answer has, and what the answer to a failure is."""

import httpx

from tests.integration.live.api.api_client import Bearer
from tests.integration.live.api.endpoint.things import GOOD, error_of


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
