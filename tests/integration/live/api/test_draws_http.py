"""A draw as staff check it: over HTTP, and with the program of the manual."""

import asyncio
import csv
import io
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from redis.asyncio import Redis

from inventory.draw import drawn_order, seed_hash
from inventory.draws_pg import Draws, mark_drawn
from inventory.holds import ClaimRequest
from kit.ids import new_id, new_ulid
from kit.postgres import Postgres
from live.api.draws_http import DrawEndpoints
from live.api.offers_http import OfferEndpoints
from live.stage import Stage
from tests.integration.inventory.test_pools import a_sku
from tests.integration.live.api.api_client import Bearer, Serve
from tests.integration.live.test_stage import a_show, a_stage, terms

MANUAL = Path(__file__).parents[4] / "docs" / "operations.md"
BUYERS = [*(f"buyer-{n}" for n in range(1_200)), "=1+1", "-x", "'quoted", 'José, the "second"']


class Shown:
    """A draw that everybody entered, and its API."""

    def __init__(self, postgres: Postgres, redis: Redis) -> None:
        self.postgres = postgres
        self.stage: Stage = a_stage(postgres, redis)
        self.draws = Draws(postgres)
        self.offer_id = new_id("offer")
        self.show_id = ""

    async def open(self) -> None:
        self.show_id = await a_show(self.stage)
        sku = await a_sku(self.postgres, 9)
        asked = msgspec.structs.replace(terms(sku, 3), per_buyer_limit=1, mode="draw", pass_on_ms=60_000)
        await self.stage.open_offer(self.show_id, asked, offer_id=self.offer_id)
        await self.draws.enter(
            [ClaimRequest(pool_id=self.offer_id, claim_id=new_ulid(), buyer_id=one, quantity=1) for one in BUYERS]
        )

    async def draw(self) -> None:
        async with self.postgres.transaction() as connection:
            await connection.execute("UPDATE pools SET starts_at_ms = 1, ends_at_ms = now_ms() - 1")
            await mark_drawn(connection, self.offer_id)


@pytest.fixture
async def shown(postgres: Postgres, redis: Redis) -> Shown:
    shown = Shown(postgres, redis)
    await shown.open()
    return shown


@pytest.fixture
async def client(serve: Serve, shown: Shown) -> AsyncIterator[httpx.AsyncClient]:
    declared = [
        *OfferEndpoints(shown.stage).endpoints(),
        *DrawEndpoints(shown.draws, shown.stage).endpoints(),
    ]
    async with serve(declared) as client:
        yield client


async def test_before_the_draw_there_is_a_promise_and_no_order(
    client: httpx.AsyncClient, shown: Shown, bearer: Bearer
) -> None:
    path = f"/v1/offers/{shown.offer_id}/draw"
    found = (await client.get(path, headers=bearer("host"))).json()
    offer = (await client.get(f"/v1/offers/{shown.offer_id}")).json()
    assert (found["seed"], found["drawn_at_ms"], found["items"], found["next"]) == (None, None, [], None)
    assert (found["entries"], found["units"]) == (len(BUYERS), 3)
    assert found["seed_hash"] == offer["seed_hash"]
    assert (offer["mode"], offer["waiting"], offer["drawn_at_ms"]) == ("draw", len(BUYERS), None)
    as_csv = await client.get(path, headers=bearer("host") | {"accept": "text/csv"})
    assert as_csv.text == "rank,buyer_id,digest,entered_at_ms\r\n"


