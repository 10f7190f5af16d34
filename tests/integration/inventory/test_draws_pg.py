"""Entries: judged by Postgres, once per buyer, and never beside the draw."""

import asyncio

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from inventory.draw import Entered, digest_of, drawn_order, seed_hash
from inventory.draws_pg import Draws, mark_drawn
from inventory.holds import ClaimRequest, Refused
from kit.ids import new_ulid
from kit.postgres import Postgres
from tests.integration.inventory.a_draw import ADraw


@pytest.fixture
def draw(postgres: Postgres, redis: Redis) -> ADraw:
    return ADraw(postgres, redis)


async def rows(postgres: Postgres) -> list[tuple[str, str]]:
    async with postgres.connection() as connection:
        found = await connection.fetch("SELECT buyer_id, claim_id FROM draw_entries ORDER BY buyer_id")
        assert await connection.fetchval("SELECT sum(entries) FROM pools") == len(found)
    return [(row["buyer_id"], row["claim_id"]) for row in found]


async def test_the_window_is_open_from_its_start_to_its_end_by_the_databases_clock(draw: ADraw) -> None:
    await draw.open(starts_in_ms=60_000, ends_in_ms=120_000)
    assert await draw.enter("early") == [Refused(reason="not_open", temporary=True)]
    async with draw.postgres.connection() as connection:
        await connection.execute("UPDATE pools SET starts_at_ms = now_ms() - 2000, ends_at_ms = now_ms() + 300")
        published: int = await connection.fetchval("SELECT ends_at_ms FROM pools")
    assert await draw.enter("in time") == [Entered(drawn_at_ms=published)]
    async with draw.postgres.connection() as connection:
        await connection.execute("UPDATE pools SET ends_at_ms = now_ms() - 100, grace_ms = 60000")
    [in_grace] = await draw.enter("in grace")
    assert isinstance(in_grace, Entered)
    async with draw.postgres.connection() as connection:
        await connection.execute("UPDATE pools SET grace_ms = 50")
    assert await draw.enter("late") == [Refused(reason="ended", temporary=False)]
    assert [buyer for buyer, _ in await rows(draw.postgres)] == ["in grace", "in time"]


async def test_an_entry_again_gets_the_same_answer_also_after_the_draw(draw: ADraw) -> None:
    await draw.open()
    wish = draw.wish("ana")
    [first] = await draw.draws.enter([wish])
    assert await draw.draws.enter([wish, wish]) == [first, first]
    await draw.end_window()
    assert await draw.mark()
    [after] = await draw.draws.enter([wish])
    assert isinstance(after, Entered)
    assert await rows(draw.postgres) == [("ana", wish.claim_id)]


async def test_what_does_not_fit_is_refused_and_writes_nothing(draw: ADraw) -> None:
    await draw.open()
    wish = draw.wish("ana")
    await draw.draws.enter([wish])
    invalid = Refused(reason="invalid", temporary=False)
    answers = await draw.draws.enter(
        [
            draw.wish("ana"),
            draw.wish("eve", wish.claim_id),
            draw.wish("ana", wish.claim_id, quantity=2),
            draw.wish("bob", quantity=2),
            ClaimRequest(pool_id="offer_x", claim_id=new_ulid(), buyer_id="ana", quantity=1),
        ]
    )
    limit = Refused(reason="buyer_limit", temporary=False)
    assert answers == [limit, invalid, invalid, invalid, Refused(reason="unknown_offer", temporary=False)]
    assert await rows(draw.postgres) == [("ana", wish.claim_id)]


async def test_a_buyer_on_many_gateways_at_once_is_in_once(draw: ADraw, database_url: str) -> None:
    await draw.open()
    gateways = [await Postgres.connect(database_url, max_size=2) for _ in range(4)]
    try:
        buyers = [f"buyer-{n}" for n in range(40)]
        batches = [
            Draws(gateway).enter([draw.wish(one) for one in (buyers if n % 2 else buyers[::-1])])
            for n, gateway in enumerate(gateways * 3)
        ]
        answers = [one for batch in await asyncio.gather(*batches) for one in batch]
    finally:
        for gateway in gateways:
            await gateway.close()
    assert sum(isinstance(one, Entered) for one in answers) == 40
    assert {one.reason for one in answers if isinstance(one, Refused)} == {"buyer_limit"}
    assert len(await rows(draw.postgres)) == 40


async def test_a_draw_waits_for_entries_under_way_and_shuts_out_those_behind_it(draw: ADraw) -> None:
    await draw.open(ends_in_ms=250)
    await draw.enter("ana")
    async with draw.postgres.transaction() as under_way:
        # An entry whose transaction takes its time: it was let in before the end.
        await under_way.execute("SELECT 1 FROM pools FOR NO KEY UPDATE")
        await under_way.execute("UPDATE pools SET entries = entries + 1")
        await under_way.execute(
            "INSERT INTO draw_entries SELECT pool_id, 'bob', 'c', sha256('bob'), now_ms() FROM pools"
        )
        await asyncio.sleep(0.4)
        drawing = asyncio.create_task(_mark(draw))
        await asyncio.sleep(0.1)
        late = asyncio.create_task(draw.enter("eve"))
        await asyncio.sleep(0.1)
        assert not drawing.done()
        assert not late.done()
    assert await drawing == 2
    assert await late == [Refused(reason="ended", temporary=False)]


async def _mark(draw: ADraw) -> int:
    async with draw.postgres.transaction() as connection:
        drawn = await mark_drawn(connection, draw.pool_id)
    assert drawn is not None
    return drawn.entries


async def test_the_seed_stays_secret_until_drawn_and_is_the_one_that_was_promised(draw: ADraw) -> None:
    await draw.open()
    await draw.enter("ana", "bob")
    before = await draw.public()
    assert (before.seed, before.drawn_at_ms, before.entries) == (None, None, 2)
    assert not await draw.mark()
    await draw.end_window()
    assert await draw.mark()
    assert not await draw.mark()
    after = await draw.public()
    assert after.seed is not None
    assert seed_hash(after.seed) == before.seed_hash == after.seed_hash
    assert len(bytes.fromhex(after.seed)) == 32


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(
    names=st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20), max_size=30
    )
)
async def test_the_database_orders_as_the_pure_function_does(draw: ADraw, names: list[str]) -> None:
    draw = ADraw(draw.postgres, draw.redis)
    await draw.open()
    buyers = list(dict.fromkeys(names))
    await draw.enter(*buyers)
    async with draw.postgres.connection() as connection:
        seed: str = await connection.fetchval("SELECT seed FROM pools WHERE pool_id = $1", draw.pool_id)
    pages, after = [], ""
    while page := await draw.draws.order(draw.pool_id, after=after, limit=7):
        pages += page
        after = page[-1].digest
    assert [one.buyer_id for one in pages] == drawn_order(seed, buyers)
    assert [one.digest for one in pages] == [digest_of(seed, one.buyer_id) for one in pages]
