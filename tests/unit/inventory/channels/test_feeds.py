"""Product feeds without a database: columns and words of each platform, prices, addresses, escaping, tokens."""

import csv
import io

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.channels.feeds import (
    DESCRIPTION_CHARS,
    FORMATS,
    FeedItem,
    FeedSettings,
    FeedTokens,
    feed_header,
    feed_lines,
    feed_row,
)
from kit.ids import new_id
from kit.money import Money

MUG = FeedItem(
    sku="MUG-L",
    product_id="prod_1",
    product_key="mug",
    product_title="Mug",
    variant_title="L / Blue",
    description="Holds tea.",
    image="https://img.example/a,b.png",
    vendor="Potter",
    price=Money(2499, "USD"),
    level=7,
)


def settings(name: str, **others: str) -> FeedSettings:
    return FeedSettings(format=name, link_template="https://shop.example/p/{sku}", **others)


def row(name: str, item: FeedItem, **others: str) -> dict[str, str]:
    of = settings(name, **others)
    return dict(zip(of.file.columns, feed_row(of, item), strict=True))


def parsed(of: FeedSettings, content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=of.file.delimiter, strict=True))


COMMON = {
    "id": "MUG-L",
    "title": "Mug - L / Blue",
    "description": "Holds tea.",
    "condition": "new",
    "price": "24.99 USD",
    "link": "https://shop.example/p/MUG-L",
    "brand": "Potter",
    "item_group_id": "prod_1",
}


@pytest.mark.parametrize(
    ("name", "own"),
    [
        ("google", {"availability": "in_stock", "image_link": "https://img.example/a,b.png"}),
        (
            "meta",
            {
                "availability": "in stock",
                "image_link": "https://img.example/a,b.png",
                "quantity_to_sell_on_facebook": "7",
                "inventory": "7",
            },
        ),
        ("pinterest", {"availability": "in stock", "image_link": "https://img.example/a%2Cb.png"}),
        ("snapchat", {"availability": "in stock", "image_link": "https://img.example/a%2Cb.png"}),
    ],
)
def test_each_platform_gets_its_own_columns_and_words(name: str, own: dict[str, str]) -> None:
    assert row(name, MUG) == COMMON | own


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("google", "out_of_stock"),
        ("meta", "out of stock"),
        ("pinterest", "out of stock"),
        ("snapchat", "out of stock"),
    ],
)
def test_level_0_is_out_of_stock_and_1_is_not(name: str, word: str) -> None:
    sold_out = row(name, msgspec.structs.replace(MUG, level=0))
    assert sold_out["availability"] == word
    assert {sold_out[column] for column in FORMATS[name].quantities} <= {"0"}
    assert row(name, msgspec.structs.replace(MUG, level=1))["availability"] == FORMATS[name].in_stock != word


def test_google_gets_tabs_and_the_others_commas() -> None:
    for name in FORMATS:
        delimiter, extension = ("\t", "tsv") if name == "google" else (",", "csv")
        assert feed_header(settings(name)).decode().startswith(f"id{delimiter}title{delimiter}description{delimiter}")
        assert feed_header(settings(name)).endswith(b"\r\n")
        assert FORMATS[name].extension == extension


@pytest.mark.parametrize(
    ("template", "link"),
    [
        ("https://shop.example/p/{sku}", "https://shop.example/p/A%2FB%20%26%20%C3%BC%3F%23%2C"),
        ("https://shop.example/{product_key}?v={sku}", "https://shop.example/mug?v=A%2FB%20%26%20%C3%BC%3F%23%2C"),
        ("https://shop.example/{product_id}#a,b", "https://shop.example/prod_1#a,b"),
    ],
)
def test_what_fills_a_template_cannot_leave_its_place(template: str, link: str) -> None:
    odd = msgspec.structs.replace(MUG, sku="A/B & ü?#,")
    made = feed_row(FeedSettings(format="meta", link_template=template), odd)
    assert made[FORMATS["meta"].columns.index("link")] == link


