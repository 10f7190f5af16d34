"""Quantities of imported files on a real Postgres: by what stock moves, and by what it does not."""

import asyncio
import io

from inventory.catalogue_pg import Catalogue
from inventory.stock import allocate, sale
from inventory.stock_pg import StockLedger, record_movements
from kit.money import Money
from kit.postgres import Postgres
from tests.integration.inventory.product_files import (
    MUG,
    SHIRT,
    add_channel,
    counts,
    desired,
    drift,
    movements_of,
    ring_fence,
    shopify,
    stored,
    take,
)


async def test_stock_follows_the_file_by_the_difference_and_keeps_what_was_sold(
    postgres: Postgres, catalogue: Catalogue
) -> None:
    await take(catalogue, shopify(*SHIRT, MUG))
    await ring_fence(postgres, "SH-S", 4)
    async with postgres.transaction() as connection:
        await record_movements(connection, [sale("SH-S", 3, pool_id="offer_1", order_id="order_1")])

    assert counts(await take(catalogue, shopify(SHIRT[0].replace(",10,", ",15,"), SHIRT[1]))) == (0, 1, 1, 0)

    level = await StockLedger(postgres).level("SH-S")
    assert (level.on_hand, level.ring_fenced) == (12, 1)
    assert await drift(postgres) == []


async def test_a_quantity_that_goes_up_and_down_again_and_up_is_received_each_time(
    postgres: Postgres, catalogue: Catalogue
) -> None:
    for quantity in (10, 12, 10, 12):
        await take(catalogue, shopify(SHIRT[0].replace(",10,", f",{quantity},")))
        assert (await StockLedger(postgres).level("SH-S")).on_hand == quantity


async def test_a_quantity_below_what_is_set_aside_is_refused_and_the_rest_lands(
    postgres: Postgres, catalogue: Catalogue
) -> None:
    await take(catalogue, shopify(*SHIRT, MUG))
    await ring_fence(postgres, "SH-S", 6)

    report = await take(
        catalogue, shopify(SHIRT[0].replace(",10,19.99", ",5,1.00"), SHIRT[1], MUG.replace(",7,", ",9,"))
    )

    assert counts(report) == (0, 1, 1, 1)
    assert report.rejected[0].line == 2
    assert "5 units, fewer than the 6" in report.rejected[0].reason
    assert (await StockLedger(postgres).level("SH-S")).on_hand == 10
    assert (await catalogue.variant("SH-S")).price == Money(1999, "EUR")
    assert (await StockLedger(postgres).level("MUG_1")).on_hand == 9
    exact = await take(catalogue, shopify(SHIRT[0].replace(",10,", ",6,")))
    assert counts(exact) == (0, 1, 0, 0)


async def test_an_import_waits_for_units_that_are_being_set_aside(postgres: Postgres, catalogue: Catalogue) -> None:
    await take(catalogue, shopify(*SHIRT, MUG))
    async with postgres.transaction() as connection:
        await record_movements(connection, [allocate("SH-S", 6, pool_id="offer_1")])
        importing = asyncio.create_task(
            take(catalogue, shopify(SHIRT[0].replace(",10,", ",5,"), MUG.replace(",7,", ",9,")))
        )
        await asyncio.sleep(0.5)
        assert not importing.done()
    assert counts(await importing) == (0, 1, 0, 1)


def renamed(*rows: str) -> io.BytesIO:
    """The same columns, but for the one with the quantities: its name is one that nobody knows."""
    return io.BytesIO(shopify(*rows).read().replace(b"Variant Inventory Qty", b"Units"))


async def test_a_file_without_a_column_for_quantities_leaves_stock_as_it_was(
    postgres: Postgres, catalogue: Catalogue
) -> None:
    await take(catalogue, shopify(*SHIRT, MUG))
    before = await stored(postgres)

    report = await take(catalogue, renamed(*SHIRT, MUG))
    assert (*counts(report), report.without_quantity) == (0, 0, 3, 0, 3)
    assert await stored(postgres) == before

    report = await take(catalogue, renamed(SHIRT[0], SHIRT[1].replace("21.00", "22.00"), MUG.replace(",8,", ",9,")))
    assert (*counts(report), report.without_quantity) == (0, 2, 1, 0, 3)
    after = await stored(postgres)
    assert (after["stock"], after["movements"]) == (before["stock"], before["movements"])

    # What the last file with quantities said still counts, so the next one moves stock by the difference to that.
    report = await take(catalogue, shopify(*SHIRT, MUG.replace(",7,", ",9,")))
    assert report.without_quantity == 0
    assert await movements_of(postgres, "MUG_1") == [("receive", 7), ("receive", 2)]
    assert await drift(postgres) == []


async def test_new_skus_of_a_file_without_a_column_for_quantities_start_at_0(
    postgres: Postgres, catalogue: Catalogue
) -> None:
    await add_channel(postgres)
    await take(catalogue, shopify(MUG))

    report = await take(catalogue, renamed(*SHIRT, MUG))
    assert (*counts(report), report.without_quantity) == (2, 0, 1, 0, 3)
    assert await desired(postgres) == {"SH-S": 0, "SH-M": 0, "MUG_1": 7}

    await take(catalogue, shopify(*SHIRT, MUG))
    assert await desired(postgres) == {"SH-S": 10, "SH-M": 0, "MUG_1": 7}


async def test_a_file_without_quantities_is_taken_while_units_are_ring_fenced(
    postgres: Postgres, catalogue: Catalogue
) -> None:
    await take(catalogue, shopify(MUG))
    await ring_fence(postgres, "MUG_1", 7)

    assert counts(await take(catalogue, renamed(MUG.replace(",8,", ",9,")))) == (0, 1, 0, 0)


async def test_a_blank_quantity_in_a_column_that_is_there_is_0(postgres: Postgres, catalogue: Catalogue) -> None:
    await take(catalogue, shopify(MUG))
    report = await take(catalogue, shopify(MUG.replace(",7,", ",,")))

    assert (*counts(report), report.without_quantity) == (0, 1, 0, 0, 0)
    assert [row[1] for row in await movements_of(postgres, "MUG_1")] == [7, -7]
