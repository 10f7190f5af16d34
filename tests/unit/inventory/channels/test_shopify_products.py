"""Products in Shopify's form, and what is kept of one that is there."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from inventory.channels.channel import Refused
from inventory.channels.publishing import Product, Variant
from inventory.channels.shopify.product_input import handle_of, product_input, wrong_currency
from inventory.channels.shopify.products import Has, search_for
from kit.money import Money

RED = Variant(sku="MUG-RED", title="Red", price=Money(1999, "EUR"), level=5, item_id=None)
BLUE = Variant(sku="MUG-BLUE", title="Blue", price=Money(2000, "EUR"), level=7, item_id=None)
MUG = Product(
    product_id="prod_01JABC",
    product_key="mug",
    title="A mug",
    description="<p>For tea.</p>",
    image="https://example.com/mug.jpg",
    vendor="Potter",
    listing="",
    variants=(RED, BLUE),
)
LOCATION = "gid://shopify/Location/1"


def has(*variants: tuple[str, str, dict[str, str]]) -> Has:
    nodes = [
        {
            "id": f"gid://shopify/ProductVariant/{item}",
            "sku": sku,
            "inventoryItem": {"id": f"gid://shopify/InventoryItem/{item}"},
            "selectedOptions": [{"name": name, "value": value} for name, value in options.items()],
        }
        for item, sku, options in variants
    ]
    told = {"id": "gid://shopify/Product/9", "variants": {"nodes": nodes, "pageInfo": {"hasNextPage": False}}}
    return msgspec.convert(told, Has)


def told(product: Product, template: Mapping[str, object] | None = None, there: Has | None = None) -> dict[str, Any]:
    made = product_input(product, template or {}, location=LOCATION, has=there)
    assert not isinstance(made, Refused)
    return made


def test_a_new_product_is_told_over_the_template() -> None:
    template = {"title": "no", "status": "DRAFT", "variant": {"taxable": False, "inventoryItem": {"tracked": False}}}
    made = told(MUG, template)
    assert (made["title"], made["status"], made["handle"], made["vendor"]) == (
        "A mug", "DRAFT", "showdrop-prod-01jabc", "Potter",
    )  # fmt: skip
    assert made["files"] == [{"originalSource": "https://example.com/mug.jpg", "contentType": "IMAGE"}]
    assert made["productOptions"] == [{"name": "Title", "position": 1, "values": [{"name": "Red"}, {"name": "Blue"}]}]
    assert made["variants"][0] == {
        "sku": "MUG-RED",
        "price": "19.99",
        "taxable": False,
        "optionValues": [{"optionName": "Title", "name": "Red"}],
        "inventoryItem": {"tracked": True},
        "inventoryQuantities": [{"locationId": LOCATION, "name": "available", "quantity": 5}],
    }


def test_an_only_variant_is_called_as_shopify_calls_it() -> None:
    made = told(replace(MUG, variants=(RED,)))
    assert made["variants"][0]["optionValues"] == [{"optionName": "Title", "name": "Default Title"}]


def test_titles_that_are_none_or_not_the_only_ones_are_skus() -> None:
    twins = (replace(RED, sku="A"), replace(RED, sku="B"), replace(RED, sku="C", title=""))
    made = told(replace(MUG, variants=twins))
    assert [one["optionValues"][0]["name"] for one in made["variants"]] == ["A", "B", "C"]


def test_a_product_that_is_there_keeps_its_quantities_pictures_and_other_variants() -> None:
    there = has(("1", "MUG-RED", {"Title": "Default Title"}), ("2", "BY-HAND", {"Title": "Green"}))
    made = told(MUG, {"status": "DRAFT", "tags": ["x"]}, there)
    assert set(made) == {"title", "descriptionHtml", "vendor", "productOptions", "variants"}
    red, blue, green = made["variants"]
    assert red == {
        "id": "gid://shopify/ProductVariant/1",
        "price": "19.99",
        "optionValues": [{"optionName": "Title", "name": "Red"}],
    }
    assert blue["sku"] == "MUG-BLUE"
    assert green == {
        "id": "gid://shopify/ProductVariant/2",
        "optionValues": [{"optionName": "Title", "name": "Green"}],
    }
    assert made["productOptions"][0]["values"] == [{"name": "Red"}, {"name": "Blue"}, {"name": "Green"}]


def test_a_name_that_another_variant_has_is_not_taken() -> None:
    there = has(("2", "BY-HAND", {"Title": "Red"}))
    made = told(replace(MUG, variants=(RED,)), {}, there)
    assert made["variants"][0]["optionValues"][0]["name"] == "MUG-RED"


def test_options_of_the_merchants_own_are_kept_and_a_new_variant_is_for_staff() -> None:
    there = has(("1", "their-name", {"Colour": "Red", "Size": "S"}), ("2", "MUG-BLUE", {"Colour": "Blue", "Size": "S"}))
    linked = replace(RED, item_id="1")
    made = told(replace(MUG, variants=(linked, BLUE)), {}, there)
    assert made["productOptions"] == [
        {"name": "Colour", "position": 1, "values": [{"name": "Red"}, {"name": "Blue"}]},
        {"name": "Size", "position": 2, "values": [{"name": "S"}]},
    ]
    assert "sku" not in made["variants"][0]
    refused = product_input(MUG, {}, location=LOCATION, has=there)
    assert isinstance(refused, Refused)
    assert "MUG-RED" in refused.reason
    assert not refused.temporary


def test_a_price_in_another_currency_than_the_shops_is_refused() -> None:
    assert wrong_currency(MUG, "EUR") is None
    refused = wrong_currency(MUG, "USD")
    assert refused is not None
    assert not refused.temporary
    assert "MUG-RED is in EUR" in refused.reason


def test_a_search_quotes_what_it_searches() -> None:
    assert search_for(["A", 'B" OR title:"x', "C\\"]) == 'sku:"A" OR sku:"B\\" OR title:\\"x" OR sku:"C\\\\"'


def test_a_handle_is_the_same_in_every_try() -> None:
    assert handle_of("prod_01JABC") == handle_of("prod_01JABC") == "showdrop-prod-01jabc"
