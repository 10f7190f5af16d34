"""Products of LINE MyShop without a network: bodies, prices, and which product over there is ours."""

import json
from typing import Any, cast

import msgspec
import pytest

from inventory.channels.channel import Refused
from inventory.channels.line_myshop.products import (
    Listed,
    added_variants,
    changed_prices,
    details,
    items_in,
    new_product,
    ours_among,
    product_in,
    published,
)
from inventory.channels.publishing import ListedItem, Product, Variant
from kit.money import Money

TEMPLATE: dict[str, Any] = {
    "categoryId": 7,
    "licenses": {"fda": "G 50033/67"},
    "variants": [{"weight": 0.5}],
    "variantOptions": {"option1": {"name": "สี"}},
}


def variant(sku: str, title: str = "", amount: int = 9950, level: int = 3, currency: str = "THB") -> Variant:
    return Variant(sku=sku, title=title, price=Money(amount, currency), level=level, item_id=None)


SHIRT = Product(
    product_id="prod_1",
    product_key="shirt",
    title="เสื้อ",
    description="<p>cotton</p>",
    image="https://img.example/shirt.jpg",
    vendor="Brand",
    listing="",
    variants=(variant("A"),),
)


def product(*variants: Variant, **fields: str | None) -> Product:
    return msgspec.structs.replace(SHIRT, variants=variants or SHIRT.variants, **fields)


def built(body: object) -> dict[str, Any]:
    assert isinstance(body, dict), body
    return cast(dict[str, Any], json.loads(msgspec.json.encode(body)))


def listed(**fields: object) -> Listed:
    whole = {
        "id": 5,
        "name": "เสื้อ",
        "instantDiscount": 10,
        "hasOnlyDefaultVariant": False,
        "variants": [
            {"id": 71, "inventoryId": 20, "sku": "A", "price": 99.5, "options": [{"name": "สี", "value": "แดง"}]},
            {"id": 72, "inventoryId": 21, "sku": "B", "price": 120},
        ],
    }
    return product_in(json.dumps(whole | fields).encode())


def test_a_product_without_variants_has_one_without_options() -> None:
    assert built(new_product(product(), TEMPLATE)) == {
        "name": "เสื้อ",
        "code": "shirt",
        "description": "<p>cotton</p>",
        "brand": "Brand",
        "imageUrls": ["https://img.example/shirt.jpg"],
        "categoryId": 7,
        "licenses": {"fda": "G 50033/67"},
        "variants": [{"sku": "A", "price": 99.5, "onHandNumber": 3, "weight": 0.5}],
    }


def test_variants_are_told_apart_by_the_options_name_of_the_template_and_their_titles() -> None:
    body = built(new_product(product(variant("A", "แดง"), variant("B", "ดำ"), variant("C", "ดำ")), TEMPLATE))
    assert body["variantOptions"] == {
        "option1": {"name": "สี", "data": [{"value": "แดง"}, {"value": "B"}, {"value": "C"}]}
    }
    assert [one["options"] for one in body["variants"]] == [[0], [1], [2]]
    without_name = built(new_product(product(variant("A"), variant("B")), TEMPLATE | {"variantOptions": {}}))
    assert without_name["variantOptions"]["option1"]["name"] == "Option"


@pytest.mark.parametrize(
    ("amount", "number"), [(9950, "99.50"), (1, "0.01"), (10_000, "100.00"), (9_999_999_800, "99999998.00")]
)
def test_a_price_is_a_number_of_baht_exact_to_the_satang(amount: int, number: str) -> None:
    body = new_product(product(variant("A", amount=amount)), TEMPLATE)
    assert f'"price":{number}'.encode() in msgspec.json.encode(body)


@pytest.mark.parametrize(
    ("told", "template", "says", "temporary"),
    [
        (product(variant("A", currency="EUR")), TEMPLATE, "THB", False),
        (product(image=None), TEMPLATE, "image", False),
        (product(), {"variants": [{"weight": 1}]}, "categoryId", False),
        (product(), {"categoryId": 7}, "weight", False),
        (product(), {"categoryId": 7, "variants": [3]}, "weight", False),
        (product(variant("A", level=0), variant("B", level=0)), TEMPLATE, "in stock", True),
    ],
)
def test_what_cannot_be_made_is_refused_with_what_is_missing(
    told: Product, template: dict[str, Any], says: str, temporary: bool
) -> None:
    body = new_product(told, template)
    assert isinstance(body, Refused)
    assert says in body.reason
    assert body.temporary == temporary


