"""How a product is told to WeChat, and what WeChat says of its own."""

from typing import Any

import msgspec
import pytest

from inventory.channels.channel import Refused
from inventory.channels.publishing import ListedItem, Product, Variant
from inventory.channels.wechat.channel_http import WechatKind
from inventory.channels.wechat.products import (
    MOST_IMAGES,
    MOST_SKUS,
    ProductSaid,
    body_of,
    is_told,
    linked_skus,
    links_of,
    listed_items,
    unfit,
)
from kit.errors import InvalidError
from kit.money import Money

PICTURES = [f"https://mmecimage.cn/p/wx0/{letter}" for letter in "ab"]
TEMPLATE: dict[str, object] = {
    "cats_v2": [{"cat_id": "6091"}],
    "head_imgs": PICTURES,
    "express_info": {"template_id": "4"},
}
GOOD = {"appid": "wx0123456789abcdef", "app_secret": "0123456789abcdef0123456789abcdef"}


def variant(
    sku: str = "MUG", *, title: str = "", price: int = 1_999, currency: str = "CNY", item_id: str = ""
) -> Variant:
    return Variant(sku=sku, title=title, price=Money(price, currency), level=7, item_id=item_id or None)


def product(*variants: Variant, image: str | None = "https://shop.example/mug.jpg", listing: str = "") -> Product:
    return Product(
        product_id="prod_1",
        product_key="mug",
        title="A mug of clay",
        description="It holds tea.",
        image=image,
        vendor="us",
        listing=listing,
        variants=variants or (variant(),),
    )


def said(*skus: dict[str, Any], **form: object) -> ProductSaid:
    return msgspec.convert({"edit_product": {"title": "A mug of clay", "skus": list(skus), **form}}, ProductSaid)


def test_the_body_is_the_template_with_the_product_written_over_it() -> None:
    body = body_of(product(), TEMPLATE, picture="https://mmecimage.cn/p/wx0/own", sku_ids={})
    assert body["cats_v2"] == TEMPLATE["cats_v2"]
    assert body["head_imgs"] == ["https://mmecimage.cn/p/wx0/own", *PICTURES]
    assert body["desc_info"] == {"imgs": body["head_imgs"], "desc": "It holds tea."}
    assert (body["title"], body["listing"], body["deliver_method"]) == ("A mug of clay", 1, 0)
    [sku] = msgspec.convert(body["skus"], list[dict[str, Any]])
    assert (sku["sale_price"], sku["stock_num"], sku["sku_code"]) == (1_999, 7, "MUG")
    assert sku["sku_attrs"] == [{"attr_key": "规格", "attr_value": "MUG"}]
    assert "sku_id" not in sku


def test_pictures_of_the_description_and_the_way_of_delivery_are_the_templates_own() -> None:
    template = TEMPLATE | {"desc_info": {"imgs": ["x"], "desc": "theirs"}, "deliver_method": 3}
    body = body_of(product(), template, picture="https://mmecimage.cn/p/wx0/own", sku_ids={})
    assert body["desc_info"] == {"imgs": ["x"], "desc": "It holds tea."}
    assert body["deliver_method"] == 3


def test_no_picture_stands_there_twice_and_there_are_not_too_many() -> None:
    many = [f"https://mmecimage.cn/p/{number}" for number in range(20)]
    body = body_of(product(), TEMPLATE | {"head_imgs": many}, picture=many[3], sku_ids={})
    images = msgspec.convert(body["head_imgs"], list[str])
    assert (images[0], len(images), len(set(images))) == (many[3], MOST_IMAGES, MOST_IMAGES)


def test_skus_that_are_known_keep_their_ids() -> None:
    body = body_of(
        product(variant("A", title="red"), variant("B", title="blue")), TEMPLATE, picture=None, sku_ids={"A": "11"}
    )
    skus = msgspec.convert(body["skus"], list[dict[str, Any]])
    assert [one.get("sku_id") for one in skus] == ["11", None]
    assert [one["sku_attrs"][0]["attr_value"] for one in skus] == ["red", "blue"]


