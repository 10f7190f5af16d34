"""Imports on a real Postgres: what they keep, refuse and repeat."""

import asyncio
import io
import resource
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from inventory.catalogue_pg import Catalogue
from inventory.stock_pg import StockLedger
from kit.errors import InvalidError
from kit.money import Money
from kit.postgres import Postgres
from tests.integration.inventory.product_files import (
    HEADER,
    MUG,
    SHIRT,
    add_channel,
    counts,
    desired,
    drift,
    shopify,
    stored,
    take,
)

MANY = 5_000
MANY_SECONDS = 20
MANY_GROWTH_MIB = 150


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
