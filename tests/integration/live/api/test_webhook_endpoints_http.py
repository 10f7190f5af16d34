"""Webhooks out over HTTP: subscribing, secrets, deliveries, REST hooks."""

from collections.abc import AsyncIterator

import httpx
import pytest

from checkout.webhooks.delivery_log_pg import HookLog
from checkout.webhooks.endpoints_pg import HookEndpoints
from checkout.webhooks.signing import EndpointSecrets
from kit.address_lookup import Addresses
from kit.ids import new_id
from kit.postgres import Postgres
from live.api.rest_hooks_http import RestHookEndpoints
from live.api.webhook_deliveries_http import WebhookDeliveryEndpoints
from live.api.webhook_endpoints_http import WebhookEndpointEndpoints
from tests.integration.live.api.api_client import SECRET, Bearer, Serve

URL = "https://93.184.216.34/hooks"  # never called: nothing is sent here
BASE = "/v1/webhooks/endpoints"


@pytest.fixture
async def client(serve: Serve, postgres: Postgres) -> AsyncIterator[httpx.AsyncClient]:
    hooks = HookEndpoints(postgres, EndpointSecrets(SECRET), Addresses(allow_private=False))
    log = HookLog(postgres)
    declared = [
        *WebhookEndpointEndpoints(hooks).endpoints(),
        *WebhookDeliveryEndpoints(log).endpoints(),
        *RestHookEndpoints(hooks, log).endpoints(),
    ]
    async with serve(declared) as client:
        yield client


async def subscribed(client: httpx.AsyncClient, headers: dict[str, str]) -> dict[str, str]:
    answer = await client.post(BASE, json={"url": URL, "events": ["*"], "description": "ERP"}, headers=headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, str] = answer.json()
    return made


async def test_a_secret_is_shown_when_it_is_made_and_never_again(client: httpx.AsyncClient, bearer: Bearer) -> None:
    made = await subscribed(client, bearer("host"))
    assert made["endpoint_id"].startswith("whe_")
    assert made["secret"].startswith("whsec_")
    rotated = (await client.post(f"{BASE}/{made['endpoint_id']}/rotate", headers=bearer("host"))).json()
    assert rotated["secret"] not in ("", made["secret"])
    listed = await client.get(BASE, headers=bearer("host"))
    one = await client.get(f"{BASE}/{made['endpoint_id']}", headers=bearer("host"))
    assert listed.json()["items"] == [one.json()]
    assert (one.json()["enabled"], one.json()["events"], one.json()["description"]) == (True, ["*"], "ERP")
    assert "whsec_" not in listed.text + one.text


async def test_a_request_sent_twice_makes_one_endpoint_and_one_secret(
    client: httpx.AsyncClient, bearer: Bearer
) -> None:
    headers = bearer("host") | {"idempotency-key": "subscribe-1"}
    first, again = await subscribed(client, headers), await subscribed(client, headers)
    assert first == again
    assert len((await client.get(BASE, headers=bearer("host"))).json()["items"]) == 1


async def test_only_staff_of_the_whole_shop_may_subscribe(client: httpx.AsyncClient, bearer: Bearer) -> None:
    body = {"url": URL, "events": ["*"]}
    assert (await client.post(BASE, json=body)).status_code == 401
    for headers in (bearer("viewer"), bearer("host", "me", new_id("show"))):
        for method, path in (
            ("POST", BASE),
            ("GET", BASE),
            ("POST", "/v1/hooks"),
            ("GET", "/v1/hooks/sample?event=order.captured"),
            ("POST", f"{BASE}/whe_1/replay"),
            ("DELETE", "/v1/hooks/whe_1"),
        ):
            assert (await client.request(method, path, headers=headers)).status_code == 403, (method, path)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"url": "http://shop.example/"}, "url"),
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "https://u:p@shop.example/"}, "url"),
        ({"url": "https://shop.example/" + "x" * 2_000}, "url"),
        ({"url": ""}, "url"),
        ({"events": []}, "events"),
        ({"events": ["order.sent"]}, "events[0]"),
        ({"events": ["*", "order.captured"]}, "events"),
        ({"description": "x" * 201}, "description"),
        ({"description": "a\nb"}, "description"),
        ({"secret": "whsec_mine"}, "secret"),
    ],
)
async def test_a_wrong_field_is_named_and_nothing_is_stored(
    client: httpx.AsyncClient, bearer: Bearer, changes: dict[str, object], field: str
) -> None:
    answer = await client.post(BASE, json={"url": URL, "events": ["*"], **changes}, headers=bearer("host"))
    assert (answer.status_code, answer.json()["error"]["details"]) == (422, {"field": field})
    assert (await client.get(BASE, headers=bearer("host"))).json() == {"items": []}


