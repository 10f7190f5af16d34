"""The catalogue on a real Postgres: what an import keeps, refuses and repeats, and what pages and cards read."""

import asyncio
import io
import resource
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from inventory.catalogue_pg import MAX_PAGE, Catalogue
from inventory.import_pg import ImportReport
from inventory.stock import allocate, sale
from inventory.stock_pg import StockLedger, record_movements
from kit.errors import InvalidError, NotFoundError
from kit.money import Money
from kit.postgres import Postgres

MANY = 5_000
MANY_SECONDS = 20
MANY_GROWTH_MIB = 150

HEADER = "Handle,Title,Vendor,Option1 Name,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Image Src"


def shopify(*rows: str) -> io.BytesIO:
    return io.BytesIO("\n".join([HEADER, *rows, ""]).encode())


SHIRT = (
    "shirt,Blue Shirt,Acme,Size,S,SH-S,10,19.99,https://cdn.example/shirt.jpg",
    "shirt,,,,M,SH-M,0,21.00,",
)
MUG = "mug,100% Mug,Acme,Title,Default Title,MUG_1,7,8,"


@pytest.fixture
def catalogue(postgres: Postgres) -> Catalogue:
    return Catalogue(postgres)


async def take(catalogue: Catalogue, file: io.BytesIO) -> ImportReport:
    return await catalogue.import_file(file, default_currency="EUR")


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.created, report.updated, report.unchanged, report.rejected_total


async def stored(postgres: Postgres) -> dict[str, object]:
    """Everything that an import can change, except times and keys."""
    async with postgres.connection() as connection:
        return {
            "products": await connection.fetch(
                "SELECT product_id, product_key, title, image, vendor FROM products ORDER BY 1"
            ),
            "variants": await connection.fetch(
                "SELECT sku, product_id, title, price_amount, imported_quantity FROM variants ORDER BY 1"
            ),
            "stock": await connection.fetch("SELECT * FROM stock ORDER BY 1"),
            "movements": await connection.fetch("SELECT kind, sku, on_hand_delta FROM movements ORDER BY movement_id"),
        }


async def movements_of(postgres: Postgres, sku: str) -> list[tuple[str, int]]:
    async with postgres.connection() as connection:
        rows = await connection.fetch(
            "SELECT kind, on_hand_delta FROM movements WHERE sku = $1 ORDER BY movement_id", sku
        )
        return [(row["kind"], row["on_hand_delta"]) for row in rows]


async def add_channel(postgres: Postgres) -> None:
    async with postgres.connection() as connection:
        await connection.execute("INSERT INTO channels (channel_id, kind, name) VALUES ('chan_1', 'webhook', 'Shop')")


async def desired(postgres: Postgres) -> dict[str, int]:
    async with postgres.connection() as connection:
        return {row["sku"]: row["desired"] for row in await connection.fetch("SELECT sku, desired FROM channel_levels")}


async def ring_fence(postgres: Postgres, sku: str, quantity: int) -> None:
    async with postgres.transaction() as connection:
        await record_movements(connection, [allocate(sku, quantity, pool_id="offer_1")])


async def drift(postgres: Postgres) -> list[object]:
    async with postgres.connection() as connection:
        rows = await connection.fetch(
            "SELECT sku FROM stock LEFT JOIN (SELECT sku, sum(on_hand_delta) AS units, sum(ring_fenced_delta) AS fenced"
            " FROM movements GROUP BY sku) AS ledger USING (sku)"
            " WHERE on_hand <> coalesce(units, 0) OR ring_fenced <> coalesce(fenced, 0)"
        )
        return list(rows)


async def test_a_shopify_file_becomes_products_variants_stock_and_channel_levels(
    postgres: Postgres, catalogue: Catalogue
) -> None:
    await add_channel(postgres)
    report = await take(catalogue, shopify(*SHIRT, MUG))

    assert counts(report) == (3, 0, 0, 0)
    page = await catalogue.products()
    shirt = next(item for item in page.items if item.title == "Blue Shirt")
    assert shirt.image == "https://cdn.example/shirt.jpg"
    assert [(one.sku, one.title, one.price, one.on_hand, one.available) for one in shirt.variants] == [
        ("SH-M", "M", Money(2100, "EUR"), 0, 0),
        ("SH-S", "S", Money(1999, "EUR"), 10, 10),
    ]
    assert await desired(postgres) == {"SH-S": 10, "SH-M": 0, "MUG_1": 7}
    assert await drift(postgres) == []


