import csv
import io

import pytest

from live.api.csv_answers import csv_limit, csv_rows, safe_cell, wants_csv
from live.api.limits import PAGE_DEFAULT_ITEMS


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_that_a_stranger_wrote_starts_a_formula(start: str) -> None:
    text = f'{start}HYPERLINK("https://evil.example";"x")'
    assert safe_cell(text) == f"'{text}"


def test_plain_text_stays_as_it_is() -> None:
    assert [safe_cell(text) for text in ("SKU-1=2", "", " =1", "é")] == ["SKU-1=2", "", " =1", "é"]


def test_quotes_and_breaks_survive_the_file() -> None:
    text = csv_rows([("a", 'said "no",\nthen left'), (1, "")])
    assert text == b'a,"said ""no"",\nthen left"\r\n1,\r\n'
    assert list(csv.reader(io.StringIO(text.decode(), newline=""))) == [["a", 'said "no",\nthen left'], ["1", ""]]


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


@pytest.mark.parametrize(
    ("limit", "after", "rows"),
    [(None, None, None), (7, None, 7), (7, "order_1", 7), (None, "order_1", PAGE_DEFAULT_ITEMS)],
)
def test_a_file_has_all_rows_unless_a_page_is_asked_for(limit: int | None, after: str | None, rows: int | None) -> None:
    assert csv_limit(limit, after) == rows
