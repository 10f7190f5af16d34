import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import import_csv
from inventory.catalogue import Rejection, Variant
from inventory.import_csv import FileFormat, read_catalogue, recognise
from kit.errors import InvalidError, TooLargeError
from kit.money import Money

FIXTURES = Path(__file__).parents[2] / "fixtures" / "catalogue"
SHOPIFY = "Handle,Title,Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price,Image Src"
FEED = "id,title,price"


def read(data: bytes | str, currency: str = "EUR") -> list[Variant | Rejection]:
    raw = data.encode() if isinstance(data, str) else data
    return list(read_catalogue(io.BytesIO(raw), default_currency=currency))


def summary(items: list[Variant | Rejection]) -> list[tuple[int, str]]:
    return [(item.line, item.sku if isinstance(item, Variant) else item.reason) for item in items]


def test_a_shopify_export_line_by_line() -> None:
    with (FIXTURES / "shopify.csv").open("rb") as file:
        items = list(read_catalogue(file, default_currency="EUR"))
        assert not file.closed
    variants = [item for item in items if isinstance(item, Variant)]
    assert [(v.line, v.variant_title, v.price.amount, v.quantity) for v in variants] == [
        (2, "", 1850, 12),
        (8, "Small / Navy Blue", 6000, 3),
        (9, "Small / Grün", 6000, 0),
        (10, "Medium / Navy Blue", 6499, 0),
        (12, "", 12000, 0),
    ]
    assert [v.sku for v in variants[:2]] == ["river-stone-mug", "harbour-jumper.small.navy-blue"]
    assert variants[2].sku.startswith("harbour-jumper.small.grun_")
    assert variants[3].sku == "HJ-M-NAVY"
    assert variants[0].description == "Thrown by hand, glazed in grey & blue. Holds 300 ml"
    assert variants[0].image == "https://cdn.example.com/mug.jpg"
    assert {v.image for v in variants[1:4]} == {"https://cdn.example.com/jumper.jpg"}
    assert variants[3].options == (("Size", "Medium"), ("Colour", "Navy Blue"))
    assert [item for item in items if isinstance(item, Rejection)] == [
        Rejection(line=11, reason="Variant Price is empty.")
    ]


def test_a_feed_line_by_line() -> None:
    with (FIXTURES / "feed.csv").open("rb") as file:
        variants = list(read_catalogue(file, default_currency="EUR"))
    assert [
        (v.sku, v.product_key, v.variant_title, v.price, v.quantity) for v in variants if isinstance(v, Variant)
    ] == [
        ("TEE-R-S", "TEE", "Red / S", Money(1500, "USD"), 7),
        ("TEE-R-M", "TEE", "Red / M", Money(1500, "USD"), 0),
        ("CAP-1", "CAP-1", "", Money(900, "EUR"), 2),
    ]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        ("Handle,Title,Variant Price\n", FileFormat.SHOPIFY),
        ('HANDLE ; "title";variant_price\r\n', FileFormat.SHOPIFY),
        ("handle\ttitle\tVARIANT PRICE", FileFormat.SHOPIFY),
        ("Title,URL handle,Price\r", FileFormat.SHOPIFY),
        ("id,title,price\n", FileFormat.FEED),
        ("g:id\tg:title\tg:price\n", FileFormat.FEED),
        ("sep=;\nID;Title;Price\n", FileFormat.FEED),
        ("\n\n# Required | the id,# Required,# Required\nid,title,price\n", FileFormat.FEED),
    ],
)
def test_formats_are_recognised_from_the_header(head: str, expected: FileFormat) -> None:
    assert recognise(head.encode()) is expected
    assert recognise(head.encode("utf-8-sig")) is expected
    assert recognise(head.encode("utf-16")) is expected


def test_a_head_cut_anywhere_behind_the_header_is_enough() -> None:
    head = f'{FEED}\nA,"Grün\nTee",5\n'.encode()
    for length in range(len(FEED), len(head)):
        assert recognise(head[:length]) is FileFormat.FEED


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"", "The file is empty."),
        (b" \r\n\n", "The file is empty."),
        (b"name,sku,cost\n1,2,3\n", "columns (name, sku, cost)"),
        (b"PK\x03\x04rest", "save it as CSV first"),
        (b'<?xml version="1.0"?><rss/>', "no known format"),
        (b'id,title,"price\n', "no known format"),
        ("id,title,price\n".encode("utf-16-le"), "no known format"),
        (b"\n" * 100_000 + b"id,title,price\n", "The file's columns"),
    ],
)
def test_other_files_are_refused_with_what_was_found_and_expected(head: bytes, part: str) -> None:
    with pytest.raises(InvalidError) as caught:
        recognise(head)
    assert caught.value.code == "unknown_format"
    assert part in caught.value.message
    assert "Handle, Title, Variant Price" in caught.value.message
    assert set(caught.value.details) == {"found", "expected"}
    with pytest.raises(InvalidError, match="Expected at least"):
        read_catalogue(io.BytesIO(head), default_currency="EUR")


