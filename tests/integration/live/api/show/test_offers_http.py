"""Offers over HTTP: opened, extended, ended, and refused without a trace."""

import httpx
import pytest

from kit.ids import is_id, new_id
from tests.integration.live.api.api_client import Bearer, code_of
from tests.integration.live.api.show.mugs import OFFER


async def test_an_offer_is_opened_extended_and_closed(client: httpx.AsyncClient, bearer: Bearer, show_id: str) -> None:
    staff = bearer("host")
    made = await client.post(f"/v1/shows/{show_id}/offers", json=OFFER, headers=staff)
    offer = made.json()
    assert made.status_code == 201
    assert is_id(offer["offer_id"], "offer")
    assert (offer["state"], offer["allocated"], offer["available"], offer["held"]) == ("open", 5, 5, 0)
    assert offer["price"] == {"amount": 799, "currency": "EUR"}
    path = f"/v1/offers/{offer['offer_id']}"
    longer = (await client.post(f"{path}/extend", json={"extend_ms": 30_000}, headers=staff)).json()
    assert longer["ends_at_ms"] == offer["ends_at_ms"] + 30_000
    assert (await client.post(f"{path}/close", json={}, headers=staff)).json()["state"] == "ended"
    assert (await client.get(path)).json()["state"] == "ended"
    assert code_of(await client.post(f"{path}/extend", json={"extend_ms": 30_000}, headers=staff))[0] == 409


async def test_an_offer_is_voided_with_its_reason(client: httpx.AsyncClient, bearer: Bearer, show_id: str) -> None:
    staff = bearer("host")
    offer = (await client.post(f"/v1/shows/{show_id}/offers", json=OFFER, headers=staff)).json()
    path = f"/v1/offers/{offer['offer_id']}/void"
    voided = (await client.post(path, json={"reason": "wrong price"}, headers=staff)).json()
    assert (voided["state"], voided["reason"]) == ("voided", "wrong price")


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"quantity": 11}, 409, "stock_short"),
        ({"quantity": 11}, 409, "quantity"),
        ({"sku": "NO-SUCH"}, 404, "unknown_sku"),
        ({"per_buyer_limit": 6}, 422, "per_buyer_limit"),
        ({"price": {"amount": 799, "currency": "USD"}}, 422, "price.currency"),
        ({"price": {"amount": 2**53 - 1, "currency": "EUR"}}, 422, "price.amount"),
        *[({"quantity": value}, 422, "quantity") for value in (0, -1, 10**9, 1.5, "3")],
    ],
)
async def test_an_offer_that_cannot_be_sets_nothing_aside(
    client: httpx.AsyncClient, bearer: Bearer, show_id: str, *, changes: dict[str, object], status: int, said: str
) -> None:
    answer = await client.post(f"/v1/shows/{show_id}/offers", json={**OFFER, **changes}, headers=bearer("host"))
    error = answer.json()["error"]
    assert answer.status_code == status
    assert said in (error["code"], error["details"].get("field"))
    products = (await client.get("/v1/products", headers=bearer("host"))).json()
    assert [one["available"] for one in products["items"][0]["variants"]] == [5, 10]


async def test_a_host_of_another_show_may_not_touch_this_ones_offers(
    client: httpx.AsyncClient, bearer: Bearer, show_id: str
) -> None:
    offer = (await client.post(f"/v1/shows/{show_id}/offers", json=OFFER, headers=bearer("host"))).json()
    stranger = bearer("host", "other", new_id("show"))
    for verb, body in (("close", {}), ("extend", {"extend_ms": 5_000}), ("void", {"reason": "x"})):
        answer = await client.post(f"/v1/offers/{offer['offer_id']}/{verb}", json=body, headers=stranger)
        assert answer.status_code == 403
    assert (await client.post(f"/v1/shows/{show_id}/offers", json=OFFER, headers=stranger)).status_code == 403
    own = bearer("host", "other", show_id)
    assert (await client.post(f"/v1/offers/{offer['offer_id']}/close", headers=own)).status_code == 200
