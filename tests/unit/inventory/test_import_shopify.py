import csv

import pytest

from inventory import limits
from inventory.catalogue import Rejection, Variant, derive_sku
from inventory.import_records import Record
from inventory.import_shopify import reader
from kit.money import Money

HEADER = next(
    csv.reader(
        [
            "Handle,Title,Body (HTML),Vendor,Option1 Name,Option1 Value,Option2 Name,Option2 Value,Variant SKU,"
            "Variant Inventory Qty,Variant Price,Image Src,Variant Image,Status"
        ]
    )
)


def rows(*cells: dict[str, str]) -> list[Record | Rejection]:
    return [Record(line, [row.get(name, "") for name in HEADER]) for line, row in enumerate(cells, 2)]


def row(handle: str, title: str = "", value: str = "", price: str = "10", **more: str) -> dict[str, str]:
    cells = {"Handle": handle, "Title": title, "Option1 Value": value, "Variant Price": price}
    return cells | {name.replace("_", " "): text for name, text in more.items()}


def read(*cells: dict[str, str]) -> list[Variant | Rejection]:
    return list(reader(HEADER, "EUR").read(rows(*cells)))


def variants(*cells: dict[str, str]) -> list[Variant]:
    items = read(*cells)
    assert all(isinstance(item, Variant) for item in items), items
    return [item for item in items if isinstance(item, Variant)]


def reason(cells: dict[str, str]) -> str:
    (item,) = read(cells)
    assert isinstance(item, Rejection)
    assert item.line == 2
    return item.reason


def test_rows_of_one_handle_share_the_details_of_the_first() -> None:
    small, large = variants(
        row("tee", "Tee", "Small", Option1_Name="Size", Vendor="V", **{"Body (HTML)": "<p>Soft</p>"}),
        row("tee", "", "Large", price="12.5", Variant_Inventory_Qty="4"),
    )
    assert large == Variant(
        line=3,
        product_key="tee",
        handle="tee",
        product_title="Tee",
        description="Soft",
        image=None,
        vendor="V",
        sku="tee.large",
        variant_title="Large",
        price=Money(1250, "EUR"),
        quantity=4,
        options=(("Size", "Large"),),
    )
    assert (small.product_title, small.vendor, small.quantity) == ("Tee", "V", 0)


def test_default_title_is_no_option() -> None:
    (item,) = variants(row("mug", "Mug", "Default Title", Option1_Name="Title"))
    assert (item.sku, item.variant_title, item.options) == ("mug", "", ())


def test_unnamed_options_get_a_number() -> None:
    (item,) = variants(row("mug", "Mug", "Red", Option2_Value="Big"))
    assert item.options == (("Option 1", "Red"), ("Option 2", "Big"))
    assert item.variant_title == "Red / Big"


def test_a_sku_in_the_file_is_kept() -> None:
    (item,) = variants(row("mug", "Mug", Variant_SKU="  Mug  01 "))
    assert item.sku == "Mug 01"


def test_an_image_only_row_is_silent_and_gives_the_product_its_image() -> None:
    first, second = variants(
        row("mug", "Mug", "A"),
        row("mug", price="", Image_Src="https://e.com/1.jpg"),
        row("mug", price="", Image_Src="https://e.com/2.jpg"),
        row("mug", "", "B", Image_Src="https://e.com/3.jpg"),
    )
    assert first.image == second.image == "https://e.com/1.jpg"


def test_the_variants_image_stands_in_for_a_missing_product_image() -> None:
    (item,) = variants(row("mug", "Mug", Variant_Image="https://e.com/v.jpg"))
    assert item.image == "https://e.com/v.jpg"


def test_a_handle_that_comes_back_goes_on_with_its_product() -> None:
    _, _, back = variants(
        row("tee", "Tee", "S", Option1_Name="Size", Image_Src="https://e.com/1.jpg"),
        row("mug", "Mug"),
        row("tee", "Another name", "M", Option1_Name="Other", Image_Src="https://e.com/2.jpg"),
    )
    assert (back.product_key, back.product_title, back.image) == ("tee", "Tee", "https://e.com/1.jpg")
    assert back.options == (("Size", "M"),)


def test_a_handle_that_comes_back_too_late_without_a_title_is_refused_not_guessed() -> None:
    others = [row(f"p{number}", "P") for number in range(limits.MAX_REMEMBERED_PRODUCTS)]
    items = read(row("tee", "Tee", "S"), *others, row("tee", "", "M"), row("p7", "", "M"))
    assert isinstance(items[-2], Rejection)
    assert items[-2].reason == 'Title is empty and no earlier row of Handle "tee" near it has one.'
    assert isinstance(items[-1], Variant)


