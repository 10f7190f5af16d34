"""What counts as a pass, and what the documentation shows."""

from pathlib import Path

import msgspec
import pytest

from loadtests.bench.docs_table import BEGIN, END, write_docs
from loadtests.bench.result import RowResult, figure, read_results, write_results
from loadtests.errors import LoadError

AT = "2026-01-02T03:04:05+00:00"


RESULT = RowResult(
    row="one",
    what="server CPU per delivery",
    unit="µs",
    columns={"floor": 4.0, "ours": 4.4},
    limit="≤ 1.15 x floor",
    reached=True,
)


def result(**changes: object) -> RowResult:
    return msgspec.structs.replace(RESULT, **changes)


def test_a_figure_in_doubt_does_not_pass() -> None:
    assert result().passed
    assert not result(reached=False).passed
    assert not result(doubts=["the load client used 95% of its core"]).passed


def test_the_ratio_is_to_the_floor_and_there_may_be_none() -> None:
    assert result().ratio == pytest.approx(1.1)
    assert result(columns={"ours": 3.0}).ratio is None


@pytest.mark.parametrize(
    ("value", "text"), [(0.149, "0.15 µs"), (12.34, "12.3 µs"), (5_571.4, "5,571 µs"), (7.0, "7 µs")]
)
def test_a_figure_has_the_digits_that_mean_something(value: float, text: str) -> None:
    assert figure(result(columns={"ours": value}), "ours") == text
    assert figure(result(columns={"ours": value}), "floor") == ""


def test_the_page_gets_the_table_of_what_was_written(tmp_path: Path) -> None:
    write_results([result(), result(row="many", reached=False)], tmp_path, at=AT)
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_docs(page, tmp_path, ["many", "absent", "one"])
    text = page.read_text(encoding="utf-8")
    lines = text.splitlines()
    assert lines[:2] == ["before", BEGIN]
    assert lines[-2:] == [END, "after"]
    assert "old" not in text
    assert lines[2] == "| row | what | floor | ours | ratio | must reach | result | measured |"
    assert (
        lines[4] == "| `many` | server CPU per delivery | 4 µs | 4.40 µs | 1.10 | ≤ 1.15 x floor | fail | 2026-01-02 |"
    )
    assert lines[5].endswith("| pass | 2026-01-02 |")
    assert sum(line.startswith("2026-01-02, ") for line in lines) == 1


def test_a_row_that_was_not_measured_again_stays_with_its_day_and_its_place(tmp_path: Path) -> None:
    rows = ["one", "many", "gone"]
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n", encoding="utf-8")
    write_results([result(row=row, what=f"first {row}") for row in rows], tmp_path / "first", at=AT)
    write_docs(page, tmp_path / "first", rows)
    write_results([result(what="second one")], tmp_path / "second", at="2026-02-03T00:00:00+00:00")
    write_docs(page, tmp_path / "second", ["one", "many"])
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [line.split(" | ")[1] for line in lines[3:5]] == ["second one", "first many"]
    assert [line[-12:-2] for line in lines[3:5]] == ["2026-02-03", "2026-01-02"]
    assert [line[:10] for line in lines[6:8]] == ["2026-01-02", "2026-02-03"]
    write_results([result(row="many")], tmp_path / "third", at="2026-02-03T00:00:00+00:00")
    write_docs(page, tmp_path / "third", ["one", "many"])
    assert "2026-01-02" not in page.read_text(encoding="utf-8"), "nothing of that day is left"


def test_a_result_can_be_read_back(tmp_path: Path) -> None:
    write_results([result()], tmp_path, at=AT)
    [record] = read_results(tmp_path, ["one"])
    assert (record.result, record.at, record.ratio, record.passed) == (result(), AT, 1.1, True)


def test_a_page_without_a_place_or_a_folder_without_results_is_one_line(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("nothing here", encoding="utf-8")
    with pytest.raises(LoadError, match="no results"):
        write_docs(page, tmp_path, ["one"])
    write_results([result()], tmp_path, at=AT)
    with pytest.raises(LoadError, match="one place for the table"):
        write_docs(page, tmp_path, ["one"])