async def test_a_product_feed_becomes_the_same_kind_of_products(catalogue: Catalogue) -> None:
    feed = (
        "id\ttitle\tprice\tquantity\titem_group_id\timage_link\n"
        "LAMP-R\tLamp\t49.00 USD\t3\tlamp\thttps://cdn.example/lamp.jpg\n"
        "LAMP-G\tLamp\t49.00 USD\t4\tlamp\thttps://cdn.example/lamp.jpg\n"
    )
    report = await take(catalogue, io.BytesIO(feed.encode()))

    assert counts(report) == (2, 0, 0, 0)
    variant = await catalogue.variant("LAMP-G")
    assert (variant.product_title, variant.price) == ("Lamp", Money(4900, "USD"))
    assert len((await catalogue.products()).items) == 1


async def test_importing_twice_changes_nothing(postgres: Postgres, catalogue: Catalogue) -> None:
    await take(catalogue, shopify(*SHIRT, MUG))
    before = await stored(postgres)

    assert counts(await take(catalogue, shopify(*SHIRT, MUG))) == (0, 0, 3, 0)
    assert await stored(postgres) == before


async def test_two_imports_at_once_receive_the_units_once(postgres: Postgres, catalogue: Catalogue) -> None:
    reports = await asyncio.gather(*(take(catalogue, shopify(*SHIRT, MUG)) for _ in range(4)))

    assert sorted(counts(report) for report in reports) == [(0, 0, 3, 0)] * 3 + [(3, 0, 0, 0)]
    assert (await StockLedger(postgres).level("SH-S")).on_hand == 10


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


@pytest.mark.parametrize(
    ("change", "updated"),
    [
        (("19.99", "18.99"), 1),
        (("Blue Shirt", "Navy Shirt"), 2),
        (("shirt.jpg", "front.jpg"), 2),
        ((",S,SH-S", ",Small,SH-S"), 1),
    ],
)
async def test_whatever_is_visible_counts_as_updated(
    catalogue: Catalogue, change: tuple[str, str], updated: int
) -> None:
    await take(catalogue, shopify(*SHIRT))
    report = await take(catalogue, shopify(SHIRT[0].replace(*change), SHIRT[1]))
    assert counts(report) == (0, updated, 2 - updated, 0)


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


async def test_a_sku_of_another_product_is_refused_and_makes_no_empty_product(catalogue: Catalogue) -> None:
    await take(catalogue, shopify(*SHIRT))

    report = await take(catalogue, shopify("hat,Hat,Acme,Title,Default Title,SH-S,5,3.00,", MUG))

    assert counts(report) == (1, 0, 0, 1)
    assert report.rejected[0].line == 2
    assert "'shirt'" in report.rejected[0].reason
    assert {item.title for item in (await catalogue.products()).items} == {"Blue Shirt", "100% Mug"}
    assert (await catalogue.variant("SH-S")).product_title == "Blue Shirt"


async def test_rows_that_the_reader_rejects_are_reported_with_the_others(catalogue: Catalogue) -> None:
    report = await take(catalogue, shopify(SHIRT[0], "mug,Mug,Acme,,,MUG_1,7,much,"))
    assert counts(report) == (1, 0, 0, 1)
    assert report.rejected[0].line == 3


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


async def test_a_bad_header_stores_nothing(postgres: Postgres, catalogue: Catalogue) -> None:
    with pytest.raises(InvalidError) as caught:
        await take(catalogue, io.BytesIO(b"colour,shape\nred,round\n"))
    assert caught.value.code == "unknown_format"
    assert (await stored(postgres))["products"] == []


async def test_an_import_that_is_cut_off_stores_nothing_and_can_be_repeated(
    postgres: Postgres, catalogue: Catalogue
) -> None:
    def stop(_rows: int, _bytes: int) -> None:
        raise RuntimeError("cut off")

    with pytest.raises(RuntimeError, match="cut off"):
        await catalogue.import_file(shopify(*SHIRT), default_currency="EUR", on_progress=stop)
    assert (await stored(postgres))["variants"] == []
    assert counts(await take(catalogue, shopify(*SHIRT))) == (2, 0, 0, 0)