def test_found_columns_are_listed_as_data() -> None:
    with pytest.raises(InvalidError) as caught:
        recognise(b"name;sku;cost\n")
    assert caught.value.details["found"] == ["name", "sku", "cost"]


def test_at_most_five_legible_columns_are_listed_else_that_they_are_unreadable() -> None:
    def found(header: str, encoding: str = "utf-8") -> tuple[object, str]:
        with pytest.raises(InvalidError) as caught:
            recognise(header.encode(encoding))
        return caught.value.details["found"], caught.value.message

    names, message = found("a,b,Größe,\u6fe0,c,d,e,f", "utf-16")
    assert names == ["a", "b", "c", "d", "e"]
    assert "columns (a, b, c, d, e) are" in message
    assert message.isascii()
    names, message = found("\u6fe0\u6fe1,\u6fe2", "utf-16")
    assert names == []
    assert "columns (unreadable) are" in message


def test_a_renamed_quantity_column_says_nothing_about_stock_and_a_blank_cell_says_0() -> None:
    rows = "\nmug,Mug,,M-1,,5,\n"
    assert [item.quantity for item in read(SHOPIFY + rows) if isinstance(item, Variant)] == [0]
    renamed = SHOPIFY.replace("Variant Inventory Qty", "Units")
    assert [item.quantity for item in read(renamed + rows) if isinstance(item, Variant)] == [None]


def test_the_sample_has_eight_products_and_fifteen_variants_that_can_be_sold() -> None:
    with (Path(__file__).parents[3] / "samples" / "apparel.csv").open("rb") as file:
        items = list(read_catalogue(file, default_currency="EUR"))
    variants = [item for item in items if isinstance(item, Variant)]
    assert (len(items), len(variants), len({one.product_key for one in variants})) == (15, 15, 8)
    assert all(one.quantity is not None and 20 <= one.quantity <= 200 for one in variants)
    assert {one.image for one in variants} == {None}


def test_an_unknown_currency_and_a_giant_file_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidError) as caught:
        read_catalogue(io.BytesIO(FEED.encode()), default_currency="EURO")
    assert caught.value.code == "unknown_currency"
    monkeypatch.setattr(import_csv, "MAX_IMPORT_BYTES", 10)
    with pytest.raises(TooLargeError):
        read_catalogue(io.BytesIO(FEED.encode()), default_currency="EUR")


def test_a_header_alone_is_an_empty_catalogue() -> None:
    assert read(SHOPIFY) == []
    assert read(FEED + "\r\n\r\n") == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encodings_line_ends_and_separators(encoding: str, end: str, delimiter: str) -> None:
    rows = [["id", "title", "price"], ["A", f"Größe{end}40 \u2013 “neu”", "12,50 €"], ["B", "Tee; x, y", "5"]]
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    first, second = read(out.getvalue().encode(encoding))
    assert isinstance(first, Variant)
    assert isinstance(second, Variant)
    assert (first.line, first.product_title, first.price) == (2, "Größe 40 \u2013 “neu”", Money(1250, "EUR"))
    assert (second.line, second.product_title) == (4, "Tee; x, y")


def test_the_file_is_read_from_its_start_wherever_it_stands() -> None:
    file = io.BytesIO(f"{FEED}\nA,Tee,5\n".encode())
    file.seek(9)
    assert len(list(read_catalogue(file, default_currency="EUR"))) == 1
    assert len(list(read_catalogue(file, default_currency="EUR"))) == 1


def test_the_second_use_of_a_sku_names_the_line_of_the_first() -> None:
    items = read(f"{FEED}\nA,Tee,5\nB,Tee,5\nA,Cap,7\n")
    assert summary(items) == [(2, "A"), (3, "B"), (4, 'SKU "A" is already used by line 2.')]


