"""Exports over a real socket: a file that is not whole must look broken, and a client who leaves frees everything."""

import asyncio
import csv
import io
import socket
from collections.abc import AsyncIterator

import httpx
import pytest

from checkout.exports_pg import Exports
from checkout.lines_pg import Lines
from checkout.refund import Refunds
from kit.metrics import new_registry
from kit.postgres import Postgres
from live.api.idempotency_pg import Idempotency
from live.api.lines_http import LineEndpoints
from live.api.orders_http import OrderEndpoints
from live.api.server_http import build_server
from live.roles.server_http import HttpServer
from live.tokens import Tokens
from tests.integration.checkout.checkout_shop import Shop
from tests.integration.checkout.test_exports import filled
from tests.integration.live.api.api_client import Bearer

EXPORT_MOST_S = 1.0


@pytest.fixture
async def url(database_url: str, postgres: Postgres, tokens: Tokens) -> AsyncIterator[str]:
    """A server whose exports may take a second, on a pool of two connections."""
    pool = await Postgres.connect(database_url, max_size=2)
    shop, exports = Shop(pool, database_url), Exports(pool, most_s=EXPORT_MOST_S, at_once=1)
    declared = [
        *OrderEndpoints(shop.orders, Refunds(pool, shop.providers), exports).endpoints(),
        *LineEndpoints(Lines(pool), exports).endpoints(),
    ]
    app = build_server(declared, tokens=tokens, idempotency=Idempotency(postgres), registry=new_registry())
    listening = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(app)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    await server.end(serving)
    listening.close()
    await shop.bank.close()
    await pool.close()


@pytest.fixture
def headers(bearer: Bearer) -> dict[str, str]:
    return bearer("admin") | {"accept": "text/csv"}


async def copies(postgres: Postgres) -> int:
    async with postgres.connection() as connection:
        running: int = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND state <> 'idle' AND query LIKE 'COPY (%'"
        )
        return running


async def ended(postgres: Postgres) -> None:
    async with asyncio.timeout(5):
        while await copies(postgres):
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/lines"])
async def test_all_of_a_large_table_arrives(url: str, headers: dict[str, str], postgres: Postgres, path: str) -> None:
    await filled(postgres, 5_000)
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(f"{url}{path}", headers=headers)
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert answer.headers["content-disposition"].startswith("attachment")
    assert {row["order_id"] for row in rows} == {f"order_{number}" for number in range(1, 5_001)}


async def test_a_client_who_leaves_ends_the_copy(url: str, headers: dict[str, str], postgres: Postgres) -> None:
    await filled(postgres, 20_000)
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(3):
            async with client.stream("GET", f"{url}/v1/orders", headers=headers) as answer:
                await anext(answer.aiter_raw())
            await ended(postgres)
        # One export at a time may run here: that none is left over shows in that the next is served.
        small = await client.get(f"{url}/v1/orders?limit=3", headers=headers)
    assert len(small.text.splitlines()) == 4


async def test_a_client_who_is_too_slow_gets_a_broken_file_and_no_short_one(
    url: str, headers: dict[str, str], postgres: Postgres
) -> None:
    await filled(postgres, 20_000)
    async with httpx.AsyncClient(trust_env=False) as client:
        async with client.stream("GET", f"{url}/v1/orders", headers=headers) as answer:
            assert answer.status_code == 200
            pieces = answer.aiter_raw()
            await anext(pieces)
            await asyncio.sleep(EXPORT_MOST_S * 1.2)
            # It has not read on, and keeps no snapshot any more.
            assert await copies(postgres) == 0
            with pytest.raises(httpx.RemoteProtocolError):
                async for _ in pieces:
                    pass
        small = await client.get(f"{url}/v1/orders?limit=3", headers=headers)
    assert len(small.text.splitlines()) == 4


async def test_an_export_too_many_is_told_to_come_back(url: str, headers: dict[str, str], postgres: Postgres) -> None:
    await filled(postgres, 20_000)
    async with (
        httpx.AsyncClient(trust_env=False) as client,
        client.stream("GET", f"{url}/v1/orders", headers=headers),
    ):
        refused = await client.get(f"{url}/v1/lines", headers=headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "exports_busy")
    assert refused.headers["retry-after"]
