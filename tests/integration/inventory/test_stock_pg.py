import asyncio
import contextlib
import io
import random

import asyncpg
import pytest

from inventory.catalogue_pg import Catalogue
from inventory.stock import Movement, adjust, allocate, give_back, receive, replay, sale
from inventory.stock_pg import StockLedger, record_movements
from kit.errors import ConflictError, NotFoundError
from kit.postgres import Postgres

SKUS = ("MUG", "CAP", "BAG")


@pytest.fixture
async def ledger(postgres: Postgres) -> StockLedger:
    rows = "".join(f"{sku},{sku.title()},d,in stock,new,10.00 EUR,https://x,https://x/i.png,b,20\n" for sku in SKUS)
    header = "id,title,description,availability,condition,price,link,image_link,brand,inventory\n"
    await Catalogue(postgres).import_file(io.BytesIO((header + rows).encode()), default_currency="EUR")
    return StockLedger(postgres)


async def all_movements(postgres: Postgres) -> list[Movement]:
    async with postgres.connection() as connection:
        rows = await connection.fetch("SELECT * FROM movements ORDER BY movement_id")
    return [
        Movement(
            key=row["movement_key"],
            kind=row["kind"],
            sku=row["sku"],
            on_hand_delta=row["on_hand_delta"],
            ring_fenced_delta=row["ring_fenced_delta"],
            location=row["location"],
        )
        for row in rows
    ]


async def record(postgres: Postgres, *movements: Movement) -> None:
    async with postgres.transaction() as connection:
        await record_movements(connection, movements)


async def test_replaying_the_ledger_from_zero_gives_the_counters(postgres: Postgres, ledger: StockLedger) -> None:
    chance = random.Random(7)
    for n in range(120):
        sku = chance.choice(SKUS)
        step = chance.choice(
            [
                receive(sku, chance.randint(1, 5), key=f"r{n}", reason=""),
                adjust(sku, chance.randint(-4, 4) or 1, key=f"a{n}", reason=""),
                allocate(sku, chance.randint(1, 6), pool_id=f"p{n}"),
                give_back(sku, chance.randint(1, 6), pool_id=f"p{n}", returned_before=0),
                sale(sku, chance.randint(1, 3), pool_id=f"p{n}", order_id=f"o{n}"),
            ]
        )
        # Some steps take more than there is: they are refused whole, and the replay must not see them.
        with contextlib.suppress(ConflictError):
            await record(postgres, step)
    levels = replay(await all_movements(postgres))
    for sku in SKUS:
        assert levels[sku, "main"] == await ledger.level(sku)


async def test_recording_a_batch_twice_changes_nothing(postgres: Postgres, ledger: StockLedger) -> None:
    batch = [adjust("MUG", 3, key="count", reason=""), allocate("MUG", 5, pool_id="p")]
    await record(postgres, *batch)
    before = await ledger.level("MUG"), len(await all_movements(postgres))
    await record(postgres, *batch)
    assert (await ledger.level("MUG"), len(await all_movements(postgres))) == before


async def test_a_batch_that_takes_too_much_leaves_nothing_behind(postgres: Postgres, ledger: StockLedger) -> None:
    before = await ledger.level("CAP"), len(await all_movements(postgres))
    with pytest.raises(ConflictError, match="not enough stock of"):
        await record(postgres, adjust("CAP", 1, key="c", reason=""), allocate("BAG", 21, pool_id="p"))
    assert (await ledger.level("CAP"), len(await all_movements(postgres))) == before


async def test_the_ledger_cannot_be_rewritten(postgres: Postgres, ledger: StockLedger) -> None:
    assert (await ledger.level("MUG")).on_hand == 20
    for statement in ("UPDATE movements SET reason = 'x'", "DELETE FROM movements"):
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            async with postgres.connection() as connection:
                await connection.execute(statement)


async def test_batches_in_any_order_of_skus_do_not_deadlock(postgres: Postgres, ledger: StockLedger) -> None:
    async def work(n: int) -> None:
        skus = SKUS if n % 2 else SKUS[::-1]
        await record(postgres, *(adjust(sku, 1, key=f"{n}:{sku}", reason="") for sku in skus))

    await asyncio.gather(*(work(n) for n in range(40)))
    assert [(await ledger.level(sku)).on_hand for sku in SKUS] == [60, 60, 60]


async def test_an_unknown_sku_is_named(ledger: StockLedger) -> None:
    with pytest.raises(NotFoundError, match="'NOPE'"):
        await ledger.adjust("NOPE", 1, key="k", reason="")


async def test_the_same_adjustment_counts_once(ledger: StockLedger) -> None:
    first = await ledger.adjust("MUG", -5, key="k", reason="broken")
    assert await ledger.adjust("MUG", -5, key="k", reason="broken") == first
    assert first.on_hand == 15
