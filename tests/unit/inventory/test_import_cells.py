import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.import_cells import Columns, column_name, folded, image_url, parse_quantity, plain_text, shown
from inventory.limits import MAX_DESCRIPTION_CHARS, MAX_HTML_CHARS, MAX_IMAGE_URL_CHARS, MAX_QUANTITY, MAX_QUOTED_CHARS
from kit.errors import InvalidError


@pytest.mark.parametrize(
    ("text", "quantity"),
    [
        ("", 0),
        ("0", 0),
        ("12", 12),
        ("007", 7),
        ("1,000", 1000),
        ("1 000", 1000),
        ("1,234,567", 1_234_567),
        ("5.0", 5),
        ("5.00", 5),
        ("12345678901", None),
        (str(MAX_QUANTITY), MAX_QUANTITY),
        (str(MAX_QUANTITY + 1), None),
        ("9" * 100_000, None),
        ("-1", None),
        ("2.5", None),
        ("1.000", None),
        ("1,5", None),
        ("10,00", None),
        ("many", None),
        ("1e3", None),
        ("٣", None),
    ],
)
def test_quantities(text: str, quantity: int | None) -> None:
    assert parse_quantity(text) == quantity


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("  plain \r\n text ", "plain text"),
        ("salt &amp; pepper", "salt & pepper"),
        ("<p>one</p><p>two</p>", "one two"),
        ("a<br>b<br/>c", "a b c"),
        ("<b>bo</b>ld <em>wo</em>rds", "bold words"),
        ("<ul><li>x</li><li>y</li></ul>", "x y"),
        ("a<script>alert('x < y')</script>b", "a b"),
        ("a<style>p{color:red}</style>b", "a b"),
        ("a<!-- hidden -->b", "ab"),
        ("<p>caf&eacute; &#8364;5&nbsp;only</p>", "café €5 only"),
        ("3 < 5 and 7 > 2", "3 < 5 and 7 > 2"),
        ('<a title="x > y" href="#">link</a>', "link"),
        ("<![if !supportLists]>item<![endif]>", "item"),
        ("<![foo[x]]>kept", "kept"),
        ("cut <div class=", "cut <div class="),
        ("a\x00b\x07c", "a b c"),
    ],
)
def test_html_becomes_plain_text(html: str, text: str) -> None:
    assert plain_text(html) == text


def test_long_descriptions_are_cut() -> None:
    text = plain_text("<p>" + "word " * 2000 + "</p>")
    assert len(text) <= MAX_DESCRIPTION_CHARS
    assert text.endswith("word…")
    assert plain_text("<p>x</p>" + "<i></i>" * MAX_HTML_CHARS + "unseen") == "x"


@pytest.mark.parametrize(
    "piece", ["<!--", "<a", "</", "<!", "<script", "<a x='", "<?", "<![foo[x]]>", "<![CDATA[", "<"]
)
def test_hostile_html_costs_little(piece: str) -> None:
    started = time.process_time()
    plain_text(piece * (MAX_HTML_CHARS // len(piece)))
    assert time.process_time() - started < 0.5  # html.parser alone needs up to 2 s for some of these


@given(st.text(alphabet="<>/!-[]&;'\"=abp script\n", max_size=80))
def test_any_html_becomes_folded_text(html: str) -> None:
    text = plain_text(html)
    assert text == " ".join(text.split())


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://cdn.example.com/a.jpg", "https://cdn.example.com/a.jpg"),
        ("HTTP://cdn.example.com/a.jpg", "HTTP://cdn.example.com/a.jpg"),
        ("//cdn.example.com/a.jpg", "https://cdn.example.com/a.jpg"),
        ("", None),
        ("a.jpg", None),
        ("javascript:alert(1)", None),
        ("https://e.com/a b", None),
        ("https://e.com/" + "a" * MAX_IMAGE_URL_CHARS, None),
    ],
)
def test_only_web_addresses_are_images(text: str, url: str | None) -> None:
    assert image_url(text) == url


@pytest.mark.parametrize("cell", ["Variant SKU", "variant_sku", "\ufeff VARIANT  sku ", "Variant-SKU"])
def test_column_names_compare_loosely(cell: str) -> None:
    assert column_name(cell) == "variant sku"


def test_google_prefix_is_dropped() -> None:
    assert column_name("g:item_group_id") == "item group id"


def test_folding_keeps_joined_emoji_and_drops_controls() -> None:
    assert folded(" a\u00a0b\x00\u2028c ") == "a b c"
    assert folded("\U0001f469\u200d\U0001f373") == "\U0001f469\u200d\U0001f373"


def test_shown_values_are_cut() -> None:
    assert shown("a\nb") == "a b"
    assert len(shown("x" * 10_000)) == MAX_QUOTED_CHARS


COLUMNS = Columns(["ID", "Price", "Note"], {"id": ("id",), "price": ("price",), "note": ("note",)}, ("id", "price"))


def test_short_rows_are_fine_while_they_reach_the_last_essential_column() -> None:
    COLUMNS.check_width(["1", "2"])
    assert COLUMNS.text(["1", "2"], "note") == ""
    with pytest.raises(InvalidError, match="has 1 cells where the header has 3; it seems cut off"):
        COLUMNS.check_width(["1"])


def test_long_rows_are_fine_while_what_is_too_much_is_blank() -> None:
    COLUMNS.check_width(["1", "2", "3", "", "  "])
    with pytest.raises(InvalidError, match='the first cell too many is "x"'):
        COLUMNS.check_width(["1", "2", "3", "", "x"])


def test_messages_name_the_column_as_the_file_does() -> None:
    with pytest.raises(InvalidError) as caught:
        COLUMNS.price(["1", "abc"], "EUR")
    assert caught.value.message == 'Price "abc" is not a price.'
    with pytest.raises(InvalidError, match=r"Price is empty\."):
        COLUMNS.price(["1", " "], "EUR")
    with pytest.raises(InvalidError, match=r"ID .* is longer than 100 characters"):
        COLUMNS.sku(["x" * 101, ""], "id")
    with pytest.raises(InvalidError, match="characters that cannot be read"):
        COLUMNS.sku(["x\ufffd", ""], "id")
