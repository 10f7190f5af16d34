"""How a product is told to Douyin, and what Douyin says of its own."""

import json
from typing import Any

import msgspec
import pytest

from inventory.channels.channel import ChannelConfig, Refused
from inventory.channels.douyin.channel_http import DouyinKind
from inventory.channels.douyin.products import (
    Shown,
    added,
    checked_template,
    edited,
    links_of,
    listed_items,
    new_prices,
    number_of,
    unfit,
)
from inventory.channels.publishing import ListedItem, Lists, Product, Publishes, Variant
from inventory.channels.selling import Cancels, Greets, Pushes, Sells
from kit.errors import InvalidError
from kit.money import Money

TEMPLATE: dict[str, object] = {"category_leaf_id": 20219, "freight_id": 0, "mobile": "400", "delivery_delay_day": 2}
SETTINGS = {
    "app_key": "1234567890123456789",
    "shop_id": "4463798",
    "app_secret": "the-app-secret",
    "access_token": "the-access-token",
    "refresh_token": "the-refresh-token",
}


def variant(sku: str = "MUG", *, title: str = "", price: int = 1_999, currency: str = "CNY") -> Variant:
    return Variant(sku=sku, title=title, price=Money(price, currency), level=7, item_id=None)


def product(*variants: Variant, image: str | None = "https://shop.example/mug.jpg", number: int = 1) -> Product:
    return Product(
        product_id=f"prod_{number}",
        product_key="mug",
        title="A mug of clay",
        description="It holds tea.",
        image=image,
        vendor="us",
        listing="",
        variants=variants or (variant(),),
    )


def shown(*skus: dict[str, Any], **more: object) -> Shown:
    return msgspec.convert({"product_id": "77", "spec_prices": list(skus)} | more, Shown, strict=False)


def prices_of(body: dict[str, object]) -> list[dict[str, Any]]:
    assert isinstance(body["spec_prices"], str)
    return msgspec.convert(json.loads(body["spec_prices"]), list[dict[str, Any]])


def test_a_new_product_is_the_template_with_the_product_written_over_it() -> None:
    body = added(product(variant("A", title="red"), variant("B", title="blue", price=5)), TEMPLATE)
    assert {name: body[name] for name in TEMPLATE} == TEMPLATE
    assert (body["name"], body["pic"], body["commit"]) == ("A mug of clay", "https://shop.example/mug.jpg", True)
    assert (body["product_type"], body["reduce_type"]) == (0, 1)
    assert body["description"] == body["pic"], "Douyin takes pictures there and no text"
    assert body["specs"] == "规格|red,blue"
    assert prices_of(body) == [
        {"spec_detail_name1": "red", "price": 1_999, "stock_num": 7, "code": "A", "outer_sku_id": "A"},
        {"spec_detail_name1": "blue", "price": 5, "stock_num": 7, "code": "B", "outer_sku_id": "B"},
    ]
    assert body["outer_product_id"] == str(body["out_product_id"])


def test_pictures_of_the_template_stand_in_for_missing_ones() -> None:
    body = added(product(image=None), TEMPLATE | {"pic": "https://a|https://b", "description": "https://c"})
    assert (body["pic"], body["description"]) == ("https://a|https://b", "https://c")


def test_values_of_the_option_are_apart_and_without_its_marks() -> None:
    given = product(variant("A", title="x,y|z^"), variant("B", title="s"), variant("C", title="s"), variant("D,1"))
    body = added(given, TEMPLATE)
    names = [one["spec_detail_name1"] for one in prices_of(body)]
    assert names == ["x;y/z-", "s B", "s C", "D;1"]
    assert body["specs"] == f"规格|{','.join(names)}"


def test_the_number_of_a_product_is_its_own_and_fits() -> None:
    numbers = {number_of(product(number=number)) for number in range(100)}
    assert len(numbers) == 100
    assert all(0 < one < 2**63 for one in numbers)
    assert number_of(product()) == number_of(product(variant("other")))


