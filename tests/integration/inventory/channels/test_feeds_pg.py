"""Feeds out of a real Postgres: right at any moment, in bounded memory, and never short without a word."""

import asyncio
import csv
import gc
import io
import re
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from inventory.channels import feeds_pg
from inventory.channels.channels_pg import Channels
from inventory.channels.feeds import FeedSettings, FeedTokens
from inventory.channels.feeds_pg import FeedCutError, FeedPausedError, Feeds, FeedsBusyError
from inventory.channels.kept_back_pg import KeptBack
from inventory.channels.registry import channel_kinds
from inventory.channels.snapchat.channel_http import SnapchatKind
from inventory.stock_pg import StockLedger
from kit.errors import NotFoundError, UnavailableError
from kit.ids import new_id
from kit.postgres import Postgres
from kit.sql import Queries
from tests.fakes.channels.snapchat import FakeSnapchat
from tests.integration.inventory.channels.shelf import VAULT

TOKENS = FeedTokens("a secret of at least 32 characters, as ever")
META = {"format": "meta", "link_template": "https://shop.example/p/{sku}"}
SNAPCHAT = {
    "catalog_id": "8fdeefec",
    "client_id": "snap-client-1",
    "client_secret": "snap-client-secret",
    "refresh_token": "snap-refresh-token",
    "api_url": "https://api.shop.example",
    "default_currency": "EUR",
    "link_template": "https://shop.example/p/{sku}",
}
MANY = 20_000


@pytest.fixture
def channels(postgres: Postgres) -> Channels:
    return Channels(postgres, channel_kinds("a secret of at least 32 characters, as ever", allow_private=False), VAULT)


@pytest.fixture
async def one_connection(database_url: str) -> AsyncIterator[Postgres]:
    pool = await Postgres.connect(database_url, max_size=1)
    yield pool
    await pool.close()


async def fill(postgres: Postgres, variants: int, *, description: str = "") -> None:
    """Variants SKU-00000 and up, ten units of each; four to a product."""
    async with postgres.transaction() as connection:
        await connection.execute(
            "INSERT INTO products (product_id, product_key, title, description)"
            " SELECT 'prod_' || n, 'key' || n, 'Product ' || n, $2 FROM generate_series(0, ($1::int - 1) / 4) AS n",
            variants,
            description,
        )
        await connection.execute(
            "INSERT INTO variants (sku, product_id, title, price_amount, price_currency)"
            " SELECT 'SKU-' || lpad(n::text, 5, '0'), 'prod_' || n / 4, 'V' || n, 100 + n, 'EUR'"
            " FROM generate_series(0, $1::int - 1) AS n",
            variants,
        )
        await connection.execute("INSERT INTO stock (sku, on_hand) SELECT sku, 10 FROM variants")


async def connect(channels: Channels, *, safety_stock: int = 0, **settings: str) -> str:
    made = await channels.create("feed", name="Feed", settings=META | settings, safety_stock=safety_stock)
    return made.channel_id


async def settings_of(feeds: Feeds, channel_id: str) -> FeedSettings:
    return await feeds.settings(channel_id, TOKENS.of(channel_id))


async def read(feeds: Feeds, channel_id: str) -> dict[str, dict[str, str]]:
    settings = await settings_of(feeds, channel_id)
    content = b"".join([chunk async for chunk in feeds.stream(channel_id, settings)]).decode()
    rows = csv.DictReader(io.StringIO(content, newline=""), delimiter=settings.file.delimiter, strict=True)
    return {row["id"]: row for row in rows}


@pytest.mark.parametrize("variants", [0, 1, 6, 7, 8, 14])
async def test_every_variant_is_there_once_wherever_pages_end(
    postgres: Postgres, channels: Channels, variants: int
) -> None:
    await fill(postgres, variants)
    feeds, channel_id = Feeds(postgres, TOKENS, page=7), await connect(channels)
    settings = await settings_of(feeds, channel_id)
    lines = b"".join([chunk async for chunk in feeds.stream(channel_id, settings)]).decode().splitlines()
    assert [line.partition(",")[0] for line in lines] == ["id", *(f"SKU-{n:05}" for n in range(variants))]


