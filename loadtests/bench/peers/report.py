"""What the peers' run found: one table on screen, and ``peers.json``. The table in the docs: ``docs_table.py``."""

from pathlib import Path
from statistics import median
from typing import Final

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from loadtests.bench.limits import CROWD_MOST_SHARE, EVENTS_TOGETHER
from loadtests.bench.peers.figures import Figures, Pair
from loadtests.bench.peers.limits import Sizes
from loadtests.bench.result import machine, versions

FILE: Final = "peers.json"
HEADS: Final = (
    "server",
    "CPU µs",
    "x floor",
    f"{EVENTS_TOGETHER} together µs",
    "x floor",
    "p99 ms",
    "x floor",
    "KB per viewer",
)
WIDTH: Final = 120
"""Columns of the table in a file or a pipe, so that no name is cut."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The whole run, as it is written; its lists and dicts fill as the run goes on.

    Attributes:
        at: date and time.
        machine: what it ran on.
        versions: of Python and the packages; those of the peers are in their names.
        sizes: of the run.
        figures: of every server measured, in the order of the run.
        absent: by key, what to do to have it measured.
        failed: by key, why a server that is present could not be measured.
    """

    at: str
    machine: dict[str, str | int] = msgspec.field(default_factory=machine)
    versions: dict[str, str] = msgspec.field(default_factory=versions)
    sizes: Sizes
    figures: list[Figures]
    absent: dict[str, str]
    failed: dict[str, str]


def write_report(report: Report, folder: Path) -> Path:
    """Write ``folder/peers.json`` and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return path


def read_report(folder: Path) -> Report | None:
    """Return what ``folder/peers.json`` says; None when there is none."""
    path = folder / FILE
    return msgspec.json.decode(path.read_bytes(), type=Report) if path.exists() else None


def print_report(report: Report, console: Console) -> None:
    """Print the table, and below it whatever speaks against a figure."""
    if not console.is_terminal:
        console.width = WIDTH
    table = Table(box=box.SIMPLE, title=f"{report.sizes.viewers:,} viewers, server on one core, CPU per delivery")
    table.add_column(HEADS[0], no_wrap=True)
    for head in HEADS[1:]:
        table.add_column(head, justify="right")
    for row in rows(report.figures):
        table.add_row(*row)
    console.print(table)
    for line in remarks(report):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def rows(figures: list[Figures]) -> list[list[str]]:
    """Return the table's rows: the floor, the median of all its turns, then everyone who was measured."""
    if not figures:
        return []
    floor = ["floor"]
    for pairs in (
        [one.one_us for one in figures],
        [one.together_us for one in figures],
        [one.p99_ms for one in figures],
    ):
        floor += [f"{median(pair.floor_figure for pair in pairs):.2f}", "1"]
    return [[*floor, ""], *(_row(one) for one in figures)]


def remarks(report: Report) -> list[str]:
    """Return a line for each peer that is absent or failed, and for each figure that may not count."""
    lines = [f"{key}: not found; {remedy}" for key, remedy in report.absent.items()]
    lines += [f"{key}: not measured: {why}" for key, why in report.failed.items()]
    for one in report.figures:
        lines += [f"{one.name}: {fault}" for fault in one.faults]
        if one.crowd_share > CROWD_MOST_SHARE:
            lines.append(f"{one.name}: the load client used {one.crowd_share:.0%} of its core; p99 may be its own")
    return lines


def _row(one: Figures) -> list[str]:
    cells = [*_cells(one.one_us), *_cells(one.together_us), *_cells(one.p99_ms)]
    return [one.name, *cells, f"{one.viewer_bytes / 1024:.1f}"]


def _cells(pair: Pair) -> tuple[str, str]:
    return f"{pair.figure:.2f}", f"{pair.ratio:.2f}"