def test_a_rejected_first_row_still_names_its_product() -> None:
    first, second = read(row("tee", "Tee", "S", price=""), row("tee", "", "M"))
    assert first == Rejection(line=2, reason="Variant Price is empty.")
    assert isinstance(second, Variant)
    assert second.product_title == "Tee"


def test_more_rows_than_are_held_are_still_one_product() -> None:
    many = limits.MAX_PRODUCT_ROWS + 5
    items = variants(row("tee", "Tee", "v0"), *(row("tee", "", f"v{number}") for number in range(1, many)))
    assert len(items) == many
    assert {item.product_title for item in items} == {"Tee"}
    assert [item.line for item in items] == list(range(2, many + 2))


@pytest.mark.parametrize(
    ("text", "quantity"), [("", 0), ("0", 0), ("7", 7), ("1,000", 1000), ("5.0", 5), ("-3", 0), ("-1,000", 0)]
)
def test_quantities_with_oversold_as_nothing_to_sell(text: str, quantity: int) -> None:
    (item,) = variants(row("mug", "Mug", Variant_Inventory_Qty=text))
    assert item.quantity == quantity


@pytest.mark.parametrize("text", ["2.5", "-2.5", "--1", "many", "1000000001"])
def test_quantities_that_are_refused(text: str) -> None:
    expected = f'Variant Inventory Qty "{text}" is not a whole number of units.'
    assert reason(row("mug", "Mug", Variant_Inventory_Qty=text)) == expected


def test_reasons_name_column_and_value() -> None:
    assert reason(row("mug", "Mug", price="9.999")) == (
        'Variant Price "9.999" is not a price in EUR; write it like 1299.00.'
    )
    assert reason(row("mug", "Mug", price="")) == "Variant Price is empty."
    assert reason(row("mug")) == 'Title is empty and no earlier row of Handle "mug" near it has one.'
    assert reason(row("", "Mug")) == "Handle is empty."
    assert reason(row("mug", "x" * 256)) == f'Title "{"x" * 59}…" is longer than 255 characters.'
    assert reason(row("h" * 256, "Mug")) == f'Handle "{"h" * 59}…" is longer than 255 characters.'
    assert reason(row("mug", "Mug", "v" * 256)) == f'Option1 Value "{"v" * 59}…" is longer than 255 characters.'


def test_an_over_long_vendor_is_cut_and_an_odd_image_dropped() -> None:
    (item,) = variants(row("mug", "Mug", Vendor="v" * 300, Image_Src="javascript:alert(1)"))
    assert (item.vendor, item.image) == ("v" * 255, None)


@pytest.mark.parametrize("status", ["draft", "archived", "active"])
def test_drafts_are_imported(status: str) -> None:
    assert len(variants(row("mug", "Mug", Status=status))) == 1


def test_blank_rows_are_silent_and_rejections_keep_their_place() -> None:
    records: list[Record | Rejection] = [
        Record(2, [" "] * len(HEADER)),
        Rejection(line=3, reason="broken"),
        *(Record(line, record.cells) for line, record in zip((4, 7), rows(row("a", "A"), row("b", "B")), strict=True)
          if isinstance(record, Record)),
        Rejection(line=9, reason="broken"),
    ]  # fmt: skip
    assert [item.line for item in reader(HEADER, "EUR").read(records)] == [3, 4, 7, 9]


def test_column_names_of_the_newer_template() -> None:
    header = [
        "Title",
        "URL handle",
        "Description",
        "SKU",
        "Option1 name",
        "Option1 value",
        "Price",
        "Inventory quantity",
    ]
    cells = ["Mug", "mug", "Nice", "M-1", "Size", "Big", "5", "2"]
    (item,) = reader(header, "USD").read([Record(2, cells)])
    assert isinstance(item, Variant)
    assert (item.handle, item.sku, item.price, item.quantity) == ("mug", "M-1", Money(500, "USD"), 2)
    assert item.options == (("Size", "Big"),)


def test_derived_skus_do_not_depend_on_the_order_of_rows() -> None:
    cells = [row("tee", "Tee", value) for value in ("S", "M", "Größe 40", "赤", "T-Shirt")]
    skus = {item.variant_title: item.sku for item in variants(*cells)}
    assert skus == {item.variant_title: item.sku for item in variants(*reversed(cells))}
    assert len(set(skus.values())) == 5
    assert skus["赤"] == derive_sku("tee", ["赤"])
