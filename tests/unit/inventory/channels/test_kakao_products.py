"""Products of KakaoTalk Store without a network: what is registered, and that a change loses nothing."""

import json
from typing import Any, cast

import msgspec
import pytest

from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.kakao.listed import Listed, ids_in, items_of, product_in
from inventory.channels.kakao.products import missing_from, new_product, published, seller_code, whole_product
from inventory.channels.publishing import ListedItem, Product, Variant
from kit.money import Money

TEMPLATE: dict[str, Any] = {
    "categoryId": "100100102106",
    "taxType": "TAX",
    "productImage": {"imageRatio": "SQUARE", "representImage": {"url": "https://st.kakaocdn.net/1.jpg"}},
    "delivery": {"baseFee": 2500},
    "option": {"combinationAttributes": [{"name": "색상"}], "combinationSortType": "CREATE"},
}

THERE = (
    '{"productId": 22, "productSaleStatus": "ON", "name": "old", "salePrice": 12000, "delivery": {"baseFee": 3000.0,'
    ' "asGuideWords": "\\uc0c1"}, "next year": 12345678901234567890.50, "option": {"type": "COMBINATION_CUSTOM",'
    ' "customs": [{"id": 9}], "combinations": [{"id": 1, "managedCode": "S-RED", "price": 0, "stockQuantity": 5,'
    ' "usable": "true", "name": [{"key": "색상", "value": "빨강"}]}, {"id": 2, "price": 500, "stockQuantity": 6,'
    ' "later": 1.10, "name": [{"key": "색상", "value": "남색"}]}], "combinationAttributes": [{"name": "색상",'
    ' "value": "빨강", "optionImages": {"url": "x"}}]}}'
)


def variant(sku: str, title: str = "", amount: int = 12_000, level: int = 3, item_id: str | None = None) -> Variant:
    return Variant(sku=sku, title=title, price=Money(amount, "KRW"), level=level, item_id=item_id)


SHIRT = Product(
    product_id="prod_1",
    product_key="shirt",
    title="셔츠",
    description="<p>면</p>",
    image="https://img.example/shirt.jpg",
    vendor="Brand",
    listing="",
    variants=(variant("S-RED", "빨강"), variant("S-BLACK", "검정", amount=12_500)),
)


def product(*variants: Variant) -> Product:
    return msgspec.structs.replace(SHIRT, variants=variants)


def built(body: object) -> dict[str, Any]:
    assert isinstance(body, dict), body
    return cast(dict[str, Any], json.loads(msgspec.json.encode(body)))


def there() -> Listed:
    return product_in(THERE.encode())


def test_a_product_with_variants_is_registered_with_combinations_above_the_lowest_price() -> None:
    body = built(new_product(SHIRT, TEMPLATE))
    assert body["salePrice"] == 12_000
    assert "stockQuantity" not in body
    assert body["option"]["type"] == "COMBINATION"
    assert body["option"]["combinationSortType"] == "CREATE"
    assert body["option"]["combinationAttributes"] == [
        {"name": "색상", "value": "빨강"},
        {"name": "색상", "value": "검정"},
    ]
    assert [(one["managedCode"], one["price"], one["stockQuantity"]) for one in body["option"]["combinations"]] == [
        ("S-RED", 0, 3),
        ("S-BLACK", 500, 3),
    ]
    assert body["storeManagementCode"] == "shirt"
    assert body["delivery"] == {"baseFee": 2500}
    assert body["brand"] == "Brand"


def test_a_product_without_variants_has_its_own_stock_and_its_skus_code() -> None:
    body = built(new_product(product(variant("MUG", level=20_000)), TEMPLATE))
    assert (body["stockQuantity"], body["option"], body["storeManagementCode"]) == (9_999, {"type": "NONE"}, "MUG")


def test_combinations_without_stock_are_left_out_when_a_product_is_registered() -> None:
    body = built(new_product(product(variant("A", level=0), variant("B")), TEMPLATE))
    assert [one["managedCode"] for one in body["option"]["combinations"]] == ["B"]


@pytest.mark.parametrize(
    ("told", "template", "says", "temporary"),
    [
        (product(variant("A", amount=12_005)), TEMPLATE, "steps of 10", False),
        (product(variant("A", amount=0)), TEMPLATE, "steps of 10", False),
        (SHIRT, {"categoryId": "1"}, "productImage", False),
        (SHIRT, {"categoryId": "1", "productImage": {"representImage": {"url": ""}}}, "productImage", False),
        (SHIRT, {"productImage": TEMPLATE["productImage"]}, "categoryId", False),
        (product(variant("A", level=0)), TEMPLATE, "in stock", True),
    ],
)
def test_what_cannot_be_registered_is_refused_with_what_is_missing(
    told: Product, template: dict[str, Any], says: str, temporary: bool
) -> None:
    body = new_product(told, template)
    assert isinstance(body, Refused)
    assert says in body.reason
    assert body.temporary == temporary


