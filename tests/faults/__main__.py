"""``python -m tests.faults``: every fault, or those named, under load; exit 1 on any loss."""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

import click
import msgspec
import uvloop
from rich.console import Console

from tests.faults.faults import FAULTS, LONGEST_FIRST
from tests.faults.postgres_server import Databases, databases
from tests.faults.scene import Fault
from tests.faults.table import Row, make_table
from tests.faults.trial import Size, Trial

OUTPUT = Path("bench-results") / "faults.json"


@click.command()
@click.option("--faults", "names", help="names, separated by commas; all by default")
@click.option("--seed", type=int, help="of what buyers do; random by default")
@click.option("--units", type=click.IntRange(2), default=300, show_default=True)
@click.option("--buyers", type=click.IntRange(2), default=240, show_default=True)
@click.option("--runs", type=click.IntRange(1), default=1, show_default=True, help="of each fault, with seeds in a row")
@click.option("--at-once", type=click.IntRange(1), default=1, show_default=True, help="trials side by side")
@click.option("--untried-passes", is_flag=True, help="do not fail for what this machine cannot show")
def main(
    *, names: str | None, seed: int | None, units: int, buyers: int, runs: int, at_once: int, untried_passes: bool
) -> None:
    """Break things while people buy; nothing may be sold twice, left over or lost."""
    known = {fault.name: fault for fault in FAULTS}
    wanted = list(known) if names is None else list(dict.fromkeys(names.split(",")))
    if unknown := [name for name in wanted if name not in known]:
        raise click.UsageError(f"no such fault: {', '.join(unknown)}; there are {', '.join(known)}")
    size = _size(units, buyers)
    first = random.randrange(1_000_000) if seed is None else seed
    trials = [(known[name], first + run) for name in wanted for run in range(runs)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rows = runner.run(run_all(trials, size, at_once))
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_bytes(msgspec.json.format(msgspec.json.encode(rows)))
    sys.exit(0 if all(row.holds or (untried_passes and row.verdict.untried) for row in rows) else 1)


def _size(units: int, buyers: int) -> Size:
    try:
        return Size(units=units, buyers=buyers)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


async def run_all(trials: list[tuple[Fault, int]], size: Size, at_once: int) -> list[Row]:
    """Run trials, so many side by side and the longest first; print what they show.

    Raises:
        BaseExceptionGroup: trials that broke off; the others went on to their end and were printed.
    """
    console = Console()
    gate = asyncio.Semaphore(at_once)
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        async with databases(Path(folder)) as postgres:

            async def run(fault: Fault, seed: int) -> Row:
                async with gate:
                    console.print(f"{fault.name}: {fault.proves} ...")
                    row = await _run_one(fault, size, seed, postgres)
                    _print_faults(console, row)
                    return row

            first = sorted(trials, key=_begins_at)
            ends = await asyncio.gather(*(run(*trial) for trial in first), return_exceptions=True)
    rows = {trial: end for trial, end in zip(first, ends, strict=True) if isinstance(end, Row)}
    console.print(make_table([rows[trial] for trial in trials if trial in rows]))
    if broken := [end for end in ends if isinstance(end, BaseException)]:
        raise BaseExceptionGroup("trials that could not be judged", broken)
    return [rows[trial] for trial in trials]


def _begins_at(trial: tuple[Fault, int]) -> int:
    name = trial[0].name
    return LONGEST_FIRST.index(name) if name in LONGEST_FIRST else len(LONGEST_FIRST)


async def _run_one(fault: Fault, size: Size, seed: int, postgres: Databases) -> Row:
    began = time.monotonic()
    try:
        verdict = await Trial(fault, size, seed=seed, databases=postgres).run()
    except Exception as error:
        error.add_note(f"in {fault.name} --seed {seed}")
        raise
    return Row(
        fault=fault.name,
        proves=fault.proves,
        seed=seed,
        units=size.units,
        buyers=size.buyers,
        took_s=round(time.monotonic() - began, 1),
        verdict=verdict,
    )


def _print_faults(console: Console, row: Row) -> None:
    if row.verdict.untried:
        console.print(f"  {row.fault} not tried: {row.verdict.untried}", markup=False, style="yellow")
    elif not row.holds:
        for line in row.complaints:
            console.print(f"  {row.fault}: {line}", markup=False, style="red")
        again = f"--faults {row.fault} --seed {row.seed} --units {row.units} --buyers {row.buyers}"
        console.print(f"  again: python -m tests.faults {again}", markup=False)


if __name__ == "__main__":
    main()