async def test_a_row_has_what_the_catalogue_and_the_channels_level_say(postgres: Postgres, channels: Channels) -> None:
    await fill(postgres, 5, description='Big, and "round"')
    channel_id = await connect(channels, safety_stock=3, brand="House", image_template="https://i.example/{product_id}")
    rows = await read(Feeds(postgres, TOKENS), channel_id)
    assert rows["SKU-00004"] == {
        "id": "SKU-00004",
        "title": "Product 1 - V4",
        "description": 'Big, and "round"',
        "availability": "in stock",
        "condition": "new",
        "price": "1.04 EUR",
        "link": "https://shop.example/p/SKU-00004",
        "image_link": "https://i.example/prod_1",
        "brand": "House",
        "item_group_id": "prod_1",
        "quantity_to_sell_on_facebook": "7",
        "inventory": "7",
    }


async def test_a_snapchat_channel_has_its_feed_at_the_path_that_snapchat_is_told(postgres: Postgres) -> None:
    await fill(postgres, 2)
    channels, feeds = (
        Channels(postgres, {"snapchat": SnapchatKind(feed_path=TOKENS.path)}, VAULT),
        Feeds(postgres, TOKENS),
    )
    made = await channels.create("snapchat", name="Snapchat", settings=SNAPCHAT)
    address = await feeds.address(made.channel_id)
    assert TOKENS.path(made.channel_id).endswith(f"/{made.channel_id}/{address.token}.{address.extension}")
    rows = await read(feeds, made.channel_id)
    assert [(row["availability"], row["price"]) for row in rows.values()] == [
        ("in stock", "1.00 EUR"),
        ("in stock", "1.01 EUR"),
    ]
    fake = FakeSnapchat()
    settings = await settings_of(feeds, made.channel_id)
    fake.fetched(b"".join([chunk async for chunk in feeds.stream(made.channel_id, settings)]))
    assert fake.shown == {"SKU-00000": "in stock", "SKU-00001": "in stock"}


async def test_changes_show_at_once_and_a_variant_without_a_level_is_sold_out(
    postgres: Postgres, channels: Channels, kept_back: KeptBack
) -> None:
    await fill(postgres, 3)
    feeds, ledger, channel_id = Feeds(postgres, TOKENS), StockLedger(postgres), await connect(channels, format="google")

    async def words() -> list[str]:
        return [row["availability"] for row in (await read(feeds, channel_id)).values()]

    assert await words() == ["in_stock"] * 3
    await ledger.adjust("SKU-00001", -10, key="sold", reason="count")
    assert await words() == ["in_stock", "out_of_stock", "in_stock"]
    await kept_back.switch(off=True, skus=["SKU-00002"])
    assert await words() == ["in_stock", "out_of_stock", "out_of_stock"]
    await ledger.adjust("SKU-00001", 1, key="found", reason="count")
    await kept_back.switch(off=False, skus=["SKU-00002"])
    async with postgres.connection() as connection:
        await connection.execute("DELETE FROM channel_levels WHERE sku = 'SKU-00000'")
    assert await words() == ["out_of_stock", "in_stock", "in_stock"]


async def test_many_variants_are_never_held_at_once(postgres: Postgres, channels: Channels) -> None:
    await fill(postgres, MANY, description="d" * 1_000)
    feeds, channel_id = Feeds(postgres, TOKENS), await connect(channels)
    settings = await settings_of(feeds, channel_id)
    total, lines = 0, 0
    gc.collect()
    tracemalloc.start()
    try:
        async for chunk in feeds.stream(channel_id, settings):
            total += len(chunk)
            lines += chunk.count(b"\r\n")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert lines == MANY + 1
    assert total > 20_000_000
    assert peak < 4_000_000


async def test_a_page_touches_its_own_rows_only(postgres: Postgres, channels: Channels) -> None:
    # Just filled, the planner knows nothing of the tables' size; it once sorted all levels for every page.
    await fill(postgres, MANY)
    channel_id = await connect(channels)
    statement = Queries(Path(feeds_pg.__file__).parent / "sql" / "feeds.sql").page.partition("\nSELECT")
    async with postgres.connection() as connection:
        plan = await connection.fetchval(
            f"EXPLAIN (ANALYZE, FORMAT JSON) SELECT{statement[2]}", channel_id, "SKU-10000", 50
        )
    touched = re.findall(r'"Actual Rows": ([0-9.]+),\s+"Actual Loops": ([0-9.]+)', plan)
    assert len(touched) >= 3
    assert max(float(rows) * float(loops) for rows, loops in touched) == 50


