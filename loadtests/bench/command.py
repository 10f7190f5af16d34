"""``python -m loadtests.bench``: the table of the fan-out benchmarks, with pass or fail per row."""

import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click
import msgspec
from rich.console import Console

from loadtests.bench.cores import choose_cores
from loadtests.bench.disk import require_room
from loadtests.bench.docs_table import DOCS, write_docs
from loadtests.bench.limits import FULL, OTHER_FILES, QUICK, Sizes
from loadtests.bench.result import RowResult, print_results, write_results
from loadtests.bench.rows import RESULTS, ROWS, run_rows
from loadtests.errors import LoadError
from loadtests.limits import EXIT_CANNOT
from loadtests.open_files import allow_files

PLAIN_COLUMNS = 180
"""Width of the table where nobody says how wide the screen is."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("rows", nargs=-1, type=click.Choice([*ROWS, "all"]), metavar="[ROW]...")
@click.option("--viewers", type=click.IntRange(20), help="Viewers of the rows about events, but `many`.")
@click.option("--quick", is_flag=True, help="Small sizes: shows that everything works; the figures say nothing.")
@click.option(
    "--results",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("bench-results"),
    show_default=True,
    help="Folder of the JSON files.",
)
@click.option("--write-docs", "docs", is_flag=True, help="Rewrite the table in docs/benchmarks.md from the results.")
def main(rows: tuple[str, ...], viewers: int | None, *, quick: bool, folder: Path, docs: bool) -> None:
    """Measure ROWs (all by default): what an event to many viewers costs, how fast claims are answered and orders paid.

    All of them take about half an hour, and paid-grown 40 GB of free disk in the temporary directory.

    Exit code: 0 when every row reaches its limit, 1 when not, 2 when it cannot be measured here.
    """
    signal.signal(signal.SIGTERM, _leave)
    screen = Console(stderr=True)
    sizes = QUICK if quick else FULL
    if viewers is not None:
        sizes = msgspec.structs.replace(sizes, viewers=viewers)
    names = ROWS if not rows or "all" in rows else rows
    try:
        results = _measure(names, sizes, screen)
    except LoadError as error:
        _give_up(error, screen)
    write_results(results, folder, at=datetime.now(UTC).isoformat(timespec="seconds"))
    console = Console() if sys.stdout.isatty() else Console(width=PLAIN_COLUMNS)
    print_results(results, console)
    if quick:
        console.print("at these sizes the figures say nothing: a FAIL is no finding", highlight=False)
    console.print(f"written: {folder}", highlight=False)
    if docs:
        try:
            write_docs(DOCS, folder, list(RESULTS))
        except LoadError as error:
            _give_up(error, screen)
    sys.exit(0 if all(result.passed for result in results) else 1)


def _give_up(error: LoadError, screen: Console) -> NoReturn:
    screen.print(f"bench: {error}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(EXIT_CANNOT)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave in order when told to end: the servers that were started here are groups of their own."""
    sys.exit(128 + number)


def _measure(names: Sequence[str], sizes: Sizes, screen: Console) -> list[RowResult]:
    def tell(line: str) -> None:
        screen.print(f"bench: {line}", highlight=False, markup=False)

    folder = Path(tempfile.gettempdir())
    require_room(names, sizes.grown_orders, folder=folder, free_bytes=shutil.disk_usage(folder).free)
    most = max(
        sizes.viewers,
        sizes.many_viewers if {"many", "drop"} & set(names) else 0,
        sizes.refused_viewers,
        sizes.growth_viewers[-1] if "growth" in names else 0,
    )
    allow_files(most + OTHER_FILES)
    cores = choose_cores()
    if not cores.server:
        tell("one core only: the server and the load client share it, and the figures say little")
    return run_rows(names, sizes, cores, tell)
