"""A show over HTTP from the schedule to the report."""

import httpx

from kit.ids import is_id, new_id
from kit.postgres import Postgres
from live.tokens import Tokens
from tests.integration.live.api.api_client import Bearer, code_of


async def test_a_show_goes_from_the_schedule_to_its_end(client: httpx.AsyncClient, bearer: Bearer) -> None:
    staff = bearer("host")
    body = {"title": "Friday", "currency": "EUR", "scheduled_start_at_ms": 1_900_000_000_000}
    made = await client.post("/v1/shows", json=body, headers=staff)
    assert (made.status_code, made.json()["state"]) == (201, "scheduled")
    show_id = made.json()["show_id"]
    assert is_id(show_id, "show")
    for verb, state in (("start", "live"), ("pause", "paused"), ("resume", "live"), ("end", "ended")):
        assert (await client.post(f"/v1/shows/{show_id}/{verb}", headers=staff)).json()["state"] == state
    assert code_of(await client.post(f"/v1/shows/{show_id}/start", headers=staff)) == (409, "illegal_transition")
    assert [one["show_id"] for one in (await client.get("/v1/shows", headers=staff)).json()["items"]] == [show_id]


async def test_the_same_key_makes_one_show_also_when_the_answer_was_lost(
    client: httpx.AsyncClient, bearer: Bearer, postgres: Postgres
) -> None:
    headers = bearer("host") | {"idempotency-key": "show-1"}
    body = {"title": "Friday", "currency": "EUR"}
    first = await client.post("/v1/shows", json=body, headers=headers)
    # As after a crash between the commit and the answer: the row is there, without an answer, its lock run out.
    async with postgres.connection() as connection:
        await connection.execute("UPDATE idempotency SET status = NULL, body = NULL, locked_until_ms = 0")
    again = await client.post("/v1/shows", json=body, headers=headers)
    assert again.json()["show_id"] == first.json()["show_id"]
    assert len((await client.get("/v1/shows", headers=bearer("host"))).json()["items"]) == 1


async def test_guests_see_the_show_that_is_on(client: httpx.AsyncClient, bearer: Bearer, show_id: str) -> None:
    assert (await client.get("/v1/shows/current")).json()["show_id"] == show_id
    snapshot = (await client.get(f"/v1/shows/{show_id}")).json()
    assert (snapshot["state"], snapshot["offers"], snapshot["spotlight"]) == ("live", [], [])
    assert snapshot["position"]["seq"] == 1
    assert code_of(await client.get(f"/v1/shows/{new_id('show')}"))[0] == 404
    assert (await client.get("/v1/shows")).status_code == 401
    assert (await client.get("/v1/shows", headers=bearer("viewer"))).status_code == 403


async def test_without_a_show_there_is_no_current_one(client: httpx.AsyncClient) -> None:
    assert code_of(await client.get("/v1/shows/current")) == (404, "no_show")


async def test_products_come_on_stage_and_leave_it(client: httpx.AsyncClient, bearer: Bearer, show_id: str) -> None:
    staff, path = bearer("host"), f"/v1/shows/{show_id}/spotlight"
    product_id = (await client.get("/v1/products", headers=staff)).json()["items"][0]["product_id"]
    on_stage = (await client.post(path, json={"product_ids": [product_id]}, headers=staff)).json()
    assert [card["title"] for card in on_stage["spotlight"]] == ["Blue mug"]
    assert (await client.post(path, json={"product_ids": []}, headers=staff)).json()["spotlight"] == []
    assert code_of(await client.post(path, json={"product_ids": ["prod_1"]}, headers=staff)) == (404, "unknown_product")
    assert (await client.post(path, json={"product_ids": [product_id] * 2}, headers=staff)).status_code == 422


async def test_a_demo_buyer_gets_a_token_of_their_own_for_that_show(
    client: httpx.AsyncClient, tokens: Tokens, show_id: str
) -> None:
    answers = [(await client.post("/v1/demo/tokens", json={"show_id": show_id})).json() for _ in range(2)]
    identities = [tokens.verify(answer["token"]) for answer in answers]
    assert [(one.role, one.show_id) for one in identities] == [("viewer", show_id)] * 2
    assert identities[0].subject == answers[0]["subject"] != identities[1].subject
    assert code_of(await client.post("/v1/demo/tokens", json={"show_id": new_id("show")})) == (404, "unknown_show")


async def test_a_report_is_for_staff(client: httpx.AsyncClient, bearer: Bearer, show_id: str) -> None:
    report = await client.get(f"/v1/shows/{show_id}/report", headers=bearer("host"))
    assert (report.json()["orders"], report.json()["gmv"]) == (0, {"amount": 0, "currency": "EUR"})
    file = await client.get(f"/v1/shows/{show_id}/report", headers=bearer("host") | {"accept": "text/csv"})
    assert file.headers["content-disposition"] == 'attachment; filename="report.csv"'
    assert file.text.splitlines()[:2] == ["section,name,figure,value", f"show,{show_id},currency,EUR"]
    assert (await client.get(f"/v1/shows/{show_id}/report", headers=bearer("viewer"))).status_code == 403
    assert (await client.get(f"/v1/shows/{new_id('show')}/report", headers=bearer("host"))).status_code == 404
