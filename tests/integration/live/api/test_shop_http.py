"""The calls of the shop's staff: catalogue, stock, channels, tokens, health."""

from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import CollectorRegistry

from inventory.catalogue_pg import Catalogue
from inventory.channels.channels_pg import Channels
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.channels.rows import ChannelRows
from inventory.stock_pg import StockLedger
from kit.errors import UnavailableError
from kit.postgres import Postgres
from live.api.catalogue_http import CatalogueEndpoints
from live.api.channel_catalogue_http import ChannelCatalogueEndpoints
from live.api.channel_orders_http import ChannelOrderEndpoints
from live.api.channels_http import ChannelEndpoints
from live.api.health_http import HealthEndpoints
from live.api.limits import FILE_BODY_MAX_BYTES
from live.api.stock_http import StockEndpoints
from tests.integration.live.api.api_client import SECRET, Bearer, Serve

CSV = b"""Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Variant Inventory Qty
mug,Blue mug,Size,S,MUG-S,9.99,10
mug,,Size,L,MUG-L,12.99,5
cap,Cap,Title,Default Title,CAP,nonsense,3
"""


CHANNEL = "chan_01K8Z0000000000000000000ZZ"


@pytest.fixture
async def client(serve: Serve, postgres: Postgres) -> AsyncIterator[httpx.AsyncClient]:
    async def redis_is_down() -> None:
        raise UnavailableError("Redis does not answer: ConnectionError")

    channels = Channels(postgres, channel_kinds(SECRET, allow_private=True), channel_vault(SECRET))
    rows = ChannelRows.of(postgres, channel_kinds(SECRET, allow_private=True))
    declared = [
        *CatalogueEndpoints(Catalogue(postgres), "EUR").endpoints(),
        *StockEndpoints(StockLedger(postgres)).endpoints(),
        *ChannelEndpoints(
            channels,
            rows.kept_back,
            rows.levels,
        ).endpoints(),
        *ChannelCatalogueEndpoints(channels, rows.links, rows.items, rows.products).endpoints(),
        *ChannelOrderEndpoints(channels, rows.orders, rows.order_list).endpoints(),
        *HealthEndpoints({"postgres": postgres.ping, "redis": redis_is_down}, CollectorRegistry()).endpoints(),
    ]
    async with serve(declared) as client:
        yield client


async def imported(client: httpx.AsyncClient, bearer: Bearer) -> None:
    answer = await client.post("/v1/catalog/import", content=CSV, headers=bearer("host"))
    assert answer.status_code == 200, answer.text


async def test_an_import_counts_variants_and_names_the_lines_it_left_out(
    client: httpx.AsyncClient, bearer: Bearer
) -> None:
    first = (await client.post("/v1/catalog/import", content=CSV, headers=bearer("host"))).json()
    again = (await client.post("/v1/catalog/import", content=CSV, headers=bearer("host"))).json()
    assert (first["created"], first["updated"], [one["line"] for one in first["rejected"]]) == (2, 0, [4])
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)


async def test_a_file_that_is_no_catalogue_is_refused(client: httpx.AsyncClient, bearer: Bearer) -> None:
    for content in (b"", b"\x00\xff\x00\xff" * 1000, b"a,b,c\n1,2,3\n"):
        answer = await client.post("/v1/catalog/import", content=content, headers=bearer("host"))
        assert answer.status_code == 422, content[:20]


async def test_a_file_that_says_it_is_too_long_is_refused_before_it_is_read(
    client: httpx.AsyncClient, bearer: Bearer
) -> None:
    headers = bearer("host") | {"content-length": str(FILE_BODY_MAX_BYTES + 1)}
    answer = await client.post("/v1/catalog/import", content=b"", headers=headers)
    assert answer.status_code == 413
    assert answer.json()["error"]["details"] == {"limit_bytes": FILE_BODY_MAX_BYTES}


async def test_an_import_with_a_key_is_answered_the_same_for_the_same_file_only(
    client: httpx.AsyncClient, bearer: Bearer
) -> None:
    headers = bearer("host") | {"idempotency-key": "import-1"}
    first = await client.post("/v1/catalog/import", content=CSV, headers=headers)
    again = await client.post("/v1/catalog/import", content=CSV, headers=headers)
    other = await client.post("/v1/catalog/import", content=CSV + b"\n", headers=headers)
    assert again.content == first.content
    assert other.json()["error"]["code"] == "idempotency_key_reused"


async def test_products_come_in_pages_and_are_found(client: httpx.AsyncClient, bearer: Bearer) -> None:
    await imported(client, bearer)
    page = (await client.get("/v1/products?query=blue", headers=bearer("host"))).json()
    (product,) = page["items"]
    assert (product["title"], page["next"]) == ("Blue mug", None)
    assert product["variants"][1] == {
        "sku": "MUG-S",
        "title": "S",
        "price": {"amount": 999, "currency": "EUR"},
        "on_hand": 10,
        "available": 10,
    }
    for query, field in (("limit=201", "limit"), ("query=%00", "query"), ("after=zzz", "after")):
        refused = await client.get(f"/v1/products?{query}", headers=bearer("host"))
        assert (refused.status_code, refused.json()["error"]["details"]) == (422, {"field": field})