def test_templates_and_defaults_fill_only_what_the_catalogue_lacks() -> None:
    others = {"image_template": "https://img.example/{sku}.jpg", "brand": "House", "condition": "used"}
    bare = msgspec.structs.replace(MUG, image=None, vendor="", description=" ", variant_title="")
    assert row("meta", bare, **others) == row("meta", MUG) | {
        "title": "Mug",
        "description": "Mug",
        "image_link": "https://img.example/MUG-L.jpg",
        "brand": "House",
        "condition": "used",
        "item_group_id": "",
    }
    assert row("meta", MUG, **others) == row("meta", MUG) | {"condition": "used"}
    assert row("meta", bare)["image_link"] == ""


@pytest.mark.parametrize(("name", "most"), [("google", 150), ("meta", 200), ("snapchat", 375), ("pinterest", 500)])
def test_long_texts_are_cut_to_what_the_platform_takes_and_ids_never(name: str, most: int) -> None:
    long = msgspec.structs.replace(MUG, sku="S" * 100, product_title="é" * 600, description="d" * 9_000)
    made = row(name, long)
    assert (len(made["title"]), made["title"][-1]) == (most, "…")
    assert len(made["description"]) == DESCRIPTION_CHARS
    assert made["id"] == "S" * 100


def test_cells_that_a_spreadsheet_would_take_for_formulas_stay_as_they_are() -> None:
    made = row("meta", msgspec.structs.replace(MUG, sku="-1", product_title="=1+1", variant_title=""))
    assert (made["id"], made["title"]) == ("-1", "=1+1")


# What Postgres can hold: no zero byte, no half of a pair.
texts = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=40) | st.text(
    "\"',;\t\r\n\\ a", max_size=10
)
items = st.builds(
    FeedItem,
    sku=texts,
    product_id=texts,
    product_key=texts,
    product_title=texts,
    variant_title=texts,
    description=texts,
    image=st.none() | texts,
    vendor=texts,
    price=st.builds(Money, st.integers(0, 2**53 - 1), st.sampled_from(["EUR", "JPY", "KWD"])),
    level=st.integers(0, 10**9),
)


@given(name=st.sampled_from(sorted(FORMATS)), some=st.lists(items, max_size=5))
def test_whatever_stands_in_a_cell_a_reader_gets_back(name: str, some: list[FeedItem]) -> None:
    of = settings(name)
    rows = parsed(of, feed_header(of) + feed_lines(of, some))
    assert rows == [list(of.file.columns), *(feed_row(of, item) for item in some)]
    assert [made[0] for made in rows[1:]] == [item.sku for item in some]


@given(item=items)
def test_only_an_id_can_hold_a_line_end_or_a_tab(item: FeedItem) -> None:
    for cell in feed_row(settings("google"), msgspec.structs.replace(item, product_id="prod_1"))[1:]:
        assert not set(cell) & {"\t", "\r", "\n"}


def test_a_token_fits_one_channel_of_one_deployment() -> None:
    tokens, channel_id = FeedTokens("a secret of thirty-two characters"), new_id("chan")
    token = tokens.of(channel_id)
    assert tokens.fits(channel_id, token)
    assert token == FeedTokens("a secret of thirty-two characters").of(channel_id)
    assert tokens.path(channel_id) == f"/v1/feeds/{channel_id}/{token}.csv"
    assert tokens.path(channel_id, "tsv") == f"/v1/feeds/{channel_id}/{token}.tsv"
    assert not tokens.fits(new_id("chan"), token)
    assert not FeedTokens("another secret of that many signs").fits(channel_id, token)
    for wrong in ("", token[:-1], token + "0", token.upper(), "ü" * len(token)):
        assert not tokens.fits(channel_id, wrong), wrong


def test_a_token_says_nothing_about_the_secret() -> None:
    tokens = FeedTokens("a secret of thirty-two characters")
    assert repr(tokens) == "FeedTokens()"
    assert len(tokens.of("chan_1")) == 40
