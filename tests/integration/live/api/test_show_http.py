"""A show over HTTP from the schedule to the report, with the whole application on real parts."""

from collections.abc import AsyncIterator
from importlib.metadata import version

import httpx
import pytest
from redis.asyncio import Redis

from checkout.apply_event import WebhookInbox
from checkout.exports_pg import Exports
from checkout.lines_pg import Lines
from checkout.orders_pg import Orders
from checkout.payment_events_pg import PaymentEvents
from checkout.payments.bank_pg import TestBank
from checkout.payments.provider import Providers
from checkout.refund import Refunds
from checkout.reports_pg import Reports
from checkout.submit import Submitter
from checkout.webhooks.delivery_log_pg import HookLog
from checkout.webhooks.endpoints_pg import HookEndpoints
from checkout.webhooks.signing import EndpointSecrets
from inventory.catalogue_pg import Catalogue
from inventory.channels.channels_pg import Channels
from inventory.channels.feeds import FeedTokens
from inventory.channels.feeds_pg import Feeds
from inventory.channels.inbox import ChannelInbox
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.channels.rows import ChannelRows
from inventory.draws_pg import Draws
from inventory.holds import Accepted, ClaimRequest
from inventory.holds_redis import RedisHolds
from inventory.pools_pg import Pools
from inventory.stock_pg import StockLedger
from kit.address_lookup import Addresses
from kit.ids import is_id, new_id, new_ulid
from kit.metrics import new_registry
from kit.postgres import Postgres
from live.api.app_http import ApiParts, build_app, endpoints_of
from live.api.idempotency_pg import Idempotency
from live.inbox import Inbox
from live.offers import OfferDirectory
from live.purchases import Purchases
from live.relay import Relay
from live.show_events_pg import ShowEvents
from live.show_log_redis import RedisLog
from live.show_offers_pg import ShowOffers
from live.shows_pg import Shows
from live.stage import Stage
from live.tokens import Tokens
from tests.integration.live.api.api_client import SECRET, Bearer, Document

CATALOGUE = b"""Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty
mug,Blue mug,Size,S,MUG-S,9.99,10
mug,,Size,L,MUG-L,12.99,5
"""
OFFER = {"sku": "MUG-S", "price": {"amount": 799, "currency": "EUR"}, "quantity": 5, "per_buyer_limit": 2}


@pytest.fixture
async def parts(postgres: Postgres, redis: Redis, tokens: Tokens) -> AsyncIterator[ApiParts]:
    shows, show_offers = Shows(postgres), ShowOffers(postgres)
    pools, holds, catalogue = Pools(postgres), RedisHolds(redis), Catalogue(postgres)
    log, bank, orders = RedisLog(redis, "log"), TestBank(postgres, SECRET), Orders(postgres)
    providers, offers = Providers([bank]), OfferDirectory(pools, show_offers)
    submitter = Submitter(holds, orders, providers)
    kinds = channel_kinds(SECRET, allow_private=True)
    channels, rows = Channels(postgres, kinds, channel_vault(SECRET)), ChannelRows.of(postgres, kinds)
    yield ApiParts(
        tokens=tokens,
        idempotency=Idempotency(postgres),
        stage=Stage(
            shows=shows,
            offers=show_offers,
            pools=pools,
            holds=holds,
            catalogue=catalogue,
            relay=Relay(ShowEvents(postgres), log),
            log=log,
            redis=redis,
        ),
        draws=Draws(postgres),
        purchases=Purchases(offers, holds, submitter, Inbox(RedisLog(redis, "inbox"), offers)),
        catalogue=catalogue,
        stock=StockLedger(postgres),
        orders=orders,
        lines=Lines(postgres),
        exports=Exports(postgres),
        refunds=Refunds(postgres, providers),
        reports=Reports(postgres),
        webhooks=WebhookInbox(PaymentEvents(postgres), providers),
        hooks=HookEndpoints(postgres, EndpointSecrets(SECRET), Addresses(allow_private=True)),
        hook_log=HookLog(postgres),
        channels=channels,
        channel_rows=rows,
        channel_inbox=ChannelInbox(channels, kinds, rows.orders),
        feeds=Feeds(postgres, FeedTokens(SECRET)),
        registry=new_registry(),
        ws_url="ws://127.0.0.1:8001",
        currency="EUR",
        demo=True,
        checks={"postgres": postgres.ping},
    )
    await submitter.close()
    await bank.close()


@pytest.fixture
async def client(parts: ApiParts) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(build_app(parts)),
        base_url="http://api.test",
        event_hooks={"response": [Document(endpoints_of(parts)).check]},
    ) as client:
        yield client


@pytest.fixture
async def show_id(client: httpx.AsyncClient, bearer: Bearer) -> str:
    """A live show with a catalogue."""
    staff = bearer("host")
    await client.post("/v1/catalog/import", content=CATALOGUE, headers=staff)
    made = await client.post("/v1/shows", json={"title": "Friday", "currency": "EUR"}, headers=staff)
    show_id: str = made.json()["show_id"]
    await client.post(f"/v1/shows/{show_id}/start", headers=staff)
    return show_id


def nested(deep: int) -> object:
    """Return lists inside each other, ``deep`` of them."""
    value: object = "home"
    for _ in range(deep):
        value = [value]
    return value


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


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
