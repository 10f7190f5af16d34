import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory import import_records
from inventory.catalogue import Rejection
from inventory.import_records import Record, encoding_of, file_records, records
from inventory.limits import MAX_RECORD_CHARS


def read(text: str, delimiter: str = ",") -> list[Record | Rejection]:
    return list(records(io.StringIO(text, newline=""), delimiter))


def lines_of(items: list[Record | Rejection]) -> list[tuple[int, bool]]:
    return [(item.line, isinstance(item, Record)) for item in items]


def test_the_record_limit_is_the_standard_librarys_field_limit() -> None:
    assert csv.field_size_limit() == MAX_RECORD_CHARS


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_are_physical_whatever_their_ends(end: str) -> None:
    text = end.join(["a,b", "", '1,"two', 'lines"', "", "3,4"])
    assert read(text) == [
        Record(1, ["a", "b"]),
        Record(3, ["1", f"two{end}lines"]),
        Record(6, ["3", "4"]),
    ]


def test_mixed_line_ends_count_once_each() -> None:
    assert [item.line for item in read("a\r\nb\rc\nd\n\re")] == [1, 2, 3, 4, 6]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_separators_and_spaces_before_quotes(delimiter: str) -> None:
    text = delimiter.join(["a", f' "b{delimiter} c"', '"say ""hi"""'])
    assert read(text, delimiter) == [Record(1, ["a", f"b{delimiter} c", 'say "hi"'])]


def test_an_unclosed_quote_costs_one_record_and_not_the_rows_behind_it() -> None:
    items = read('a,b\n1,"open\n2,x\n3,y\n')
    assert lines_of(items) == [(1, True), (2, False), (3, True), (4, True)]
    assert isinstance(items[1], Rejection)
    assert items[1].reason == "The record cannot be read: a quote is never closed."


def test_an_unclosed_quote_far_from_the_end_is_found_by_the_record_limit() -> None:
    many = MAX_RECORD_CHARS // 4 + 10
    items = read('a,b\n1,"open\n' + "2,x\n" * many)
    assert lines_of(items[:3]) == [(1, True), (2, False), (3, True)]
    assert len(items) == 2 + many
    assert isinstance(items[1], Rejection)
    assert f"longer than {MAX_RECORD_CHARS} characters" in items[1].reason


def test_a_record_of_exactly_the_limit_is_read_and_one_more_is_not() -> None:
    assert lines_of(read("x" * MAX_RECORD_CHARS + "\n")) == [(1, False)]
    assert lines_of(read("x" * (MAX_RECORD_CHARS - 1) + "\ny")) == [(1, True), (2, True)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("more", [0, 1, MAX_RECORD_CHARS - 1, MAX_RECORD_CHARS, MAX_RECORD_CHARS + 1])
def test_a_giant_line_is_one_rejection_and_one_line(end: str, more: int) -> None:
    assert lines_of(read("x" * (MAX_RECORD_CHARS + more) + end + "y" + end)) == [(1, False), (2, True)]


def test_a_giant_line_inside_an_open_quote_is_refused_on_its_own_line() -> None:
    items = read('1,"open\n' + "x" * (3 * MAX_RECORD_CHARS) + "\n2,y\n")
    assert lines_of(items) == [(1, False), (2, False), (3, True)]


def test_quotes_that_do_not_pair_are_refused_with_their_line() -> None:
    items = read('a,b\n1,"5" pipe"\n2,y\n')
    assert lines_of(items) == [(1, True), (2, False), (3, True)]
    assert isinstance(items[1], Rejection)
    assert "quotes do not pair" in items[1].reason


def test_nul_characters_refuse_their_record_only() -> None:
    items = read('a\n"b\n\0"\nc\n')
    assert lines_of(items) == [(1, True), (2, False), (4, True)]
    assert isinstance(items[1], Rejection)
    assert "NUL" in items[1].reason


def test_past_the_rescan_allowance_broken_records_are_skipped_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_records, "MAX_RESCAN_CHARS", 4 * MAX_RECORD_CHARS)
    # Every line opens a quote, whether read from the start or from inside another one.
    line = 'a","\n'
    count = 20 * MAX_RECORD_CHARS // len(line)
    items = read(line * count)
    assert all(isinstance(item, Rejection) for item in items)
    assert len(items) < 30
    behind = 1
    for item in items:
        assert isinstance(item, Rejection)
        assert item.line == behind
        skipped = re.search(r"so lines ([0-9]+) to ([0-9]+) are skipped", item.reason)
        behind = int(skipped[2]) + 1 if skipped else item.line + 1
    assert behind == count + 1


@given(st.text(alphabet='a,"\n\r\0 ;', max_size=60))
def test_any_text_is_read_without_an_error_and_in_order(text: str) -> None:
    items = read(text)
    starts = [item.line for item in items]
    assert starts == sorted(set(starts))
    physical = len(io.StringIO(text, newline="").readlines())
    assert all(1 <= start <= physical for start in starts)


@given(st.lists(st.lists(st.text(alphabet='ab,";\n\té€', max_size=6), min_size=2, max_size=4), max_size=8))
def test_what_the_csv_writer_wrote_is_read_back(rows: list[list[str]]) -> None:
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(rows)
    assert [item.cells for item in read(out.getvalue()) if isinstance(item, Record)] == rows


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"", "utf-8"),
        (b"plain", "utf-8"),
        ("Größe €".encode(), "utf-8"),
        ("Größe".encode("utf-8-sig"), "utf-8-sig"),
        ("Größe".encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + "Größe".encode("utf-16-be"), "utf-16"),
        ("Größe €".encode("cp1252"), "cp1252"),
        ("Größe €".encode()[:-1], "utf-8"),  # cut within the last character
        (b"a" * (3 * 1024 * 1024) + b"\xe9", "cp1252"),  # the only clue is at the end
        (b"a" * (1024 * 1024 - 1) + "é".encode(), "utf-8"),  # a character across two pieces of the scan
    ],
)
def test_the_encoding_is_decided_by_the_whole_file(data: bytes, encoding: str) -> None:
    assert encoding_of(io.BytesIO(data)) == encoding


def test_a_file_stays_open_and_bad_bytes_become_the_replacement_character() -> None:
    file = io.BytesIO(b"\xef\xbb\xbfa,b\xff\n")
    assert list(file_records(file, "utf-8-sig", ",")) == [Record(1, ["a", "b\ufffd"])]
    unfinished = file_records(file, "utf-8-sig", ",")
    assert isinstance(next(unfinished), Record)
    del unfinished
    assert not file.closed