async def test_a_reader_who_stands_still_keeps_no_connection(
    postgres: Postgres, channels: Channels, one_connection: Postgres
) -> None:
    await fill(postgres, 30)
    feeds, channel_id = Feeds(one_connection, TOKENS, page=10), await connect(channels)
    stream = feeds.stream(channel_id, await settings_of(feeds, channel_id))
    await anext(stream)
    async with asyncio.timeout(5):
        await one_connection.ping()
        rest = b"".join([chunk async for chunk in stream])
    assert rest.count(b"\r\n") == 20


async def test_one_too_many_is_told_to_come_back_until_another_has_ended(
    postgres: Postgres, channels: Channels
) -> None:
    await fill(postgres, 30)
    feeds, channel_id = Feeds(postgres, TOKENS, page=10, at_once=1), await connect(channels)
    first = feeds.stream(channel_id, await settings_of(feeds, channel_id))
    await anext(first)
    with pytest.raises(FeedsBusyError):
        await read(feeds, channel_id)
    await first.aclose()
    assert len(await read(feeds, channel_id)) == 30


async def test_a_feed_that_takes_too_long_is_cut_and_gives_its_place_to_others(
    postgres: Postgres, channels: Channels
) -> None:
    await fill(postgres, 30)
    feeds, channel_id = Feeds(postgres, TOKENS, page=10, at_once=1, most_s=0.1), await connect(channels)
    slow = feeds.stream(channel_id, await settings_of(feeds, channel_id))
    await anext(slow)
    await asyncio.sleep(0.12)
    other = feeds.stream(channel_id, await settings_of(feeds, channel_id))
    await anext(other)
    with pytest.raises(FeedCutError, match="cut off"):
        await anext(slow)
    await other.aclose()


@pytest.mark.parametrize("change", ["removed", "paused"])
async def test_a_feed_whose_channel_goes_meanwhile_does_not_end_as_if_it_were_whole(
    postgres: Postgres, channels: Channels, change: str
) -> None:
    await fill(postgres, 5)
    feeds, channel_id = Feeds(postgres, TOKENS), await connect(channels)
    stream = feeds.stream(channel_id, await settings_of(feeds, channel_id))
    await anext(stream)
    await (channels.remove(channel_id) if change == "removed" else channels.pause(channel_id))
    with pytest.raises(FeedCutError, match="meanwhile"):
        await anext(stream)


async def test_a_lost_server_breaks_the_feed_off(
    postgres: Postgres, channels: Channels, one_connection: Postgres
) -> None:
    await fill(postgres, 30)
    feeds, channel_id = Feeds(one_connection, TOKENS, page=10), await connect(channels)
    stream = feeds.stream(channel_id, await settings_of(feeds, channel_id))
    await anext(stream)
    await one_connection.close()
    with pytest.raises(UnavailableError):
        await anext(stream)


async def test_only_feeds_that_are_not_paused_are_served_and_only_to_who_knows_the_token(
    postgres: Postgres, channels: Channels
) -> None:
    feeds, channel_id = Feeds(postgres, TOKENS), await connect(channels, format="google")
    address = await feeds.address(channel_id)
    assert (address.token, address.extension) == (TOKENS.of(channel_id), "tsv")
    webhook = await channels.create("webhook", name="W", settings={"url": "https://93.184.216.34/"})
    for other in (webhook.channel_id, new_id("chan")):
        with pytest.raises(NotFoundError):
            await feeds.address(other)
        with pytest.raises(NotFoundError):
            await feeds.settings(other, TOKENS.of(other))
    with pytest.raises(NotFoundError):
        await feeds.settings(channel_id, TOKENS.of(webhook.channel_id))
    await channels.pause(channel_id)
    with pytest.raises(FeedPausedError):
        await feeds.settings(channel_id, address.token)
    assert await feeds.address(channel_id) == address
