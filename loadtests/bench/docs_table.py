"""The table in the documentation, made from the results; pure but for reading and writing the two."""

from pathlib import Path
from typing import Final

from loadtests.bench.result import FLOOR, OURS, Record, figure, ratio_text, read_results
from loadtests.server_http import LoadError

BEGIN: Final = "<!-- made by python -m loadtests.bench --write-docs -->"
END: Final = "<!-- end -->"


def write_docs(page: Path, folder: Path, rows: list[str]) -> None:
    """Replace what stands between the markers of a page by the table of the results in a folder.

    Raises:
        LoadError: there are no results, or the page has no markers.
    """
    records = read_results(folder, rows)
    if not records:
        raise LoadError(f"there are no results in {folder}; run the benchmarks first")
    page.write_text(replaced(page.read_text(encoding="utf-8"), table(records)), encoding="utf-8")


def replaced(text: str, made: str) -> str:
    """Return the page with ``made`` between its markers.

    Raises:
        LoadError: it has none.
    """
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise LoadError(f"the page has no place for the table: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{made}{END}{after}"


def table(records: list[Record]) -> str:
    """Return the results in Markdown: the table, then where and when each part of it was measured."""
    names = [name for record in records for name in record.result.columns if name not in (FLOOR, OURS)]
    columns = [FLOOR, OURS, *dict.fromkeys(names)]
    heads = ["what", *columns, "ratio", "must reach", "result"]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for record in records:
        result = record.result
        verdict = "pass" if result.passed else "fail"
        cells = [result.what, *(figure(result, one) for one in columns), ratio_text(result), result.limit, verdict]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n\n" + "\n".join(dict.fromkeys(_where(record) for record in records)) + "\n"


def _where(record: Record) -> str:
    machine, versions = record.machine, record.versions
    names = ", ".join(f"{name} {number}" for name, number in versions.items())
    return f"{record.at[:10]}, {machine['processor']}, {machine['cores']} cores, {machine['system']}; {names}."