def test_another_currency_is_refused() -> None:
    euros = msgspec.structs.replace(variant("A"), price=Money(1_000, "EUR"))
    assert isinstance(new_product(product(euros), TEMPLATE), Refused)
    assert isinstance(whole_product(product(euros), TEMPLATE, there()), Refused)


def test_a_change_loses_nothing_and_keeps_bytes_that_it_does_not_touch() -> None:
    told = product(variant("S-RED", "빨강", amount=13_000))
    body = whole_product(told, TEMPLATE, there())
    content = msgspec.json.encode(body)
    for kept in (
        b"12345678901234567890.50",
        b'"\\uc0c1"',
        b'"later":1.10',
        b'"usable":"true"',
        b'"customs":[{"id": 9}]',
    ):
        assert kept in content
    assert b'"baseFee": 3000.0' in msgspec.json.encode(whole_product(told, {}, there()))
    after = built(body)
    assert after["productId"] == 22
    assert "productSaleStatus" not in after
    assert after["delivery"] == {"baseFee": 2500, "asGuideWords": "상"}
    assert (after["name"], after["taxType"]) == ("셔츠", "TAX")
    assert after["option"]["type"] == "COMBINATION_CUSTOM"
    assert [one["stockQuantity"] for one in after["option"]["combinations"]] == [5, 6]
    assert after["option"]["combinationAttributes"] == json.loads(THERE)["option"]["combinationAttributes"]


def test_prices_of_others_in_the_same_product_do_not_move() -> None:
    after = built(whole_product(product(variant("S-RED", amount=13_000)), TEMPLATE, there()))
    assert after["salePrice"] == 12_000
    assert [one["price"] for one in after["option"]["combinations"]] == [1_000, 500]
    linked = product(variant("S-RED", amount=13_000), variant("NAVY", amount=14_000, item_id="22/2"))
    alone = built(whole_product(linked, TEMPLATE, there()))
    assert alone["salePrice"] == 13_000
    assert [one["price"] for one in alone["option"]["combinations"]] == [0, 1_000]


def test_missing_variants_are_added_without_an_id_even_without_stock_and_linked_ones_are_not() -> None:
    told = product(variant("S-RED"), variant("S-BLACK", "검정", level=0), variant("ELSEWHERE", item_id="77/1"))
    assert [one.sku for one in missing_from(there(), told)] == ["S-BLACK"]
    option = built(whole_product(told, TEMPLATE, there()))["option"]
    assert option["combinations"][2] == {
        "name": [{"key": "색상", "value": "검정"}],
        "usable": True,
        "price": 0,
        "stockQuantity": 0,
        "managedCode": "S-BLACK",
    }
    assert option["combinationAttributes"][1:] == [{"name": "색상", "value": "검정"}]


def test_a_product_that_was_made_otherwise_is_refused() -> None:
    plain = product_in(b'{"productId": 11, "option": {"type": "NONE"}, "stockQuantity": 4}')
    assert isinstance(whole_product(SHIRT, TEMPLATE, plain), Refused)
    two_names = THERE.replace(
        '[{"key": "색상", "value": "남색"}]', '[{"key": "a", "value": "1"}, {"key": "b", "value": "2"}]'
    )
    assert isinstance(whole_product(SHIRT, TEMPLATE, product_in(two_names.encode())), Refused)
    own = built(whole_product(product(variant("MUG")), TEMPLATE, plain))
    assert (own["stockQuantity"], own["option"]) == (4, {"type": "NONE"})


def test_items_are_the_combinations_of_our_skus_or_the_product() -> None:
    what = published(there(), SHIRT)
    assert (what.listing, what.items) == ("22", {"S-RED": "22/1"})
    plain = product_in(b'{"productId": 11}')
    assert published(plain, product(variant("MUG"))).items == {"MUG": "11"}
    assert published(plain, SHIRT).items == {}
    assert (seller_code(SHIRT), seller_code(product(variant("MUG")))) == ("shirt", "MUG")


def test_items_are_listed_with_what_the_seller_calls_them() -> None:
    assert items_of(there()) == [
        ListedItem(item_id="22/1", seller_sku="S-RED", title="old 빨강"),
        ListedItem(item_id="22/2", seller_sku="", title="old 남색"),
    ]
    plain = product_in(b'{"productId": 11, "name": "mug", "storeManagementCode": 7}')
    assert items_of(plain) == [ListedItem(item_id="11", seller_sku="7", title="mug")]


def test_pages_of_products_end_where_they_are_short_or_say_so() -> None:
    assert ids_in(b'{"contents": [{"productId": 1}, {"productId": "2"}]}', 2) == (["1", "2"], True)
    assert ids_in(b'{"content": [{"productId": 1}]}', 2) == (["1"], False)
    assert ids_in(b'{"contents": [{"productId": 1}], "last": true}', 1) == (["1"], False)
    for body in (b"{}", b"[]", b'{"contents": [{}]}'):
        with pytest.raises(ChannelDownError):
            ids_in(body, 2)