async def test_who_takes_more_than_there_is_learns_how_many_there_are(
    client: httpx.AsyncClient, bearer: Bearer
) -> None:
    await imported(client, bearer)
    body = {"sku": "MUG-S", "delta": -11, "reason": "x"}
    error = (await client.post("/v1/stock/adjust", json=body, headers=bearer("host"))).json()["error"]
    assert error["message"] == "there is not enough stock of MUG-S: 10 available"
    assert error["details"] == {"field": "delta", "available": 10, "skus": ["MUG-S"]}


async def test_stock_is_corrected_once_per_key(client: httpx.AsyncClient, bearer: Bearer) -> None:
    await imported(client, bearer)
    body = {"sku": "MUG-S", "delta": -3, "reason": "counted"}
    headers = bearer("host") | {"idempotency-key": "count-1"}
    for _ in range(2):
        answer = await client.post("/v1/stock/adjust", json=body, headers=headers)
        assert answer.json() == {"sku": "MUG-S", "on_hand": 7, "ring_fenced": 0, "available": 7}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"sku": "NO-SUCH", "delta": 1, "reason": "x"}, 404, "unknown_sku"),
        ({"sku": "MUG-S", "delta": -11, "reason": "x"}, 409, "stock_short"),
        ({"sku": "MUG-S", "delta": 0, "reason": "x"}, 422, "invalid"),
        ({"sku": "MUG-S", "delta": 1}, 422, "invalid"),
        ({"sku": "MUG\x00", "delta": 1, "reason": "x"}, 422, "invalid"),
        ({"sku": "MUG-S", "delta": 10**12, "reason": "x"}, 422, "invalid"),
    ],
)
async def test_a_correction_that_cannot_be_changes_nothing(
    client: httpx.AsyncClient, bearer: Bearer, postgres: Postgres, *, body: dict[str, object], status: int, code: str
) -> None:
    await imported(client, bearer)
    answer = await client.post("/v1/stock/adjust", json=body, headers=bearer("host"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (await StockLedger(postgres).level("MUG-S")).on_hand == 10


async def test_a_channel_is_connected_listed_and_removed(client: httpx.AsyncClient, bearer: Bearer) -> None:
    await imported(client, bearer)
    staff = bearer("admin")
    body = {"kind": "webhook", "name": "My shop", "url": "http://127.0.0.1:9/stock", "safety_stock": 2}
    made = (await client.post("/v1/channels", json=body, headers=staff)).json()
    assert made["secret"].startswith("whsec_")
    (listed,) = (await client.get("/v1/channels", headers=staff)).json()["items"]
    assert (listed["channel_id"], listed["kind"], listed["state"]) == (made["channel_id"], "webhook", "active")
    assert made["secret"] not in (await client.get("/v1/channels", headers=staff)).text
    levels = (await client.get(f"/v1/channels/{made['channel_id']}/levels?limit=1", headers=staff)).json()
    assert (levels["items"][0]["sku"], levels["items"][0]["desired"], levels["next"]) == ("MUG-L", 3, "MUG-L")
    assert (await client.delete(f"/v1/channels/{made['channel_id']}", headers=staff)).status_code == 200
    assert (await client.get("/v1/channels", headers=staff)).json() == {"items": []}
    assert (await client.delete(f"/v1/channels/{made['channel_id']}", headers=staff)).status_code == 404


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"kind": "pigeon"}, "kind"),
        ({"url": "ftp://shop.example"}, "url"),
        ({"url": None}, "url"),
        ({"name": ""}, "name"),
        ({"safety_stock": -1}, "safety_stock"),
    ],
)
async def test_a_channel_that_cannot_be_names_the_field(
    client: httpx.AsyncClient, bearer: Bearer, changes: dict[str, object], field: str
) -> None:
    body = {"kind": "webhook", "name": "My shop", "url": "http://127.0.0.1:9/stock", **changes}
    answer = await client.post("/v1/channels", json=body, headers=bearer("host"))
    assert (answer.status_code, answer.json()["error"]["details"]) == (422, {"field": field})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/catalog/import"),
        ("GET", "/v1/products"),
        ("POST", "/v1/stock/adjust"),
        ("GET", "/v1/channels"),
        ("POST", "/v1/channels"),
        ("GET", f"/v1/channels/{CHANNEL}/levels"),
        ("DELETE", f"/v1/channels/{CHANNEL}"),
        ("POST", "/v1/channels/switch"),
        ("POST", f"/v1/channels/{CHANNEL}/resume"),
        ("POST", f"/v1/channels/{CHANNEL}/links"),
        ("POST", f"/v1/channels/{CHANNEL}/publish"),
        ("GET", f"/v1/channels/{CHANNEL}/orders"),
        ("POST", f"/v1/channels/{CHANNEL}/orders/cancel"),
    ],
)
async def test_none_of_it_is_for_viewers_or_strangers(
    client: httpx.AsyncClient, bearer: Bearer, method: str, path: str
) -> None:
    assert (await client.request(method, path)).status_code == 401
    assert (await client.request(method, path, headers=bearer("viewer"))).status_code == 403


async def test_readiness_says_which_dependency_fails_and_health_does_not_care(client: httpx.AsyncClient) -> None:
    ready = await client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["error"]["details"] == {"failing": {"redis": "Redis does not answer: ConnectionError"}}
    assert (await client.get("/healthz")).json() == {"status": "ok", "role": "api"}
    assert (await client.head("/healthz")).status_code == 200


async def test_metrics_are_prometheus_text(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
