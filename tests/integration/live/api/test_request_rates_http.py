"""Who asks too much is answered 429, over ASGI and over a real port."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import AsyncIterator
from ipaddress import ip_network

import httpx
import pytest
from starlette.applications import Starlette

from kit.metrics import new_registry
from kit.postgres import Postgres
from kit.settings import Network
from live.api.endpoint import Call, Empty, Endpoint, endpoint
from live.api.health_http import HealthEndpoints
from live.api.idempotency_pg import Idempotency
from live.api.limits import JSON_BODY_MAX_BYTES, REQUESTS_BURST_S
from live.api.pages_http import Meta, MetaEndpoints, page_routes
from live.api.request_rates import RequestRates
from live.api.server_http import build_server
from live.roles.server_http import HttpServer
from live.tokens import Tokens
from tests.integration.live.api.api_client import Bearer, Document

META = Meta(version="1", ws_url="ws://127.0.0.1:8001", demo=True, currency="EUR")
PROXIES = (ip_network("10.0.0.0/8"), ip_network("127.0.0.0/8"))
BURST = int(5 * REQUESTS_BURST_S)


class Staff:
    """A call that takes a token, and one that takes a body."""

    def endpoints(self) -> list[Endpoint]:
        return [
            endpoint(
                "meta",
                "who",
                "GET",
                "/v1/who",
                "who",
                roles=frozenset({"host"}),
                body=Empty,
                query=Empty,
                answer=Meta,
                handle=self.say,
            ),
            endpoint(
                "meta",
                "write",
                "POST",
                "/v1/write",
                "write",
                roles=None,
                body=Empty,
                query=Empty,
                answer=Meta,
                body_limit=JSON_BODY_MAX_BYTES,
                handle=self.say,
            ),
        ]

    async def say(self, _call: Call[Empty, Empty]) -> Meta:
        return META


class OfOneMoment(RequestRates):
    """Counts in which no time passes, however busy this machine is: what was taken does not come back."""

    def take_of_address(self, network: str, now: float) -> None:  # noqa: ARG002 - it stands still
        super().take_of_address(network, 0.0)

    def take_of_bearer(self, role: str, subject: str, now: float) -> None:  # noqa: ARG002 - it stands still
        super().take_of_bearer(role, subject, 0.0)


def an_app(
    postgres: Postgres, tokens: Tokens, *, address: int = 0, token: int = 0, proxies: tuple[Network, ...] = ()
) -> tuple[Starlette, Document]:
    registry = new_registry()
    declared = [
        *MetaEndpoints(META).endpoints(),
        *Staff().endpoints(),
        *HealthEndpoints({}, registry).endpoints(),
    ]
    app = build_server(
        declared,
        tokens=tokens,
        idempotency=Idempotency(postgres),
        registry=registry,
        origins=("https://shop.example",),
        pages=page_routes({}),
        rates=OfOneMoment(address_per_s=address, token_per_s=token),
        proxies=proxies,
    )
    return app, Document(declared)


def a_client(app: Starlette, document: Document, peer: str = "192.0.2.1") -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, client=(peer, 5)),
        base_url="http://api.test",
        event_hooks={"response": [document.check]},
    )


async def statuses(client: httpx.AsyncClient, path: str, asked: int, **fields: str) -> dict[int, int]:
    """Return how often each status was answered to so many requests at once."""
    answers = await asyncio.gather(*(client.get(path, headers=fields) for _ in range(asked)))
    return Counter(one.status_code for one in answers)


async def test_a_hundred_callers_of_one_address_share_its_rate_and_others_do_not(
    postgres: Postgres, tokens: Tokens
) -> None:
    app, document = an_app(postgres, tokens, address=5)
    async with a_client(app, document) as one, a_client(app, document, "192.0.2.2") as other:
        assert await statuses(one, "/v1/meta", 100) == {200: BURST, 429: 100 - BURST}
        assert await statuses(other, "/v1/meta", 5) == {200: 5}
        refused = await one.get("/v1/meta", headers={"origin": "https://shop.example"})
        said = refused.json()["error"]
        assert (said["code"], said["temporary"], said["details"]["limited_by"]) == ("rate_limited", True, "address")
        assert 0 < said["details"]["retry_after_ms"] <= 200
        assert refused.headers["retry-after"] == "1"
        assert refused.headers["access-control-allow-origin"] == "https://shop.example", "a page may read it"
        assert refused.headers["x-content-type-options"] == "nosniff"
        assert (await one.get("/watch")).status_code == (await one.get("/static/dom.js")).status_code == 429
        for path in ("/healthz", "/readyz", "/metrics"):
            assert await statuses(one, path, 50) == {200: 50}, "probes are always answered"
        metrics = (await one.get("/metrics")).text
        assert f"showdrop_http_address_limited_total {float(100 - BURST + 3)}" in metrics


async def test_the_tokens_of_one_subject_share_a_rate_wherever_they_come_from(
    postgres: Postgres, tokens: Tokens, bearer: Bearer
) -> None:
    app, document = an_app(postgres, tokens, token=5)
    async with a_client(app, document) as one, a_client(app, document, "192.0.2.2") as other:
        assert await statuses(one, "/v1/who", 15, **bearer("host")) == {200: 15}
        assert await statuses(other, "/v1/who", 15, **bearer("host")) == {200: BURST - 15, 429: 30 - BURST}
        assert await statuses(other, "/v1/who", 5, **bearer("host", "you")) == {200: 5}
        assert await statuses(other, "/v1/meta", 50) == {200: 50}, "who needs no token is not counted by it"
        refused = await one.get("/v1/who", headers=bearer("host"))
        assert refused.json()["error"]["details"]["limited_by"] == "token"


async def test_a_forged_token_takes_nothing_from_whom_it_names(
    postgres: Postgres, tokens: Tokens, bearer: Bearer
) -> None:
    app, document = an_app(postgres, tokens, token=5)
    forged = {"authorization": f"Bearer {Tokens('another secret of the right length').mint('host', 'me')[0]}"}
    async with a_client(app, document) as one:
        assert await statuses(one, "/v1/who", 100, **forged) == {401: 100}
        assert await statuses(one, "/v1/who", BURST, **bearer("host")) == {200: BURST}


@pytest.mark.parametrize(
    ("peer", "addresses", "answered"), [("10.0.0.9", 2, 2 * BURST), ("192.0.2.1", 2, BURST), ("10.0.0.9", 1, BURST)]
)
async def test_the_forwarded_address_counts_behind_a_named_proxy_only(
    postgres: Postgres, tokens: Tokens, peer: str, addresses: int, answered: int
) -> None:
    app, document = an_app(postgres, tokens, address=5, proxies=PROXIES)
    async with a_client(app, document, peer) as one:
        told: Counter[int] = Counter()
        for n in range(addresses):
            told.update(await statuses(one, "/v1/meta", 40, **{"x-forwarded-for": f"203.0.113.{n}"}))
        assert told == {200: answered, 429: 40 * addresses - answered}


@contextlib.asynccontextmanager
async def on_a_port(app: Starlette) -> AsyncIterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(app)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        await server.end(serving)
        listening.close()


async def test_nobody_chooses_an_address_on_a_real_port_where_no_proxy_is_named(
    postgres: Postgres, tokens: Tokens
) -> None:
    app, _ = an_app(postgres, tokens, address=5)
    async with on_a_port(app) as url, httpx.AsyncClient(base_url=url) as one:
        told: Counter[int] = Counter()
        for n in range(50):
            # The rate goes on: what it lets through meanwhile is at most a handful.
            told[(await one.get("/v1/meta", headers={"x-forwarded-for": f"203.0.113.{n}"})).status_code] += 1
    assert BURST <= told[200] <= BURST + 5
    assert told[429] == 50 - told[200]


@pytest.mark.parametrize(
    ("request_line", "answered"),
    [("POST /v1/write", b"HTTP/1.1 413"), ("GET /v1/meta", b"HTTP/1.1 200"), ("GET /watch", b"HTTP/1.1 200")],
)
async def test_who_sends_a_body_without_end_is_answered_and_cut(
    postgres: Postgres, tokens: Tokens, monkeypatch: pytest.MonkeyPatch, request_line: str, answered: bytes
) -> None:
    monkeypatch.setattr("live.roles.server_http.HTTP_UNREAD_BODY_S", 0.2)
    app, _ = an_app(postgres, tokens)
    async with on_a_port(app) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(f"{request_line} HTTP/1.1\r\nHost: api\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        began_s = asyncio.get_running_loop().time()
        with contextlib.suppress(ConnectionError, RuntimeError):  # uvloop's word for one that is closed
            while asyncio.get_running_loop().time() < began_s + 5:
                writer.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
                await writer.drain()
                await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() < began_s + 2, "it was let go on"
        with contextlib.suppress(ConnectionError):
            assert (await reader.read(100)).startswith(answered)
        writer.close()
