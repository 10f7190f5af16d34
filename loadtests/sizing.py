"""``python -m loadtests.sizing``: the sizing table of ``docs/operations.md``, from what was measured."""

import sys
from pathlib import Path
from typing import Final, TypeVar

import click
import msgspec

from loadtests.bench.docs_table import begin_of, replaced
from loadtests.bench.result import PREFIX, Record
from loadtests.errors import LoadError
from loadtests.limits import EXIT_CANNOT, WARM_UP_S, WINDOW_S
from loadtests.sizing_input import BENCH_ROWS, Measured, Played, RateFile, SizeFile, Soaked
from loadtests.sizing_table import sizing
from loadtests.soak import REPORT

PAGE: Final = Path(__file__).parents[1] / "docs" / "operations.md"
"""Where the table stands."""

BEGIN: Final = begin_of("python -m loadtests.sizing")

PLAYED: Final = ("S", "M", "L")
"""Tiers whose verdicts are read."""

SOAK_TIER: Final = "S"

_SOAK_COMMAND: Final = f"make load TIER={SOAK_TIER} ARGS='--for-s 7200'"

_File = TypeVar("_File", bound=msgspec.Struct)

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--bench", type=_FOLDER, default=Path("bench-results"), show_default=True, help="Of the benchmarks.")
@click.option("--load", type=_FOLDER, default=Path("load-results"), show_default=True, help="Of the load tests.")
@click.option("--soak/--no-soak", default=True, show_default=True, help="Read, too, what only a soak shows.")
@click.option("--write-docs", "docs", is_flag=True, help="Rewrite the table in docs/operations.md; else print it.")
def main(bench: Path, load: Path, *, soak: bool, docs: bool) -> None:
    """Make the sizing table from the newest results.

    Exit code: 0 when it is made, 2 when something was not measured yet; the line says what to run.
    """
    try:
        made = sizing(read_measured(bench, load, soaks=soak))
        if docs:
            write_page(PAGE, made)
        else:
            click.echo(made, nl=False)
    except LoadError as error:
        click.echo(f"sizing: {error}", err=True)
        sys.exit(EXIT_CANNOT)


def write_page(page: Path, made: str) -> None:
    """Replace what stands between the markers of a page.

    Raises:
        LoadError: the page has no markers.
    """
    page.write_text(replaced(page.read_text(encoding="utf-8"), BEGIN, made), encoding="utf-8")


def read_measured(bench: Path, load: Path, *, soaks: bool) -> Measured:
    """Return what two folders of results hold.

    Args:
        bench: what ``make bench`` writes.
        load: what ``make load`` writes, a folder for each tier.
        soaks: whether a soak is wanted.

    Raises:
        LoadError: a file is missing, cannot be read, or is of a run whose figures do not count.
    """
    return Measured(
        bench={row: _bench_row(bench, row) for row in BENCH_ROWS},
        claims=_read(bench / "claims.json", RateFile, "showdrop bench claims"),
        holds=_read(bench / "claims-memory.json", SizeFile, "showdrop bench claims"),
        settle=_read(bench / "settle.json", RateFile, "showdrop bench settle"),
        tiers={tier: _played(load, tier) for tier in PLAYED},
        soak=_soaked(load) if soaks else None,
        soak_file=f"{SOAK_TIER}/{REPORT}",
    )


def _bench_row(folder: Path, row: str) -> Record:
    path, command = folder / f"{PREFIX}{row}.json", f"python -m loadtests.bench {row}"
    record = _read(path, Record, command)
    if record.result.doubts:
        raise LoadError(f"{path} is in doubt ({record.result.doubts[0]}); measure again: {command}")
    return record


def _played(folder: Path, tier: str) -> Played:
    path, command = folder / tier / "verdict.json", f"make load TIER={tier}"
    played = _read(path, Played, command)
    if not played.held or not played.cpu:
        raise LoadError(f"{path} is of a run that was not held, or whose server was elsewhere; again: {command}")
    return played


def _soaked(folder: Path) -> Soaked:
    path = folder / SOAK_TIER / REPORT
    soaked = _read(path, Soaked, _SOAK_COMMAND)
    if not soaked.memory or not soaked.stored:
        least_s = WARM_UP_S + 2 * WINDOW_S
        raise LoadError(f"{path} is of a soak of less than {least_s:.0f} s; a longer one: {_SOAK_COMMAND}")
    return soaked


def _read(path: Path, kind: type[_File], command: str) -> _File:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except OSError as error:
        raise LoadError(f"{path} cannot be read ({error.strerror}); this makes it: {command}") from error
    except msgspec.DecodeError as error:
        raise LoadError(f"{path} is not what was expected ({error}); this makes it anew: {command}") from error


if __name__ == "__main__":
    main()
