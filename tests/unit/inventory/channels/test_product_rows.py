"""Products as rows: what is told of them is what a feed says, and what cannot be told is refused with a sentence."""

import msgspec
import pytest

from inventory.channels.channel import Refused
from inventory.channels.feeds import FeedItem, FeedSettings, feed_row
from inventory.channels.meta.answers import Outcome
from inventory.channels.meta.products import MOST_QUANTITY, requests_for
from inventory.channels.meta.products import answers_for as meta_answers
from inventory.channels.pinterest.answers import Attributes, Batch, read_answer
from inventory.channels.pinterest.products import answers_for as pinterest_answers
from inventory.channels.pinterest.products import items_for, shown_as_told
from inventory.channels.product_rows import product_rows, row_settings
from inventory.channels.publishing import Product, Published, Variant
from kit.money import Money

MUG = Product(
    product_id="prod_1",
    product_key="mug",
    title="Mug",
    description="Holds tea.",
    image="https://img.example/a,b.png",
    vendor="Potter",
    listing="",
    variants=(Variant(sku="MUG-L", title="L", price=Money(2499, "USD"), level=7, item_id=None),),
)
SETTINGS = {"link_template": "https://shop.example/p/{sku}", "image_template": "https://img.example/{product_key}.png"}


def settings(name: str, **others: str) -> FeedSettings:
    return row_settings(SETTINGS | others, name)


def variant(**changes: object) -> Product:
    return msgspec.structs.replace(MUG, variants=(msgspec.structs.replace(MUG.variants[0], **changes),))


@pytest.mark.parametrize("name", ["meta", "pinterest"])
def test_a_row_is_what_the_feed_of_the_platform_says(name: str) -> None:
    of = settings(name)
    item = FeedItem(
        sku="MUG-L",
        product_id="prod_1",
        product_key="mug",
        product_title="Mug",
        variant_title="L",
        description="Holds tea.",
        image="https://img.example/a,b.png",
        vendor="Potter",
        price=Money(2499, "USD"),
        level=7,
    )
    assert product_rows(MUG, of) == [dict(zip(of.file.columns, feed_row(of, item), strict=True))]


def test_a_channel_that_was_set_up_before_products_has_blank_settings() -> None:
    assert row_settings({"catalog_id": "1"}, "meta") == FeedSettings(format="meta", link_template="")


@pytest.mark.parametrize(
    ("product", "others", "word"),
    [
        (MUG, {"link_template": ""}, "link_template"),
        (msgspec.structs.replace(MUG, image=None), {"image_template": ""}, "image_template"),
        (msgspec.structs.replace(MUG, title=" ", variants=variant(title="").variants), {}, "title"),
        (variant(price=Money(1, "XXA")), {}, "currency"),
    ],
)
def test_what_a_channel_needs_and_nobody_said_is_a_refusal_for_good(
    product: Product, others: dict[str, str], word: str
) -> None:
    for refused in (
        product_rows(product, settings("meta", **others)),
        requests_for(product, settings("meta", **others)),
        items_for(product, settings("pinterest", **others)),
    ):
        assert isinstance(refused, Refused)
        assert (word in refused.reason, refused.temporary) == (True, False)


def test_a_product_without_an_image_takes_that_of_the_template() -> None:
    rows = product_rows(msgspec.structs.replace(MUG, image=None), settings("meta"))
    assert isinstance(rows, list)
    assert rows[0]["image_link"] == "https://img.example/mug.png"


def test_meta_is_told_numbers_as_numbers_and_nothing_twice() -> None:
    requests = requests_for(variant(level=2 * MOST_QUANTITY), settings("meta"))
    assert isinstance(requests, list)
    data = requests[0]["data"]
    assert isinstance(data, dict)
    assert (data["quantity_to_sell_on_facebook"], "inventory" in data) == (MOST_QUANTITY, False)


@pytest.mark.parametrize("item_id", ["x" * 101, " x", "a\tb"])
def test_an_item_id_that_meta_does_not_take_is_refused_before_it_is_told(item_id: str) -> None:
    assert isinstance(requests_for(variant(item_id=item_id), settings("meta")), Refused)


def test_one_refused_item_refuses_its_product_alone() -> None:
    cup = msgspec.structs.replace(variant(sku="CUP", item_id="theirs"), product_id="prod_2")
    outcome = Outcome(refused={"theirs": "Meta: too red"}, unnamed=0)
    refused = Refused(reason="CUP: Meta: too red", temporary=False)
    assert meta_answers([MUG, cup], settings("meta"), outcome) == [Published(), refused]


def test_what_pinterest_refuses_for_good_speaks_before_what_may_come() -> None:
    both = msgspec.structs.replace(MUG, variants=(*MUG.variants, *variant(sku="MUG-S").variants))
    body = b'{"created_time":"t","status":"FAILED","items":[{"item_id":"MUG-S","status":"FAILURE"}]}'
    [answer] = pinterest_answers([both], settings("pinterest"), read_answer(body, Batch))
    assert isinstance(answer, Refused)
    assert not answer.temporary
    [later] = pinterest_answers([MUG], settings("pinterest"), read_answer(body, Batch))
    assert isinstance(later, Refused)
    assert later.temporary


@pytest.mark.parametrize(
    ("item", "same"),
    [
        (Attributes(title="Mug - L", price="24.99 USD", availability="in stock"), True),
        (Attributes(title="Mug - L", price="USD 24.99", availability="IN_STOCK"), True),
        (Attributes(title="Mug - L", price="24.98 USD", availability="in stock"), False),
        (Attributes(title="Mug - L", price="24.99 EUR", availability="in stock"), False),
        (Attributes(title="Mug", price="24.99 USD", availability="in stock"), False),
        (Attributes(title="Mug - L", price="24.99 USD", availability="out of stock"), False),
        (Attributes(), False),
    ],
)
def test_a_product_shows_as_told_when_title_price_and_availability_do(item: Attributes, same: bool) -> None:
    assert shown_as_told(MUG, settings("pinterest"), {"MUG-L": item}) is same
    assert not shown_as_told(MUG, settings("pinterest"), {})
