"""Holds over HTTP: paid for, given back, extended and made smaller."""

import httpx
import pytest
from redis.asyncio import Redis

from inventory.holds import Accepted, ClaimRequest
from inventory.holds_redis import RedisHolds
from inventory.pools_pg import Pools
from kit.ids import new_ulid
from kit.postgres import Postgres
from tests.integration.live.api.api_client import Bearer, code_of
from tests.integration.live.api.show.mugs import OFFER


def nested(deep: int) -> object:
    """Return lists inside each other, ``deep`` of them."""
    value: object = "home"
    for _ in range(deep):
        value = [value]
    return value


async def held(
    client: httpx.AsyncClient, bearer: Bearer, postgres: Postgres, redis: Redis, show_id: str, *, quantity: int = 1
) -> str:
    """Open an offer, claim units as ``buyer-1``, and return the hold's id."""
    offer = (await client.post(f"/v1/shows/{show_id}/offers", json=OFFER, headers=bearer("host"))).json()
    pool = await Pools(postgres).get(offer["offer_id"])
    assert pool is not None
    claim = ClaimRequest(pool_id=pool.pool_id, claim_id=new_ulid(), buyer_id="buyer-1", quantity=quantity)
    (answer,) = await RedisHolds(redis).claim_many(pool, [claim])
    assert isinstance(answer, Accepted)
    return answer.hold_id


async def test_a_buyer_pays_for_their_hold_once(
    client: httpx.AsyncClient, bearer: Bearer, postgres: Postgres, redis: Redis, show_id: str
) -> None:
    hold_id = await held(client, bearer, postgres, redis, show_id)
    path, buyer = f"/v1/holds/{hold_id}/checkout", bearer("viewer", "buyer-1", show_id)
    body = {"payment_method": "pm_test_ok", "shipping": {"name": "Ada", "lines": ["Road 1", "Town"]}}
    assert code_of(await client.post(path, json=body, headers=bearer("viewer", "buyer-2"))) == (404, "unknown_hold")
    answers = [await client.post(path, json=body, headers=buyer) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["state"] == "submitted"
    order = (await client.get(f"/v1/orders/{answers[0].json()['order_id']}", headers=buyer)).json()
    assert (order["hold_id"], order["buyer_id"], order["amount"]["amount"]) == (hold_id, "buyer-1", 799)
    assert (await client.post(path, json=body, headers=bearer("host"))).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "payment_method"),
        ({"payment_method": "pm_unknown"}, "payment_method"),
        ({"payment_method": ""}, "payment_method"),
        ({"payment_method": "pm_test_ok", "shipping": "home"}, "shipping"),
        ({"payment_method": "pm_test_ok", "shipping": {"name": ["zero \x00 byte"]}}, "shipping"),
        ({"payment_method": "pm_test_ok", "shipping": {"name": "x" * 5_000}}, "shipping"),
        *[({"payment_method": "pm_test_ok", "shipping": {"name": nested(deep)}}, "shipping") for deep in (8, 400, 800)],
    ],
)
async def test_a_checkout_that_cannot_be_leaves_the_hold_as_it_is(
    client: httpx.AsyncClient,
    bearer: Bearer,
    postgres: Postgres,
    redis: Redis,
    show_id: str,
    *,
    body: dict[str, object],
    field: str,
) -> None:
    hold_id = await held(client, bearer, postgres, redis, show_id)
    buyer = bearer("viewer", "buyer-1")
    answer = await client.post(f"/v1/holds/{hold_id}/checkout", json=body, headers=buyer)
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (422, field)
    assert (await client.post(f"/v1/holds/{hold_id}/release", headers=buyer)).json()["state"] == "released"


