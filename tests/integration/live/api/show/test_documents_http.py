"""The documents of both ports, as they are served."""

from importlib.metadata import version

import httpx


async def test_the_document_is_served_as_it_is_declared(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["openapi"] == "3.1.0"
    assert "/v1/shows/{id}/offers" in document["paths"]
    assert (await client.get("/readyz")).json() == {"checks": ["postgres"], "status": "ready"}


async def test_the_document_of_the_websocket_says_where_the_gateway_is(client: httpx.AsyncClient) -> None:
    answer = await client.get("/asyncapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.headers["cache-control"] == "no-cache"
    served = answer.json()
    assert (served["asyncapi"], served["info"]["version"]) == ("3.0.0", version("showdrop"))
    gateway = served["servers"]["gateway"]
    assert (gateway["protocol"], gateway["host"]) == ("ws", "127.0.0.1:8001")
    assert set(served["channels"]["live"]["messages"]) >= {"hello", "welcome"}
