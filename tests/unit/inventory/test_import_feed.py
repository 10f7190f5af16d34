import csv

import pytest

from inventory.catalogue import Rejection, Variant
from inventory.import_feed import reader
from inventory.import_records import Record
from kit.money import Money

HEADER = next(
    csv.reader(
        [
            "id,title,description,availability,price,image_link,brand,item_group_id,color,size,"
            "quantity_to_sell_on_facebook,inventory,gtin"
        ]
    )
)


def read(*rows: dict[str, str]) -> list[Variant | Rejection]:
    records = [Record(line, [row.get(name, "") for name in HEADER]) for line, row in enumerate(rows, 2)]
    return list(reader(HEADER, "EUR").read(records))


def variant(**cells: str) -> Variant:
    (item,) = read({"id": "A", "title": "Tee", "price": "15.00 USD"} | cells)
    assert isinstance(item, Variant), item
    return item


def reason(**cells: str) -> str:
    (item,) = read({"id": "A", "title": "Tee", "price": "15.00 USD"} | cells)
    assert isinstance(item, Rejection)
    return item.reason


def test_a_row_is_a_variant_of_its_group() -> None:
    item = variant(
        item_group_id="G",
        color="Red",
        size="M",
        description="<b>Soft</b> cotton",
        image_link="https://e.com/1.jpg",
        brand="Dune",
        inventory="7",
        gtin="123",
    )
    assert item == Variant(
        line=2,
        product_key="G",
        handle="G",
        product_title="Tee",
        description="Soft cotton",
        image="https://e.com/1.jpg",
        vendor="Dune",
        sku="A",
        variant_title="Red / M",
        price=Money(1500, "USD"),
        quantity=7,
        options=(("color", "Red"), ("size", "M")),
    )


def test_without_a_group_the_item_is_its_own_product() -> None:
    item = variant(color="Red")
    assert (item.product_key, item.variant_title, item.options) == ("A", "", (("color", "Red"),))


def test_the_first_row_of_a_group_names_the_product() -> None:
    items = read(
        {"id": "1", "title": "Tee", "price": "5", "item_group_id": "G", "image_link": "https://e.com/1.jpg"},
        {"id": "9", "title": "Cap", "price": "5"},
        {"id": "2", "title": "Tee in red", "price": "5", "item_group_id": "G", "image_link": "https://e.com/2.jpg"},
        {"id": "3", "title": "", "price": "5", "item_group_id": "G"},
    )
    titles = [(item.product_title, item.variant_title, item.image) for item in items if isinstance(item, Variant)]
    first_image = "https://e.com/1.jpg"
    assert titles == [
        ("Tee", "", first_image),
        ("Cap", "", None),
        ("Tee", "Tee in red", first_image),
        ("Tee", "", first_image),
    ]


def test_a_price_without_currency_is_in_the_default_currency() -> None:
    assert variant(price="15,50").price == Money(1550, "EUR")
    assert variant(price="1500 JPY").price == Money(1500, "JPY")


@pytest.mark.parametrize(
    ("cells", "quantity"),
    [
        ({"quantity_to_sell_on_facebook": "3", "inventory": "9"}, 3),
        ({"inventory": "1,000"}, 1000),
        ({"availability": "out of stock"}, 0),
        ({"availability": "in stock"}, 0),
        ({"availability": "out_of_stock", "inventory": "4"}, 4),
    ],
)
def test_units_come_from_the_stock_columns_and_are_never_guessed(cells: dict[str, str], quantity: int) -> None:
    assert variant(**cells).quantity == quantity


def test_reasons_name_column_and_value() -> None:
    assert reason(id=" ") == "id is empty."
    assert reason(title="") == "title is empty."
    assert reason(price="") == "price is empty."
    assert reason(price="15.00 XXX") == 'price "15.00 XXX" has no known currency in "XXX".'
    assert reason(inventory="-1") == 'inventory "-1" is not a whole number of units.'
    assert reason(inventory="1.5") == 'inventory "1.5" is not a whole number of units.'
    assert reason(id="x" * 101) == f'id "{"x" * 59}…" is longer than 100 characters.'
    assert reason(size="x" * 256) == f'size "{"x" * 59}…" is longer than 255 characters.'


def test_a_feed_without_a_stock_column_says_nothing_about_stock() -> None:
    header = ["id", "title", "price", "availability"]
    rows = [Record(2, ["A", "Tee", "5", "in stock"]), Record(3, ["B", "Cap", "5", "out of stock"])]
    items = list(reader(header, "EUR").read(rows))
    assert [item.quantity for item in items if isinstance(item, Variant)] == [None, None]