@pytest.mark.parametrize(
    ("given", "template", "named"),
    [
        (product(variant(currency="EUR")), TEMPLATE, "CNY"),
        (product(*(variant(str(number)) for number in range(MOST_SKUS + 1))), TEMPLATE, str(MOST_SKUS)),
        (product(), {"head_imgs": PICTURES}, "cats_v2"),
        (product(), TEMPLATE | {"head_imgs": PICTURES[:1]}, "head_imgs"),
        (product(image=None), TEMPLATE, "3 pictures"),
        (product(), TEMPLATE | {"head_imgs": "a text"}, "head_imgs"),
    ],
)
def test_what_cannot_be_told_says_why(given: Product, template: dict[str, object], named: str) -> None:
    refused = unfit(given, template)
    assert isinstance(refused, Refused)
    assert not refused.temporary
    assert named in refused.reason


def test_what_can_be_told_is_fit() -> None:
    assert unfit(product(), TEMPLATE) is None
    assert unfit(product(image=None), TEMPLATE | {"head_imgs": [*PICTURES, "c"]}) is None


def test_the_draft_counts_before_what_buyers_see() -> None:
    both = msgspec.convert(
        {
            "product": {"title": "old", "skus": [{"sku_id": 1, "sku_code": "A"}]},
            "edit_product": {"title": "new", "skus": [{"sku_id": "2", "sku_code": "A"}], "edit_status": 2},
        },
        ProductSaid,
    )
    assert (both.latest.title, both.sku_ids, both.is_in_audit) == ("new", {"A": "2"}, True)
    only = msgspec.convert({"product": {"title": "old", "skus": [{"sku_id": 1}]}, "edit_product": {}}, ProductSaid)
    assert (only.latest.title, only.sku_ids, only.is_in_audit) == ("old", {}, False)


def test_a_product_is_told_when_its_name_and_prices_are_the_same() -> None:
    told = {"sku_id": 1, "sku_code": "MUG", "sale_price": 1_999}
    assert is_told(product(), said(told))
    assert not is_told(product(), said(told, title="Another"))
    assert not is_told(product(), said(told | {"sale_price": 1}))
    assert not is_told(product(), said(told, told | {"sku_code": "B"}))


def test_links_are_made_of_what_both_have() -> None:
    given = product(variant("A"), variant("B"))
    assert links_of(given, "77", said({"sku_id": 1, "sku_code": "A"}, {"sku_id": 2})) == {"A": "77/1"}


def test_linked_skus_are_those_of_the_product() -> None:
    given = product(variant("A", item_id="77/1"), variant("B", item_id="78/2"), variant("C"))
    assert given.linked_listings == ["77", "78"]
    assert linked_skus(given, "77") == {"A": "1"}


def test_items_have_the_options_in_their_title() -> None:
    told = said(
        {"sku_id": 1, "sku_code": "A", "sku_attrs": [{"attr_value": "red"}, {"attr_value": "XL"}]}, {"sku_id": 2}
    )
    assert listed_items("77", told) == [
        ListedItem(item_id="77/1", seller_sku="A", title="A mug of clay red XL"),
        ListedItem(item_id="77/2", seller_sku="", title="A mug of clay"),
    ]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"callback_token": "abc"}, "encoding_aes_key"),
        ({"encoding_aes_key": "a" * 43}, "callback_token"),
        ({"callback_token": "a b", "encoding_aes_key": "a" * 43}, "callback_token"),
        ({"callback_token": "abc", "encoding_aes_key": "a" * 42}, "encoding_aes_key"),
        ({"product_template": "{broken}"}, "product_template"),
        ({"product_template": "[]"}, "product_template"),
    ],
)
async def test_a_wrong_setting_is_named(change: dict[str, str], field: str) -> None:
    with pytest.raises(InvalidError) as invalid:
        await WechatKind().prepare(GOOD | change)
    assert invalid.value.details["field"] == field


async def test_the_callback_settings_are_secrets() -> None:
    given = {"callback_token": "abc", "encoding_aes_key": "a" * 43}
    prepared = await WechatKind().prepare(GOOD | given | {"product_template": '{"cats_v2":[]}'})
    assert prepared.settings == {"appid": GOOD["appid"], "product_template": '{"cats_v2":[]}'}
    assert prepared.secrets == {"app_secret": GOOD["app_secret"], **given}