async def test_search_finds_titles_keys_and_skus_in_any_case_and_takes_wildcards_literally(
    catalogue: Catalogue,
) -> None:
    await take(catalogue, shopify(*SHIRT, MUG, "mugs,Other,Acme,Title,Default Title,MUGX1,7,8,"))

    async def titles(query: str) -> set[str]:
        return {item.title for item in (await catalogue.products(query)).items}

    assert await titles("blue sh") == {"Blue Shirt"}
    assert await titles("sh-m") == {"Blue Shirt"}
    assert await titles("MUG") == {"100% Mug", "Other"}
    assert await titles("100%") == {"100% Mug"}
    assert await titles("g_1") == {"100% Mug"}
    assert await titles("nothing like it") == set()


async def test_pages_hold_every_product_once_in_one_order(catalogue: Catalogue) -> None:
    await take(catalogue, shopify(*(f"p{n},Product {n},A,Title,Default Title,SKU-{n},1,1," for n in range(25))))
    for query in (None, "product"):
        seen: list[str] = []
        after: str | None = None
        while True:
            page = await catalogue.products(query, limit=10, after=after)
            seen += [item.product_id for item in page.items]
            after = page.next
            if after is None:
                break
        assert len(seen) == 25
        assert seen == sorted(set(seen))


@pytest.mark.parametrize("limit", [0, MAX_PAGE + 1])
async def test_a_limit_out_of_bounds_is_named(catalogue: Catalogue, limit: int) -> None:
    with pytest.raises(InvalidError) as caught:
        await catalogue.products(limit=limit)
    assert caught.value.details["field"] == "limit"


async def test_cards_come_in_the_order_asked_for_and_an_unknown_one_is_named(catalogue: Catalogue) -> None:
    await take(catalogue, shopify(*SHIRT, MUG))
    ids = [item.product_id for item in (await catalogue.products()).items]

    for order in (ids, ids[::-1]):
        assert [card.product_id for card in await catalogue.cards(order)] == order
    assert [one.sku for card in await catalogue.cards(ids) for one in card.variants if card.title == "Blue Shirt"] == [
        "SH-M",
        "SH-S",
    ]
    with pytest.raises(NotFoundError, match="prod_missing") as caught:
        await catalogue.cards([ids[0], "prod_missing"])
    assert caught.value.code == "unknown_product"


async def test_an_unknown_sku_is_named(catalogue: Catalogue) -> None:
    with pytest.raises(NotFoundError, match="NO-SUCH") as caught:
        await catalogue.variant("NO-SUCH")
    assert caught.value.code == "unknown_sku"


def many_rows(variants: int) -> Iterable[str]:
    for number in range(variants):
        title = f"Product {number // 5}" if number % 5 == 0 else ""
        yield f"product-{number // 5},{title},Acme,Size,{number % 5},SKU-{number:06},{number % 50},9.99,"


async def test_a_large_file_lands_in_time_in_bounded_memory_and_reports_progress(
    postgres: Postgres, catalogue: Catalogue, tmp_path: Path
) -> None:
    path = tmp_path / "many.csv"
    path.write_text("\n".join([HEADER, *many_rows(MANY), ""]))
    await add_channel(postgres)
    progress: list[tuple[int, int]] = []
    before = peak_mib()
    started = time.monotonic()
    with path.open("rb") as file:
        report = await catalogue.import_file(
            file, default_currency="EUR", on_progress=lambda rows, read: progress.append((rows, read))
        )
    took = time.monotonic() - started

    assert counts(report) == (MANY, 0, 0, 0)
    assert took < MANY_SECONDS
    assert peak_mib() - before < MANY_GROWTH_MIB
    assert [rows for rows, _ in progress] == [2000, 4000, 5000]
    assert progress[-1][1] == path.stat().st_size
    assert sum((await desired(postgres)).values()) == sum(number % 50 for number in range(MANY))
    assert await drift(postgres) == []


def peak_mib() -> float:
    """The largest resident size so far; kilobytes on Linux, bytes on macOS."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
