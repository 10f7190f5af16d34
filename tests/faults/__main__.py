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

from tests.faults.faults import FAULTS
from tests.faults.postgres_server import databases
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
def main(names: str | None, seed: int | None, units: int, buyers: int, runs: int) -> None:
    """Break things while people buy; nothing may be sold twice, left over or lost."""
    known = {fault.name: fault for fault in FAULTS}
    wanted = list(known) if names is None else names.split(",")
    if unknown := [name for name in wanted if name not in known]:
        raise click.UsageError(f"no such fault: {', '.join(unknown)}; there are {', '.join(known)}")
    size = _size(units, buyers)
    first = random.randrange(1_000_000) if seed is None else seed
    trials = [(known[name], first + run) for name in wanted for run in range(runs)]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rows = runner.run(run_all(trials, size))
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_bytes(msgspec.json.format(msgspec.json.encode(rows)))
    sys.exit(0 if all(row.verdict.holds for row in rows) else 1)


def _size(units: int, buyers: int) -> Size:
    try:
        return Size(units=units, buyers=buyers)
    except ValueError as error:
        raise click.UsageError(str(error)) from error


async def run_all(trials: list[tuple[Fault, int]], size: Size) -> list[Row]:
    """Run trials one after the other and print what they show."""
    console = Console()
    rows = []
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        async with databases(Path(folder)) as postgres:
            for fault, seed in trials:
                console.print(f"{fault.name}: {fault.proves} ...")
                began = time.monotonic()
                verdict = await Trial(fault, size, seed=seed, databases=postgres).run()
                took_s = round(time.monotonic() - began, 1)
                rows.append(
                    Row(
                        fault=fault.name,
                        proves=fault.proves,
                        seed=seed,
                        units=size.units,
                        buyers=size.buyers,
                        took_s=took_s,
                        verdict=verdict,
                    )
                )
                if verdict.untried:
                    console.print(f"  not tried: {verdict.untried}", markup=False, style="yellow")
                for line in verdict.faults:
                    console.print(f"  {line}", markup=False, style="red")
                if verdict.faults:
                    console.print(f"  again: python -m tests.faults --faults {fault.name} --seed {seed}", markup=False)
    console.print(make_table(rows))
    return rows


if __name__ == "__main__":
    main()
