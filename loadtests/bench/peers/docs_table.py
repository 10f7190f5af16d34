"""The peers' table in the documentation, made from ``peers.json``; pure but for reading and writing files."""

from pathlib import Path
from typing import Final

from loadtests.bench.docs_table import begin_of, markdown, replaced, where
from loadtests.bench.peers.report import HEADS, Report, read_report, remarks, rows
from loadtests.errors import LoadError

BEGIN: Final = begin_of("python -m loadtests.bench.peers")


def write_docs(page: Path, folder: Path) -> None:
    """Replace what stands between the markers of a page by the table of the ``peers.json`` in a folder.

    Raises:
        LoadError: nobody was measured, or the page has no markers.
    """
    report = read_report(folder)
    if report is None or not report.figures:
        raise LoadError(f"nobody was measured in {folder}; the table in {page.name} stays as it is")
    page.write_text(replaced(page.read_text(encoding="utf-8"), BEGIN, table(report)), encoding="utf-8")


def table(report: Report) -> str:
    """Return the report in Markdown: the table, its sizes, whatever speaks against a figure, and where it was made."""
    sizes = report.sizes
    lines = [f"{sizes.viewers:,} viewers, the server on one core; medians of {sizes.rounds} rounds."]
    lines += [where(report.at, report.machine, report.versions)]
    said = remarks(report)
    if said:
        lines += ["", *(f"- {remark}" for remark in said)]
    return markdown(HEADS, rows(report.figures)) + "\n" + "\n".join(lines) + "\n"
