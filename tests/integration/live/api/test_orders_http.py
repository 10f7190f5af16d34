"""Orders, reports' orders and payment webhooks, on real orders."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import msgspec
import pytest

from checkout.apply_event import WebhookInbox
from checkout.exports_pg import Exports
from checkout.lines_pg import Lines
from checkout.payment_events_pg import PaymentEvents
from checkout.payments.bank_webhook import WebhookSigner
from checkout.refund import Refunds
from kit.ids import new_id
from kit.postgres import Postgres
from live.api.lines_http import LineEndpoints
from live.api.orders_http import OrderEndpoints
from live.api.webhooks_http import WebhookEndpoints
from tests.integration.checkout.checkout_shop import SECRET as SHOP_SECRET
from tests.integration.checkout.checkout_shop import Shop
from tests.integration.live.api.api_client import Bearer, Serve


@pytest.fixture
async def shop(postgres: Postgres, database_url: str) -> AsyncIterator[Shop]:
    shop = Shop(postgres, database_url)
    yield shop
    await shop.bank.close()


@pytest.fixture
async def client(serve: Serve, shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    inbox = WebhookInbox(PaymentEvents(shop.postgres), shop.providers)
    exports = Exports(shop.postgres)
    declared = [
        *OrderEndpoints(shop.orders, Refunds(shop.postgres, shop.providers), exports).endpoints(),
        *LineEndpoints(Lines(shop.postgres), exports).endpoints(),
        *WebhookEndpoints(inbox).endpoints(),
    ]
    async with serve(declared) as client:
        yield client


async def test_staff_see_every_order_page_by_page(client: httpx.AsyncClient, shop: Shop, bearer: Bearer) -> None:
    show_id = new_id("show")
    orders = await shop.submitted(await shop.pool(10, show_id=show_id), count=5)
    await shop.submitted(await shop.pool(10, show_id=new_id("show")), count=1)
    seen: list[str] = []
    after = ""
    while True:
        query = f"show_id={show_id}&state=submitted&limit=2&after={after}"
        page = (await client.get(f"/v1/orders?{query}", headers=bearer("host"))).json()
        seen += [one["order_id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert sorted(seen) == sorted(order.order_id for order in orders)
    assert seen == sorted(seen, reverse=True)


async def test_an_order_is_told_as_the_contract_says(client: httpx.AsyncClient, shop: Shop, bearer: Bearer) -> None:
    terms = await shop.pool(10, price=1_999, show_id=new_id("show"))
    (order,) = await shop.submitted(terms, quantity=2)
    told = (await client.get(f"/v1/orders/{order.order_id}", headers=bearer("host"))).json()
    assert told["amount"] == {"amount": 3_998, "currency": "EUR"}
    assert (told["offer_id"], told["show_id"], told["sku"]) == (terms.pool_id, terms.show_id, terms.sku)
    assert (told["hold_id"], told["buyer_id"], told["quantity"]) == (order.hold_id, order.buyer_id, 2)
    assert (told["state"], told["created_at_ms"]) == ("submitted", order.created_at_ms)


async def test_a_viewer_sees_their_own_and_others_look_as_if_there_were_none(
    client: httpx.AsyncClient, shop: Shop, bearer: Bearer
) -> None:
    show_id = new_id("show")
    mine, other = await shop.submitted(await shop.pool(10, show_id=show_id), count=2)
    viewer = bearer("viewer", mine.buyer_id)
    assert (await client.get(f"/v1/orders/{mine.order_id}", headers=viewer)).status_code == 200
    hidden = await client.get(f"/v1/orders/{other.order_id}", headers=viewer)
    missing_id = new_id("order")
    missing = await client.get(f"/v1/orders/{missing_id}", headers=viewer)
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert hidden.text.replace(other.order_id, missing_id) == missing.text
    listed = (await client.get(f"/v1/orders?show_id={show_id}", headers=viewer)).json()["items"]
    assert [one["order_id"] for one in listed] == [mine.order_id]
    # A token of another show sees not even their own.
    elsewhere = bearer("viewer", mine.buyer_id, new_id("show"))
    assert (await client.get(f"/v1/orders/{mine.order_id}", headers=elsewhere)).status_code == 404
    assert (await client.get("/v1/orders", headers=elsewhere)).json()["items"] == []
    assert (await client.get(f"/v1/orders?show_id={show_id}", headers=elsewhere)).status_code == 403


async def test_csv_has_every_order_and_a_viewers_only_theirs(
    client: httpx.AsyncClient, shop: Shop, bearer: Bearer
) -> None:
    orders = await shop.submitted(await shop.pool(2_000, show_id=new_id("show")), count=1_203)
    answer = await client.get("/v1/orders", headers=bearer("host") | {"accept": "text/csv"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {row["order_id"] for row in rows} == {order.order_id for order in orders}
    assert len(rows) == len(orders)
    theirs = await client.get("/v1/orders", headers=bearer("viewer", orders[0].buyer_id) | {"accept": "text/csv"})
    assert [row["order_id"] for row in csv.DictReader(io.StringIO(theirs.text))] == [orders[0].order_id]
    some = await client.get("/v1/orders?limit=3", headers=bearer("host") | {"accept": "text/csv"})
    assert len(some.text.splitlines()) == 4
    none = await client.get("/v1/orders?state=refunded", headers=bearer("host") | {"accept": "text/csv"})
    assert len(none.text.splitlines()) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("state=lost", "state"),
        ("show_id=show_1", "show_id"),
        ("after=zzz", "after"),
    ],
)
async def test_a_wrong_filter_is_named(client: httpx.AsyncClient, bearer: Bearer, query: str, field: str) -> None:
    answer = await client.get(f"/v1/orders?{query}", headers=bearer("host"))
    assert (answer.status_code, answer.json()["error"]["details"]) == (422, {"field": field})


async def test_a_refund_is_paid_once_per_key(client: httpx.AsyncClient, shop: Shop, bearer: Bearer) -> None:
    order = await shop.captured(await shop.pool(5, price=1_000))
    headers = bearer("host") | {"idempotency-key": "refund-1"}
    body = {"amount": {"amount": 300, "currency": "EUR"}, "reason": "late"}
    for _ in range(2):
        answer = await client.post(f"/v1/orders/{order.order_id}/refund", json=body, headers=headers)
        assert (answer.json()["state"], answer.json()["refunded"]["amount"]) == ("captured", 300)
    rest = await client.post(
        f"/v1/orders/{order.order_id}/refund", json={"reason": "lost", "restock": False}, headers=bearer("host")
    )
    assert (rest.json()["state"], rest.json()["refunded"]["amount"]) == ("refunded", 1_000)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"reason": "x", "amount": {"amount": 1_001, "currency": "EUR"}}, 409, "refund_exceeds_capture"),
        ({"reason": "x", "amount": {"amount": 0, "currency": "EUR"}}, 422, "amount.amount"),
        ({"reason": "x", "amount": {"amount": 1, "currency": "eur"}}, 422, "amount.currency"),
        ({"reason": "x", "amount": {"amount": 1, "currency": "USD"}}, 422, "amount"),
        ({"reason": "x", "amount": 5}, 422, "amount"),
        ({"amount": {"amount": 1, "currency": "EUR"}}, 422, "reason"),
        ({"reason": "x", "restock": "yes"}, 422, "restock"),
        ({"reason": "x", "lines": []}, 422, "lines"),
        ({"reason": "x", "lines": [{"sku": "MUG", "quantity": 0}]}, 422, "lines[0].quantity"),
        ({"reason": "x", "lines": [{"sku": "MUG", "quantity": 1}] * 2}, 422, "lines"),
        ({"reason": "x", "lines": [{"sku": "MUG"}]}, 422, "lines[0].quantity"),
        ({"reason": "x", "lines": [{"sku": "MUG", "quantity": 1}]}, 422, "lines[0].sku"),
    ],
)
async def test_a_refund_that_cannot_be_pays_nothing(
    client: httpx.AsyncClient, shop: Shop, bearer: Bearer, *, body: dict[str, object], status: int, said: str
) -> None:
    order = await shop.captured(await shop.pool(5, price=1_000))
    answer = await client.post(f"/v1/orders/{order.order_id}/refund", json=body, headers=bearer("host"))
    error = answer.json()["error"]
    assert answer.status_code == status
    assert said in (error["code"], error["details"].get("field"))
    assert (await shop.orders.get(order.order_id)).refunded == 0


async def test_a_refund_by_line_says_what_came_back(client: httpx.AsyncClient, shop: Shop, bearer: Bearer) -> None:
    order = await shop.captured(await shop.pool(5, price=1_000), quantity=3)
    path = f"/v1/orders/{order.order_id}/refund"
    body = {"reason": "late", "lines": [{"sku": order.sku, "quantity": 2}]}
    headers = bearer("host") | {"idempotency-key": "refund-1"}
    for _ in range(2):
        told = (await client.post(path, json=body, headers=headers)).json()
        assert (told["state"], told["refunded"]["amount"], told["returned_quantity"]) == ("captured", 2_000, 2)
    refused = await client.post(path, json=body, headers=bearer("host"))
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "return_exceeds_order")
    assert refused.json()["error"]["details"] == {"field": "lines[0].quantity", "returnable": 1}
    (line,) = (await client.get("/v1/lines", headers=bearer("host"))).json()["items"]
    assert (line["order_id"], line["line"], line["quantity"], line["refunded_quantity"]) == (order.order_id, 1, 3, 2)
    assert (line["unit_price"]["amount"], line["amount"]["amount"], line["refunded"]["amount"]) == (1_000, 3_000, 2_000)


async def test_lines_come_page_by_page_to_staff_of_their_show_only(
    client: httpx.AsyncClient, shop: Shop, bearer: Bearer
) -> None:
    show_id, other_id = new_id("show"), new_id("show")
    terms = await shop.pool(10, show_id=show_id)
    orders = await shop.submitted(terms, count=5)
    await shop.submitted(await shop.pool(10, show_id=other_id), count=1)
    seen: list[str] = []
    after = ""
    while True:
        query = f"show_id={show_id}&state=submitted&sku={terms.sku}&limit=2&after={after}"
        page = (await client.get(f"/v1/lines?{query}", headers=bearer("admin"))).json()
        seen += [one["order_id"] for one in page["items"]]
        if page["next"] is None:
            break
        after = page["next"]
    assert seen == sorted((order.order_id for order in orders), reverse=True)
    of_show = bearer("host", "me", show_id)
    assert len((await client.get("/v1/lines", headers=of_show)).json()["items"]) == 5
    assert (await client.get(f"/v1/lines?show_id={other_id}", headers=of_show)).status_code == 403
    file = await client.get("/v1/lines", headers=of_show | {"accept": "text/csv"})
    assert {row["order_id"] for row in csv.DictReader(io.StringIO(file.text))} == set(seen)
    part = await client.get(f"/v1/lines?after={seen[1]}", headers=of_show | {"accept": "text/csv"})
    assert [row["order_id"] for row in csv.DictReader(io.StringIO(part.text))] == seen[2:]
    assert (await client.get("/v1/lines", headers=bearer("viewer"))).status_code == 403
    wrong = await client.get("/v1/lines?sku=", headers=bearer("host"))
    assert wrong.status_code == 200
    assert (await client.get("/v1/lines?state=lost", headers=bearer("host"))).status_code == 422


async def test_a_buyer_may_not_refund_themselves(client: httpx.AsyncClient, shop: Shop, bearer: Bearer) -> None:
    order = await shop.captured(await shop.pool(5))
    viewer = bearer("viewer", order.buyer_id)
    for verb in ("refund", "cancel"):
        answer = await client.post(f"/v1/orders/{order.order_id}/{verb}", json={"reason": "x"}, headers=viewer)
        assert answer.status_code == 403


async def test_an_order_is_cancelled(client: httpx.AsyncClient, shop: Shop, bearer: Bearer) -> None:
    (order,) = await shop.submitted(await shop.pool(5))
    path = f"/v1/orders/{order.order_id}/cancel"
    answer = await client.post(path, json={"reason": "buyer asked"}, headers=bearer("host"))
    assert (answer.status_code, answer.json()["state"], answer.json()["reason"]) == (200, "cancelled", "buyer asked")


def webhook(order_id: str, *, secret: str = SHOP_SECRET) -> tuple[bytes, dict[str, str]]:
    body = msgspec.json.encode(
        {
            "type": "payment.authorised",
            "payment_id": "pay_1",
            "order_id": order_id,
            "amount": {"amount": 1_000, "currency": "EUR"},
        }
    )
    return body, WebhookSigner(secret).sign("evt_1", body, datetime.now(UTC))


async def test_a_signed_webhook_is_applied_once(client: httpx.AsyncClient, shop: Shop) -> None:
    (order,) = await shop.submitted(await shop.pool(5), "pm_test_slow")
    body, headers = webhook(order.order_id)
    first = await client.post("/v1/webhooks/payments/test", content=body, headers=headers)
    again = await client.post("/v1/webhooks/payments/test", content=body, headers=headers)
    assert (first.json(), again.json()) == ({"fresh": True}, {"fresh": False})


async def test_a_webhook_whose_signature_does_not_hold_stores_nothing(client: httpx.AsyncClient, shop: Shop) -> None:
    (order,) = await shop.submitted(await shop.pool(5), "pm_test_slow")
    body, headers = webhook(order.order_id)
    _, forged = webhook(order.order_id, secret="another secret of at least thirty-two")
    for content, sent in (
        (body, {}),
        (body, forged),
        (body + b" ", headers),
        (body, headers | {"webhook-signature": "v1"}),
        (body, headers | {"webhook-timestamp": "1"}),
        (b"\xff\xfe", headers),
    ):
        answer = await client.post("/v1/webhooks/payments/test", content=content, headers=sent)
        assert answer.status_code == 401
    assert await shop.value("SELECT count(*) FROM payment_events") == 0


async def test_a_webhook_of_an_unknown_provider_is_a_404(client: httpx.AsyncClient) -> None:
    body, headers = webhook("order_1")
    for provider, said in (
        ("nobody", "there is no such payment provider"),
        ("stripe", "stripe is not set up here (SHOWDROP_STRIPE_KEY)"),
    ):
        answer = await client.post(f"/v1/webhooks/payments/{provider}", content=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]["message"]) == (404, said)


async def test_a_webhook_that_is_too_long_is_a_413(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/webhooks/payments/test", content=b" " * 1_200_000)
    assert answer.status_code == 413
