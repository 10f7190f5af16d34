"""``python -m tests.faults.run_mutants``: break a copy of the code in every way of ``mutants.py``, and run its tests.

A mutant that no test notices is an error that nobody would notice. Exit 1 when there is one.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tests.faults.mutant import Mutant
from tests.faults.mutants import MUTANTS

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("kit", "inventory", "checkout", "live", "loadtests", "tests", "samples")
FILES: Final = ("pyproject.toml",)
OUTPUT: Final = Path("bench-results") / "mutants.json"

TESTS_MOST_S: Final = 300
"""Seconds that a mutant's tests may take; one that makes them hang was noticed."""

FAILED: Final = 1
"""How pytest ends when a test failed; every other end says that the tests could not be run."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one mutant; ``by`` is the first test that noticed it."""

    mutant: str
    breaks: str
    noticed: bool
    by: str
    took_s: float


@click.command()
@click.option("--mutants", "names", help="names, separated by commas; all by default")
@click.option("--at-once", type=click.IntRange(1), default=2, show_default=True)
def main(names: str | None, at_once: int) -> None:
    """Break the code on purpose; every time a test must fail."""
    known = {mutant.name: mutant for mutant in MUTANTS}
    wanted = list(known) if names is None else names.split(",")
    if unknown := [name for name in wanted if name not in known]:
        raise click.UsageError(f"no such mutant: {', '.join(unknown)}; there are {', '.join(known)}")
    console = Console()
    outcomes = []
    with ThreadPoolExecutor(at_once) as threads:
        for outcome in threads.map(try_mutant, (known[name] for name in wanted)):
            console.print(f"{outcome.mutant}: {outcome.by or 'NOBODY noticed'}", markup=False, highlight=False)
            outcomes.append(outcome)
    console.print(_table(outcomes))
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_bytes(msgspec.json.format(msgspec.json.encode(outcomes)))
    sys.exit(0 if all(outcome.noticed for outcome in outcomes) else 1)


def try_mutant(mutant: Mutant) -> Outcome:
    """Run a mutant's tests in a copy of the code.

    Raises:
        RuntimeError: the tests could not be run at all.
    """
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = Path(folder)
        _copy(tree)
        mutant.apply(tree)
        by = _first_failure(tree, mutant.by) or _first_failure(tree, *mutant.tests)
    return Outcome(
        mutant=mutant.name,
        breaks=mutant.breaks,
        noticed=by is not None,
        by=by or "",
        took_s=round(time.monotonic() - began, 1),
    )


def _copy(tree: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", ".mypy_cache", ".hypothesis")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=ignore)
    for file in FILES:
        shutil.copy(ROOT / file, tree / file)


def _first_failure(tree: Path, *tests: str) -> str | None:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-p", "no:cacheprovider", *tests]
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "SHOWDROP_MACHINE_SHRINK": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - our own tests
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=TESTS_MOST_S
        )
    except subprocess.TimeoutExpired:
        return "the tests did not end"
    if done.returncode not in (0, FAILED):
        raise RuntimeError(f"pytest ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    return next(_failures(done.stdout), "a test that pytest does not name") if done.returncode == FAILED else None


def _failures(printed: str) -> Iterator[str]:
    for line in printed.splitlines():
        if line.startswith(("FAILED ", "ERROR ")):
            yield line.split(" ")[1]


def _table(outcomes: list[Outcome]) -> Table:
    table = Table(title="Mutants", title_justify="left", box=box.SIMPLE)
    table.add_column("mutant", no_wrap=True)
    table.add_column("what is wrong then, and the test that noticed it")
    table.add_column("took", justify="right", no_wrap=True)
    for outcome in outcomes:
        by = Text(outcome.by.rpartition("::")[2] or "NOBODY", style="green" if outcome.noticed else "bold red")
        table.add_row(outcome.mutant, Text(f"{outcome.breaks}\n").append(by), f"{outcome.took_s:.0f} s")
    return table


if __name__ == "__main__":
    main()