def test_a_derived_sku_can_collide_with_a_written_one() -> None:
    items = read(f"{SHOPIFY}\ntee,Tee,Red,,,5,\nmug,Mug,,tee.red,,5,\n")
    assert summary(items) == [(2, "tee.red"), (3, 'SKU "tee.red" is already used by line 2.')]


def test_broken_rows_cost_themselves_only() -> None:
    items = read(f'{FEED}\nA,Tee,5\nB,"open,5\nC,Tee\nD,Tee,5,x\nE,T\0ee,5\nF,Tee,5,,\nG,Tee,5\n')
    assert summary(items) == [
        (2, "A"),
        (3, "The record cannot be read: a quote is never closed."),
        (4, "The row has 2 cells where the header has 3; it seems cut off."),
        (5, 'The row has 4 cells where the header has 3; the first cell too many is "x".'),
        (6, "The record holds NUL characters; save the file as plain UTF-8 text."),
        (7, "F"),
        (8, "G"),
    ]


def test_reading_stops_at_the_variant_limit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_csv, "MAX_IMPORT_VARIANTS", 2)
    items = read(f"{FEED}\nA,Tee,5\nB,Tee,5\nC,Tee,5\nD,Tee,5\n")
    reason = "The file has more than 2 variants; from this line on it was not read."
    assert summary(items) == [(2, "A"), (3, "B"), (4, reason)]


def test_reading_stops_at_the_rejection_limit_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_csv, "MAX_IMPORT_REJECTIONS", 1)
    items = read(f"{FEED}\nA,Tee,\nB,Tee,\nC,Tee,5\n")
    reason = "More than 1 records were rejected; from this line on the file was not read."
    assert summary(items) == [(2, "price is empty."), (3, reason)]


@given(st.sampled_from([SHOPIFY, FEED]), st.binary(max_size=200), st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_bytes_behind_a_header_are_read_without_an_error(header: str, body: bytes, end: str) -> None:
    items = read(f"{header}{end}".encode() + body)
    lines = [item.line for item in items]
    assert lines == sorted(set(lines))


CELL = st.text(alphabet='aB9.,;"\n\r\t -€\0é', max_size=8)


@given(st.sampled_from([SHOPIFY, FEED]), st.lists(st.lists(CELL, max_size=8), max_size=12), st.booleans())
def test_any_cells_are_read_without_an_error(header: str, rows: list[list[str]], quoted: bool) -> None:
    if quoted:
        out = io.StringIO(newline="")
        csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
        body = out.getvalue()
    else:
        body = "\n".join(",".join(row) for row in rows)
    for item in read(f"{header}\n{body}"):
        assert isinstance(item, Rejection) or (item.sku and item.product_title and item.price.amount >= 0)
        assert isinstance(item, Variant) or len(item.reason) < 300


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", ""]),
            st.sampled_from(["Tee", ""]),
            st.sampled_from(["S", "M", "é", "multi\nline", "", "Default Title"]),
            st.sampled_from(["X1", "X2", "", ""]),
            st.sampled_from(["", "1", "-1", "1.5"]),
            st.sampled_from(["5", "", "x", "9.999"]),
            st.sampled_from(["", "https://e.com/1.jpg"]),
        ),
        max_size=30,
    )
)
def test_every_record_is_accounted_for(rows: list[tuple[str, ...]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(rows)
    line, expected = 2, []
    for row in rows:
        image_only = row[0] and row[6] and not any(row[1:6])
        if any(row) and not image_only:
            expected.append(line)
        line += 1 + sum(cell.count("\n") for cell in row)
    items = read(f"{SHOPIFY}\n{out.getvalue()}")
    assert [item.line for item in items] == expected
    skus = [item.sku for item in items if isinstance(item, Variant)]
    assert len(skus) == len(set(skus))


@given(st.permutations(range(30)))
def test_shuffled_products_keep_their_skus(order: list[int]) -> None:
    products = [f"p{n},P {n},Größe {n},,1,5,\np{n},,Mittel,,1,5,\n" for n in range(30)]
    plain, shuffled = (
        {(item.product_key, item.variant_title, item.product_title): item.sku for item in read(text)
         if isinstance(item, Variant)}
        for text in (f"{SHOPIFY}\n{''.join(products)}", f"{SHOPIFY}\n{''.join(products[n] for n in order)}")
    )  # fmt: skip
    assert plain == shuffled
    assert len(set(plain.values())) == 60
