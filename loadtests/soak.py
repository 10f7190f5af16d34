"""Show after show on one deployment: does anything grow that should not?"""

import time
from pathlib import Path
from typing import Final

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from loadtests.deployment_http import Deployment
from loadtests.limits import GROWTH_MOST, WARM_UP_S, WINDOW_S
from loadtests.memory import Memory
from loadtests.memory_watch import MemoryWatch
from loadtests.names import STORES
from loadtests.play import Plan, play
from loadtests.stored import Growth
from loadtests.stored_watch import StoredWatch, print_growth
from loadtests.verifier.command import new_console

REPORT: Final = "soak.json"


class SoakReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a soak found.

    Attributes:
        shows: how many were played.
        broken: verdicts of those that were not held.
        orders: of all shows.
        memory: of each role; empty when there was no time for a warm-up and two windows.
        stored: what Redis and Postgres kept after the warm-up and at the end.
    """

    took_s: float
    shows: int
    broken: list[str]
    orders: int
    memory: list[Memory]
    stored: list[Growth]

    @property
    def grown(self) -> list[str]:
        """Roles that grew too much; what the stores keep was bought, and is shown only."""
        return [one.role for one in self.memory if one.role not in STORES and one.growth > GROWTH_MOST]


def soak(plan: Plan, place: Deployment, folder: Path, for_s: float) -> bool:
    """Play shows for ``for_s`` seconds, one at least, print and write what was found, and return whether all is well.

    Raises:
        LoadError: a tool failed.
    """
    began_s = time.monotonic()
    watch, stored = MemoryWatch(place.pids), StoredWatch(place.stores, WARM_UP_S)
    shows, orders = 0, 0
    broken: list[str] = []
    try:
        while shows == 0 or time.monotonic() - began_s < for_s:
            report = play(plan, place, folder, prints=False)
            shows += 1
            orders += report.waits["confirm"].count if "confirm" in report.waits else 0
            broken += [] if report.held else [f"show {shows}: {report.verdict}"]
            watch.samples.write(folder / "memory.csv")
            click.echo(f"{time.monotonic() - began_s:7.0f} s  show {shows}: {report.verdict}")
        grown = stored.end()
    finally:
        stored.stop()
        samples = watch.stop()
    samples.write(folder / "memory.csv")
    found = SoakReport(
        took_s=round(time.monotonic() - began_s),
        shows=shows,
        broken=broken,
        orders=orders,
        memory=samples.summary(WARM_UP_S, WINDOW_S),
        stored=grown,
    )
    (folder / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    _print(found, new_console())
    return not found.broken and not found.grown


def _print(found: SoakReport, console: Console) -> None:
    if found.stored:
        print_growth(found.stored, console)
    table = Table(box=box.SIMPLE, title=f"{found.shows} shows, {found.orders:,} orders", title_justify="left")
    table.add_column("role")
    for name in ("after warm-up, MiB", "at the end, MiB", "most, MiB", "growth"):
        table.add_column(name, justify="right")
    for one in found.memory:
        figures = (one.first_mib, one.last_mib, one.most_mib)
        table.add_row(one.role, *(f"{figure:,.1f}" for figure in figures), f"{one.growth:+.1%}")
    console.print(table)
    if not found.memory:
        console.print(f"too short for memory: it takes {WARM_UP_S + 2 * WINDOW_S:.0f} s", highlight=False)
    broken = found.broken + [f"{role} grew" for role in found.grown]
    console.print("BROKEN: " + "; ".join(broken) if broken else "held", style="bold", markup=False, highlight=False)