def test_an_edit_says_nothing_of_skus_unless_there_are_others() -> None:
    same = shown({"sku_id": 1, "code": "MUG"})
    body = edited(product(), TEMPLATE, same)
    assert body["product_id"] == 77
    assert not {"specs", "spec_prices", "out_product_id", "product_type"} & set(body)
    other = edited(product(variant("MUG"), variant("CUP")), TEMPLATE, same)
    assert [one["code"] for one in prices_of(other)] == ["MUG", "CUP"]


def test_only_prices_that_changed_are_told() -> None:
    given = product(variant("A"), variant("B", price=5), variant("C"))
    told = shown({"sku_id": "1", "code": "A", "price": 1_999}, {"sku_id": 2, "code": "B", "price": "7"})
    assert new_prices(given, told) == [{"product_id": 77, "sku_id": 2, "price": 5}]


@pytest.mark.parametrize(
    ("given", "template", "named"),
    [
        (product(variant(currency="EUR")), TEMPLATE, "CNY"),
        (product(), {}, "category_leaf_id, freight_id, mobile"),
        (product(image=None), TEMPLATE, "pic"),
    ],
)
def test_what_cannot_be_told_says_why(given: Product, template: dict[str, object], named: str) -> None:
    refused = unfit(given, template)
    assert isinstance(refused, Refused)
    assert not refused.temporary
    assert named in refused.reason


def test_what_can_be_told_is_fit() -> None:
    assert unfit(product(), TEMPLATE) is None
    assert unfit(product(image=None), TEMPLATE | {"pic": "https://a"}) is None


def test_a_product_of_theirs_is_read_as_it_comes() -> None:
    told = shown(
        {"sku_id": "11", "code": "", "outer_sku_id": "A", "spec_detail_ids": ["5", 6]},
        {"sku_id": 12, "code": "B", "outer_sku_id": "b", "spec_detail_ids": None},
        {"sku_id": 13, "code": None},
        name="A mug",
        specs=[
            {"name": "颜色", "values": [{"id": 5, "name": "red"}]},
            {"name": "尺寸", "values": [{"id": 6, "name": "S"}]},
        ],
        check_status=2,
        status="2",
    )
    assert list(told.skus) == ["A", "B"]
    assert (told.is_in_audit, told.is_deleted, told.has_our_option) == (True, True, False)
    assert listed_items(told) == [
        ListedItem(item_id="77/11", seller_sku="A", title="A mug red S"),
        ListedItem(item_id="77/12", seller_sku="B", title="A mug"),
        ListedItem(item_id="77/13", seller_sku="", title="A mug"),
    ]
    assert links_of(product(variant("A"), variant("X")), 77, told.skus) == {"A": "77/11"}


@pytest.mark.parametrize("text", ['{"weight":0.5}', '{"a":{"b":[1,2.0]}}', "{broken}", "[]"])
async def test_a_template_with_fractions_or_none_at_all_is_named(text: str) -> None:
    with pytest.raises(InvalidError) as invalid:
        await DouyinKind().prepare(SETTINGS | {"product_template": text})
    assert invalid.value.details["field"] == "product_template"


def test_a_template_of_whole_numbers_is_read() -> None:
    assert checked_template('{"a":1,"b":{"c":[true,"0.5",null]}}') == {"a": 1, "b": {"c": [True, "0.5", None]}}


@pytest.mark.parametrize("how", ["sha1", "MD5", "", "md5\n"])
async def test_a_way_of_signing_that_there_is_not_is_named(how: str) -> None:
    with pytest.raises(InvalidError) as invalid:
        await DouyinKind().prepare(SETTINGS | {"push_sign": how})
    assert invalid.value.details["field"] == "push_sign"


async def test_the_channel_sells_publishes_and_lists_and_does_not_cancel() -> None:
    async def save(_: object) -> None:
        raise AssertionError("nothing has to be saved")

    prepared = await DouyinKind().prepare(SETTINGS)
    config = ChannelConfig(
        channel_id="c", kind="douyin", name="n", settings=prepared.settings, secrets=prepared.secrets
    )
    channel = DouyinKind().open(config, save)
    for part in (Sells, Publishes, Lists):
        assert isinstance(channel, part)
    assert not isinstance(channel, Cancels)
    assert isinstance(DouyinKind(), Pushes)
    assert not isinstance(DouyinKind(), Greets)
    await channel.close()
