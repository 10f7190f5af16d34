"""Addresses of products from templates, and prices as platforms read them."""

import pytest

from inventory.channels.product_addresses import TEMPLATE_CHARS, check_template, check_templates, filled, price_text
from kit.errors import InvalidError
from kit.money import Money


@pytest.mark.parametrize(
    "template",
    [
        "https://shop.example/p/{sku}",
        "http://localhost:8000/{product_id}?a={sku}&b={product_key}#{sku}",
        "https://shop.example/{sku}" + "x" * (TEMPLATE_CHARS - 26),
    ],
)
def test_an_address_that_names_the_item_is_a_template(template: str) -> None:
    check_template("link_template", template)


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "https://shop.example/p",
        "https://shop.example/p/{SKU}",
        "https://shop.example/p/{sku}{",
        "https://shop.example/p/{sku}?q={title}",
        "https://{sku}.example/",
        "https://user:pass@shop.example/{sku}",
        "https://shop.example:99999/{sku}",
        "https://shop.example:0/{sku}",
        "https://[shop/{sku}",
        "https:///{sku}",
        "javascript:alert({sku})",
        "{sku}://shop.example",
        "shop.example/{sku}",
        "https://shop.example/a b/{sku}",
        "https://shop.example/\u00fc/{sku}",
        "https://shop.example/\n{sku}",
        "https://shop.example/{sku}" + "x" * (TEMPLATE_CHARS - 25),
    ],
)
def test_anything_else_is_not(wrong: str) -> None:
    with pytest.raises(InvalidError) as caught:
        check_template("image_template", wrong)
    assert caught.value.details["field"] == "image_template"


def test_a_blank_template_is_none_and_a_wrong_one_is_named() -> None:
    check_templates({})
    check_templates({"link_template": "", "image_template": "https://shop.example/{sku}"})
    with pytest.raises(InvalidError, match="image_template"):
        check_templates({"image_template": "https://shop.example/"})


def test_what_fills_a_template_cannot_leave_its_place() -> None:
    template = "https://shop.example/{product_key}/{sku}?p={product_id}#{sku}"
    made = filled(template, sku="A/B & \u00fc?#,{product_id}", product_id="prod_1", product_key="a/b")
    sku = "A%2FB%20%26%20%C3%BC%3F%23%2C%7Bproduct_id%7D"
    assert made == f"https://shop.example/a%2Fb/{sku}?p=prod_1#{sku}"


@pytest.mark.parametrize(
    ("price", "text"),
    [
        (Money(2499, "USD"), "24.99 USD"),
        (Money(5, "EUR"), "0.05 EUR"),
        (Money(0, "EUR"), "0.00 EUR"),
        (Money(100, "EUR"), "1.00 EUR"),
        (Money(1300, "JPY"), "1300 JPY"),
        (Money(1050, "KWD"), "1.050 KWD"),
        (Money(2**53 - 1, "USD"), "90071992547409.91 USD"),
        (Money(100, "XXA"), ""),
    ],
)
def test_prices_have_the_digits_of_their_currency(price: Money, text: str) -> None:
    assert price_text(price) == text
