"""The tables in the documentation, made from results; pure but for reading and writing files."""

from collections.abc import Iterable, Mapping
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


def write_docs(page: Path, folder: Path, rows: list[str]) -> None:
    """Replace what stands between the markers of a page by the table of the results in a folder.

    Raises:
        LoadError: there are no results, or the page has no markers.
    """
    records = read_results(folder, rows)
    if not records:
        raise LoadError(f"there are no results in {folder}; run the benchmarks first")
    page.write_text(replaced(page.read_text(encoding="utf-8"), BEGIN, table(records)), encoding="utf-8")


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


def table(records: list[Record]) -> str:
    """Return the results in Markdown: the table, then where and when each part of it was measured."""
    rows = []
    for record in records:
        result = record.result
        verdict = "pass" if result.passed else "fail"
        figures = (figure(result, column) for column in (FLOOR, OURS))
        rows.append([result.what, *figures, ratio_text(result), result.limit, verdict])
    made = markdown(("what", FLOOR, OURS, "ratio", "must reach", "result"), rows)
    places = dict.fromkeys(where(record.at, record.machine, record.versions) for record in records)
    return made + "\n" + "\n".join(places) + "\n"


def markdown(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    heads = list(heads)
    lines = [_row(heads), "|---" * len(heads) + "|", *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def where(at: str, machine: Mapping[str, str | int], versions: Mapping[str, str]) -> str:
    """Return one line that says when, on what machine, and with which versions something was measured."""
    names = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"{at[:10]}, {machine['processor']}, {machine['cores']} cores, {machine['system']}; {names}."


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
