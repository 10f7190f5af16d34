import csv
import io

import msgspec
import pytest

from checkout.order import OrderView
from kit.money import Money
from live.api.orders_csv import COLUMNS, csv_header, csv_lines, safe_cell
from live.api.orders_http import wants_csv

BASE = OrderView(
    order_id="order_1",
    hold_id="hold_1",
    offer_id="offer_1",
    show_id="show_1",
    buyer_id="buyer-1",
    sku="SKU-1",
    quantity=2,
    amount=Money(3998, "EUR"),
    state="captured",
    created_at_ms=1_700_000_000_123,
    updated_at_ms=1_700_000_000_456,
    confirmed_at_ms=None,
    payment_method="pm_test_ok",
    refunded=Money(0, "EUR"),
    reason=None,
    shipping=None,
)


def order(**changes: object) -> OrderView:
    return msgspec.structs.replace(BASE, **changes)


def rows(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def test_there_is_one_line_per_order_under_the_header() -> None:
    (row,) = rows(csv_header() + csv_lines([order()]))
    assert tuple(row) == COLUMNS
    assert (row["order_id"], row["quantity"], row["amount"], row["currency"]) == ("order_1", "2", "3998", "EUR")
    assert (row["created_at_ms"], row["created_at"]) == ("1700000000123", "2023-11-14T22:13:20.123+00:00")
    assert row["confirmed_at_ms"] == row["reason"] == ""


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_that_a_stranger_wrote_starts_a_formula(start: str) -> None:
    text = f'{start}HYPERLINK("https://evil.example";"x")'
    (row,) = rows(csv_header() + csv_lines([order(buyer_id=text, reason=text, sku=text)]))
    assert row["buyer_id"].startswith("'")
    assert row["reason"].startswith("'")
    assert row["sku"].startswith("'")


def test_plain_text_stays_as_it_is_and_quotes_and_breaks_survive() -> None:
    assert safe_cell("SKU-1=2") == "SKU-1=2"
    (row,) = rows(csv_header() + csv_lines([order(reason='said "no",\nthen left')]))
    assert row["reason"] == 'said "no",\nthen left'


@pytest.mark.parametrize(
    ("accept", "csv_wanted"),
    [
        ("text/csv", True),
        ("TEXT/CSV; charset=utf-8", True),
        ("text/csv, application/json", True),
        ("application/json, text/csv", False),
        ("*/*", False),
        ("*/*, text/csv", False),
        ("text/html", False),
        ("", False),
    ],
)
def test_csv_comes_only_to_those_who_ask_for_it_first(accept: str, csv_wanted: bool) -> None:
    assert wants_csv(accept) is csv_wanted
