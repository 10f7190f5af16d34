"""``python -m loadtests.sizing``: the sizing tables of ``docs/operations.md``, from what was measured."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

import click
import msgspec

from loadtests.bench.docs_table import begin_of, replaced
from loadtests.bench.result import PREFIX, Record
from loadtests.errors import LoadError
from loadtests.limits import EXIT_CANNOT, WARM_UP_S, WINDOW_S
from loadtests.sizing_input import BENCH_ROWS, Measured, Played, RateFile, SizeFile, Soaked
from loadtests.sizing_table import sizing, soak_sizing
from loadtests.soak import REPORT

PAGE: Final = Path(__file__).parents[1] / "docs" / "operations.md"
"""Where the tables stand."""

PLAYED: Final = ("S", "M", "L")
"""Tiers whose verdicts are read."""

WHOLE: Final = "show"
"""The shape of a whole show: figures of parts of it say less, or more."""

SOAK_TIER: Final = "S"

_SOAK_COMMAND: Final = f"make load TIER={SOAK_TIER} ARGS='--for-s 7200'"

_File = TypeVar("_File", bound=msgspec.Struct)

_FOLDER = click.Path(file_okay=False, path_type=Path)

PARTS: Final[Mapping[str, Callable[[Path, Path], str]]] = {
    "rates": lambda bench, load: sizing(read_measured(bench, load)),
    "soak": lambda _, load: soak_sizing(read_soaked(load), f"{SOAK_TIER}/{REPORT}"),
}
"""The tables, each with what makes it from the folders of the benchmarks and of the load tests."""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)), metavar="[rates] [soak]")
@click.option("--bench", type=_FOLDER, default=Path("bench-results"), show_default=True, help="Of the benchmarks.")
@click.option("--load", type=_FOLDER, default=Path("load-results"), show_default=True, help="Of the load tests.")
@click.option("--write-docs", "docs", is_flag=True, help="Rewrite the tables in docs/operations.md; else print them.")
def main(parts: tuple[str, ...], bench: Path, load: Path, *, docs: bool) -> None:
    """Make the sizing tables from the newest results: rates from benchmarks and load tests, and what a soak shows.

    Without a name, both.

    Exit code: 0 when they are made, 2 when something was not measured yet; the line says what to run.
    """
    try:
        made = {part: PARTS[part](bench, load) for part in parts or PARTS}
        for part, table in made.items():
            if docs:
                write_page(PAGE, part, table)
            else:
                click.echo(table, nl=False)
    except LoadError as error:
        click.echo(f"sizing: {error}", err=True)
        sys.exit(EXIT_CANNOT)


def marker_of(part: str) -> str:
    """Return what stands before a table."""
    return begin_of(f"python -m loadtests.sizing {part}")


def write_page(page: Path, part: str, made: str) -> None:
    """Replace what stands between the markers of a table.

    Raises:
        LoadError: the page has no markers.
    """
    page.write_text(replaced(page.read_text(encoding="utf-8"), marker_of(part), made), encoding="utf-8")


def read_measured(bench: Path, load: Path) -> Measured:
    """Return what two folders of results hold.

    Args:
        bench: what ``make bench`` writes.
        load: what ``make load`` writes, a folder for each tier.

    Raises:
        LoadError: a file is missing, cannot be read, or is of a run whose figures do not count.
    """
    return Measured(
        bench={row: _bench_row(bench, row) for row in BENCH_ROWS},
        claims=_read(bench / "claims.json", RateFile, "showdrop bench claims"),
        holds=_read(bench / "claims-memory.json", SizeFile, "showdrop bench claims"),
        settle=_read(bench / "settle.json", RateFile, "showdrop bench settle"),
        tiers={tier: _played(load, tier) for tier in PLAYED},
    )


def read_soaked(folder: Path) -> Soaked:
    """Return what the newest soak found.

    Args:
        folder: what ``make load`` writes, a folder for each tier.

    Raises:
        LoadError: there was none, or its figures do not count.
    """
    path = folder / SOAK_TIER / REPORT
    soaked = _read(path, Soaked, _SOAK_COMMAND)
    if not soaked.memory or not soaked.stored:
        least_s = WARM_UP_S + 2 * WINDOW_S
        raise LoadError(f"{path} is of a soak of less than {least_s:.0f} s; a longer one: {_SOAK_COMMAND}")
    return soaked


def _bench_row(folder: Path, row: str) -> Record:
    path, command = folder / f"{PREFIX}{row}.json", f"python -m loadtests.bench {row}"
    record = _read(path, Record, command)
    if record.result.doubts:
        raise LoadError(f"{path} is in doubt ({record.result.doubts[0]}); measure again: {command}")
    return record


def _played(folder: Path, tier: str) -> Played:
    path, command = folder / tier / "verdict.json", f"make load TIER={tier}"
    played = _read(path, Played, command)
    if played.shape != WHOLE:
        raise LoadError(f"{path} is of the shape {played.shape} and not of a whole show; this makes it: {command}")
    if not played.held or not played.cpu:
        raise LoadError(f"{path} is of a run that was not held, or whose server was elsewhere; again: {command}")
    return played


def _read(path: Path, kind: type[_File], command: str) -> _File:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise LoadError(f"{path} cannot be read ({error.strerror}); this makes it: {command}") from error
    except msgspec.DecodeError as error:
        raise LoadError(f"{path} is not what was expected ({error}); this makes it anew: {command}") from error


if __name__ == "__main__":
    main()