async def test_afterwards_anybody_on_the_staff_finds_the_order_of_the_seed(
    client: httpx.AsyncClient, shown: Shown, bearer: Bearer
) -> None:
    await shown.draw()
    path, items, after = f"/v1/offers/{shown.offer_id}/draw?limit=500", [], ""
    while True:
        page = (await client.get(path + after, headers=bearer("host"))).json()
        items += page["items"]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seed_hash(page["seed"]) == page["seed_hash"]
    assert [one["buyer_id"] for one in items] == drawn_order(page["seed"], BUYERS)
    assert [one["rank"] for one in items] == list(range(1, len(BUYERS) + 1))
    as_csv = await client.get(f"/v1/offers/{shown.offer_id}/draw", headers=bearer("host") | {"accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(as_csv.text)))
    assert [(row["rank"], row["digest"]) for row in rows] == [(str(one["rank"]), one["digest"]) for one in items]


async def test_the_draw_is_for_the_staff_of_its_show(client: httpx.AsyncClient, shown: Shown, bearer: Bearer) -> None:
    path = f"/v1/offers/{shown.offer_id}/draw"
    assert (await client.get(path)).status_code == 401
    assert (await client.get(path, headers=bearer("viewer"))).status_code == 403
    assert (await client.get(path, headers=bearer("host", show_id=new_id("show")))).status_code == 403
    assert (await client.get(path, headers=bearer("host", show_id=shown.show_id))).status_code == 200
    for after in ("1", "-", "1-zz", f"{'9' * 16}-{'0' * 64}"):
        assert (await client.get(f"{path}?after={after}", headers=bearer("host"))).status_code == 422
    unknown = await client.get(f"/v1/offers/{new_id('offer')}/draw", headers=bearer("host"))
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_offer")


async def test_a_draw_is_opened_over_http_and_what_does_not_fit_is_named(
    client: httpx.AsyncClient, shown: Shown, bearer: Bearer
) -> None:
    body = {"sku": await a_sku(shown.postgres, 9), "price": {"amount": 5, "currency": "EUR"}, "quantity": 2}
    path = f"/v1/shows/{shown.show_id}/offers"

    async def ask(**more: object) -> httpx.Response:
        headers = bearer("host") | {"idempotency-key": new_ulid()}
        return await client.post(path, json=body | more, headers=headers)

    made = (await ask(mode="draw", hold_ttl_ms=10_000)).json()
    assert (made["mode"], len(made["seed_hash"]), made["waiting"]) == ("draw", 64, 0)
    async with shown.postgres.connection() as connection:
        stored = await connection.fetchval("SELECT pass_on_ms FROM pools WHERE pool_id = $1", made["offer_id"])
    assert stored == 20_000
    plain = (await ask()).json()
    assert (plain["mode"], plain["seed_hash"]) == ("first_come", None)
    no_draw = await client.get(f"/v1/offers/{plain['offer_id']}/draw", headers=bearer("host"))
    assert (no_draw.status_code, no_draw.json()["error"]["code"]) == (404, "not_a_draw")
    for wrong, field in (
        ({"mode": "draw", "per_buyer_limit": 2}, "per_buyer_limit"),
        ({"pass_on_ms": 10_000}, "pass_on_ms"),
        ({"mode": "lottery"}, "mode"),
        ({"mode": "draw", "pass_on_ms": 1}, "pass_on_ms"),
    ):
        refused = await ask(**wrong)
        assert refused.status_code == 422
        assert field in refused.text


async def test_the_program_of_the_manual_finds_a_fair_draw_fair_and_a_bent_one_bent(
    client: httpx.AsyncClient, shown: Shown, bearer: Bearer, tmp_path: Path
) -> None:
    await shown.draw()
    path = f"/v1/offers/{shown.offer_id}/draw"
    draw = (await client.get(f"{path}?limit=1", headers=bearer("host"))).json()
    as_csv = (await client.get(path, headers=bearer("host") | {"accept": "text/csv"})).content
    [program] = re.findall(r"`check_draw.py`.*?```python\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.DOTALL)
    script, honest, bent = tmp_path / "check_draw.py", tmp_path / "draw.csv", tmp_path / "bent.csv"
    script.write_text(program, encoding="utf-8")
    honest.write_bytes(as_csv)
    lines = as_csv.splitlines(keepends=True)
    bent.write_bytes(b"".join([lines[0], lines[600], *lines[2:600], lines[1], *lines[601:]]))

    async def check(file: Path, seed: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, file, seed, draw["seed_hash"], stdout=asyncio.subprocess.PIPE
        )
        printed, _ = await process.communicate()
        return process.returncode, printed.decode()

    count = len(BUYERS)
    assert await check(honest, draw["seed"]) == (0, f"the seed is the promised one\n{count} buyers, 0 out of order\n")
    assert await check(bent, draw["seed"]) == (1, f"the seed is the promised one\n{count} buyers, 2 out of order\n")
    code, printed = await check(honest, "0" * 64)
    assert code == 1
    assert printed.startswith("THE SEED IS ANOTHER ONE\n")
