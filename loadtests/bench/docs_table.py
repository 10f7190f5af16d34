"""The tables in the documentation, made from results; pure but for reading and writing files."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from loadtests.bench.result import FLOOR, OURS, Record, figure, ratio_text, read_results
from loadtests.errors import LoadError

DOCS: Final = Path(__file__).parents[2] / "docs" / "benchmarks.md"
"""The page."""

_MADE: Final = "<!-- made by "
END: Final = "<!-- end -->"
"""Closes every table: which one, the marker before it says."""


def begin_of(command: str) -> str:
    """Return the marker before the table that a command makes, such as ``python -m loadtests.bench``."""
    return f"{_MADE}{command} --write-docs -->"


BEGIN: Final = begin_of("python -m loadtests.bench")

_DAY_CHARS: Final = len("2026-11-22")


def write_docs(page: Path, folder: Path, rows: list[str]) -> None:
    """Put the results in a folder into the table between the markers of a page; rows without one stay as they are.

    Args:
        page: with the markers.
        folder: of the results.
        rows: names, in the order of the table; the page's others are dropped.

    Raises:
        LoadError: there are no results, or the page has no markers.
    """
    records = read_results(folder, rows)
    if not records:
        raise LoadError(f"there are no results in {folder}; run the benchmarks first")
    text = page.read_text(encoding="utf-8")
    page.write_text(replaced(text, BEGIN, table(records, rows, between(text, BEGIN))), encoding="utf-8")


def between(text: str, begin: str) -> str:
    """Return what stands between the marker ``begin`` and the next ``END``; empty without them."""
    return text.partition(begin)[2].partition(END)[0]


def replaced(text: str, begin: str, made: str) -> str:
    """Return the page with ``made`` between the marker ``begin`` and the ``END`` that belongs to it.

    Raises:
        LoadError: the marker is not there, or twice, or has no end before the next table begins.
    """
    before, found, rest = text.partition(begin)
    old, end, after = rest.partition(END)
    if not found or not end or _MADE in old or begin in after:
        raise LoadError(f"the page needs one place for the table: {begin} and {END}")
    return f"{before}{begin}\n{made}{END}{after}"


def table(records: list[Record], rows: Sequence[str], old: str = "") -> str:
    """Return the results in Markdown: the table, then where and when each part of it was measured.

    Args:
        records: of some rows, or of all.
        rows: names, in the order of the table.
        old: the same as it was, from which rows without a record are taken.
    """
    lines = {line.split("`")[1]: line for line in old.splitlines() if line.startswith("| `")}
    lines |= {record.result.row: _row(_cells(record)) for record in records}
    lines = {row: lines[row] for row in rows if row in lines}
    days = {line.split(" | ")[-1].removesuffix(" |") for line in lines.values()}
    kept = [line for line in old.splitlines() if line.endswith(".") and line[:_DAY_CHARS] in days]
    places = dict.fromkeys([*kept, *(where(record.at, record.machine, record.versions) for record in records)])
    heads = ("row", "what", FLOOR, OURS, "ratio", "must reach", "result", "measured")
    return markdown(heads, []) + "\n".join(lines.values()) + "\n\n" + "\n".join(sorted(places)) + "\n"


def _cells(record: Record) -> tuple[str, ...]:
    result = record.result
    figures = (figure(result, column) for column in (FLOOR, OURS))
    verdict = "pass" if result.passed else "fail"
    name, day = f"`{result.row}`", record.at[:_DAY_CHARS]
    return name, result.what, *figures, ratio_text(result), result.limit, verdict, day


def markdown(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    heads = list(heads)
    lines = [_row(heads), "|---" * len(heads) + "|", *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def where(at: str, machine: Mapping[str, str | int], versions: Mapping[str, str]) -> str:
    """Return one line that says when, on what machine, and with which versions something was measured."""
    names = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"{at[:_DAY_CHARS]}, {machine['processor']}, {machine['cores']} cores, {machine['system']}; {names}."


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