def test_images_of_the_template_do_for_a_product_without_one() -> None:
    body = built(new_product(product(image=None), TEMPLATE | {"imageUrls": ["https://img.example/any.jpg"]}))
    assert body["imageUrls"] == ["https://img.example/any.jpg"]


def test_a_variant_without_stock_is_left_out_when_a_product_is_made() -> None:
    body = built(new_product(product(variant("A", "x", level=0), variant("B", "y")), TEMPLATE))
    assert [one["sku"] for one in body["variants"]] == ["B"]
    assert body["variantOptions"]["option1"]["data"] == [{"value": "y"}]


def test_details_have_neither_variants_nor_prices() -> None:
    body = built(details(product(description="", vendor=""), TEMPLATE))
    assert set(body) == {"categoryId", "code", "imageUrls", "licenses", "name"}


def test_only_prices_that_differ_are_told_and_the_shops_own_discount_stays() -> None:
    told = product(variant("A", amount=9950), variant("B", amount=12_050))
    assert built(changed_prices(told, listed())) == {"instantDiscount": 10, "variants": [{"id": 72, "price": 120.5}]}
    assert changed_prices(product(variant("A"), variant("B", amount=12_000)), listed()) is None
    only = listed(hasOnlyDefaultVariant=True, variants=[{"inventoryId": 20, "sku": "A", "price": 1}])
    assert built(changed_prices(product(), only))["variants"] == [{"price": 99.5}]
    assert isinstance(changed_prices(product(variant("A", currency="JPY")), listed()), Refused)


def test_only_variants_that_are_missing_and_in_stock_are_added() -> None:
    told = product(variant("A"), variant("C", "เขียว"), variant("D", level=0))
    body = built(added_variants(told, listed(), TEMPLATE | {"variantOptions": {}}))
    assert body["variantOptions"] == {"option1": {"name": "สี", "data": [{"value": "เขียว"}]}}
    assert [(one["sku"], one["options"]) for one in body["variants"]] == [("C", [0])]
    assert added_variants(product(variant("A")), listed(), TEMPLATE) is None
    assert isinstance(added_variants(told, listed(hasOnlyDefaultVariant=True), TEMPLATE), Refused)


def test_ours_is_the_product_with_most_of_our_skus_and_the_older_of_two() -> None:
    told = product(variant("A"), variant("B"))
    others = listed(id=4, variants=[{"inventoryId": 1, "sku": "B"}])
    assert ours_among([others, listed(), listed(id=9)], told) == listed()
    assert ours_among([listed(id=9), listed()], told) == listed()
    assert ours_among([listed(variants=[{"inventoryId": 1, "sku": "a"}]), listed(variants=None)], told) is None


def test_items_are_the_inventories_of_our_skus() -> None:
    what = published(listed(), product(variant("A"), variant("B"), variant("Z")))
    assert (what.listing, what.items) == ("5", {"A": "5/20", "B": "5/21"})


def test_items_are_listed_with_what_the_merchant_called_them() -> None:
    body = {
        "data": [
            msgspec.to_builtins(listed()),
            {"id": 6, "name": "mug", "code": "MUG", "variants": [{"inventoryId": 60}]},
            {"id": 7, "variants": None},
        ],
        "totalPage": 2,
    }
    page = items_in(msgspec.json.encode(body), 1)
    assert page.items == (
        ListedItem(item_id="5/20", seller_sku="A", title="เสื้อ แดง"),
        ListedItem(item_id="5/21", seller_sku="B", title="เสื้อ"),
        ListedItem(item_id="6/60", seller_sku="MUG", title="mug"),
    )
    assert page.next == "2"
    assert items_in(msgspec.json.encode(body), 2).next is None