async def test_an_endpoint_that_is_not_there_is_404_for_every_call(client: httpx.AsyncClient, bearer: Bearer) -> None:
    gone = (await subscribed(client, bearer("host")))["endpoint_id"]
    assert (await client.delete(f"{BASE}/{gone}", headers=bearer("host"))).json() == {"endpoint_id": gone}
    span = {"since_at_ms": 0, "until_at_ms": 1_790_000_000_000}
    for method, path, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("POST", "/rotate", {}),
        ("POST", "/enable", {}),
        ("POST", "/test", {}),
        ("GET", "/deliveries", None),
        ("GET", "/deliveries/whd_1", None),
        ("POST", "/deliveries/whd_1/replay", {}),
        ("POST", "/replay", span),
    ):
        answer = await client.request(method, f"{BASE}/{gone}{path}", json=body, headers=bearer("admin"))
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_endpoint"), (method, path)


async def test_deliveries_are_listed_shown_and_replayed(client: httpx.AsyncClient, bearer: Bearer) -> None:
    host = bearer("host")
    path = f"{BASE}/{(await subscribed(client, host))['endpoint_id']}"
    tests = [(await client.post(f"{path}/test", json={"event": "order.refunded"}, headers=host)) for _ in range(3)]
    assert {answer.status_code for answer in tests} == {202}
    newest = tests[-1].json()["delivery_id"]
    first = (await client.get(f"{path}/deliveries?limit=2&state=pending", headers=host)).json()
    rest = (await client.get(f"{path}/deliveries?limit=2&after={first['next']}", headers=host)).json()
    assert [len(first["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]
    assert first["items"][0]["delivery_id"] == newest
    assert (await client.get(f"{path}/deliveries?state=failed", headers=host)).json() == {"items": [], "next": None}
    shown = (await client.get(f"{path}/deliveries/{newest}", headers=host)).json()
    assert (shown["body"]["type"], shown["body"]["test"], shown["attempts"]) == ("order.refunded", True, [])
    replayed = await client.post(f"{path}/deliveries/{newest}/replay", headers=host)
    assert (replayed.status_code, replayed.json()["message_id"]) == (202, shown["delivery"]["message_id"])
    span = {"since_at_ms": 0, "until_at_ms": 2**53 - 1}
    answer = await client.post(f"{path}/replay", json=span, headers=host)
    assert (answer.status_code, answer.json()) == (202, {"replayed": 3, "next": None})
    for body, field in (
        ({**span, "until_at_ms": 0}, "until_at_ms"),
        ({"since_at_ms": 0}, "until_at_ms"),
        ({**span, "since_at_ms": 1_790_000_000}, "since_at_ms"),
        ({**span, "until_at_ms": 1_790_003_600}, "until_at_ms"),
    ):
        refused = await client.post(f"{path}/replay", json=body, headers=host)
        assert (refused.status_code, refused.json()["error"]["details"]) == (422, {"field": field})


@pytest.mark.parametrize("name", ["hookUrl", "url", "target_url"])
async def test_a_no_code_tool_subscribes_one_event_and_leaves(
    client: httpx.AsyncClient, bearer: Bearer, name: str
) -> None:
    host = bearer("host")
    made = await client.post("/v1/hooks", json={name: URL, "event": "order.captured"}, headers=host)
    assert made.status_code == 201
    hook = made.json()
    assert set(hook) == {"id"}
    (listed,) = (await client.get(BASE, headers=host)).json()["items"]
    assert (listed["endpoint_id"], listed["url"], listed["events"]) == (hook["id"], URL, ["order.captured"])
    assert (await client.delete(f"/v1/hooks/{hook['id']}", headers=host)).json() == hook
    assert (await client.get(BASE, headers=host)).json() == {"items": []}


async def test_a_hook_has_one_address_and_one_known_event(client: httpx.AsyncClient, bearer: Bearer) -> None:
    for body, field in (
        ({"event": "order.captured"}, "url"),
        ({"event": "order.captured", "url": URL, "hookUrl": URL}, "url"),
        ({"event": "*", "url": URL}, "event"),
        ({"url": URL}, "event"),
    ):
        answer = await client.post("/v1/hooks", json=body, headers=bearer("host"))
        assert (answer.status_code, answer.json()["error"]["details"]) == (422, {"field": field}), body


async def test_samples_are_a_bare_array_of_events_with_ids(client: httpx.AsyncClient, bearer: Bearer) -> None:
    answer = await client.get("/v1/hooks/sample?event=order.captured", headers=bearer("host"))
    (sample,) = answer.json()
    assert (sample["id"], sample["type"], sample["data"]["state"]) == ("evt_sample", "order.captured", "captured")