async def test_a_hold_is_given_back_and_its_unit_is_free(
    client: httpx.AsyncClient, bearer: Bearer, postgres: Postgres, redis: Redis, show_id: str
) -> None:
    hold_id = await held(client, bearer, postgres, redis, show_id)
    path, buyer = f"/v1/holds/{hold_id}/release", bearer("viewer", "buyer-1")
    assert code_of(await client.post(path, headers=bearer("viewer", "buyer-2"))) == (404, "unknown_hold")
    released = (await client.post(path, headers=buyer)).json()
    assert (released["hold_id"], released["state"], released["quantity"]) == (hold_id, "released", 1)
    offer = (await client.get(f"/v1/offers/{released['offer_id']}")).json()
    assert (offer["available"], offer["held"]) == (5, 0)
    late = await client.post(f"/v1/holds/{hold_id}/checkout", json={"payment_method": "pm_test_ok"}, headers=buyer)
    assert code_of(late) == (409, "hold_released")


async def test_a_hold_is_extended_until_the_limit_and_made_smaller(
    client: httpx.AsyncClient, bearer: Bearer, postgres: Postgres, redis: Redis, show_id: str
) -> None:
    hold_id = await held(client, bearer, postgres, redis, show_id, quantity=2)
    path, buyer = f"/v1/holds/{hold_id}", bearer("viewer", "buyer-1")
    assert code_of(await client.post(f"{path}/extend", headers=bearer("viewer", "buyer-2"))) == (404, "unknown_hold")
    first = (await client.post(f"{path}/extend", headers=buyer)).json()
    assert (first["state"], first["quantity"], first["extensions"]) == ("held", 2, 1)
    assert (await client.post(f"{path}/extend", headers=buyer)).json() == first
    assert code_of(await client.post(f"{path}/extend", json={"extension": 3}, headers=buyer)) == (
        409,
        "extension_limit",
    )
    second = (await client.post(f"{path}/extend", json={"extension": 2}, headers=buyer)).json()
    assert second["extensions"] == 2
    assert second["expires_at_ms"] >= first["expires_at_ms"]
    for _ in range(2):
        smaller = await client.post(f"{path}/release", json={"keep": 1}, headers=buyer)
        assert smaller.json() == {**second, "quantity": 1}
    offer = (await client.get(f"/v1/offers/{second['offer_id']}")).json()
    assert (offer["available"], offer["held"], offer["waiting"]) == (4, 1, 0)
    for body, field in (({"keep": -1}, "keep"), ({"keep": 1.5}, "keep"), ({"extension": 0}, "extension")):
        verb = "release" if field == "keep" else "extend"
        answer = await client.post(f"{path}/{verb}", json=body, headers=buyer)
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (422, field)


async def test_a_hold_that_is_not_live_is_neither_extended_nor_kept(
    client: httpx.AsyncClient, bearer: Bearer, postgres: Postgres, redis: Redis, show_id: str
) -> None:
    buyer = bearer("viewer", "buyer-1")
    given = await held(client, bearer, postgres, redis, show_id)
    await client.post(f"/v1/holds/{given}/release", headers=buyer)
    paid = await held(client, bearer, postgres, redis, show_id)
    await client.post(f"/v1/holds/{paid}/checkout", json={"payment_method": "pm_test_ok"}, headers=buyer)
    for hold_id, code in ((given, "hold_released"), (paid, "hold_submitted")):
        assert code_of(await client.post(f"/v1/holds/{hold_id}/extend", headers=buyer)) == (409, code)
        kept = await client.post(f"/v1/holds/{hold_id}/release", json={"keep": 1}, headers=buyer)
        assert code_of(kept) == (409, code)
    # Who keeps nothing is answered with the hold, however it ended.
    assert (await client.post(f"/v1/holds/{given}/release", headers=buyer)).json()["state"] == "released"


@pytest.mark.parametrize("hold_id", ["hold_1", "rubbish", "hold_" + "Z" * 26, "hold_01K8Z0000000000000000000ZZ"])
async def test_a_hold_that_never_was_is_a_404(client: httpx.AsyncClient, bearer: Bearer, hold_id: str) -> None:
    answer = await client.post(f"/v1/holds/{hold_id}/release", headers=bearer("viewer"))
    assert code_of(answer) == (404, "unknown_hold")
