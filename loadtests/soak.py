"""Show after show on one deployment: does anything grow that should not?"""

import time
import traceback
from pathlib import Path
from typing import Final

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from loadtests.deployment_http import Deployment
from loadtests.errors import LoadError
from loadtests.limits import EXIT_CANNOT, WARM_UP_S, WINDOW_S
from loadtests.memory_watch import MemoryWatch
from loadtests.play import Plan, play
from loadtests.soak_report import SoakNotes, SoakReport
from loadtests.stored import Growth
from loadtests.stored_watch import StoredWatch, print_growth
from loadtests.verifier.command import new_console

REPORT: Final = "soak.json"


def soak(plan: Plan, place: Deployment, folder: Path, for_s: float, *, warm_up_s: float = WARM_UP_S) -> int:
    """Play shows for ``for_s`` seconds, one at least; print and write what was found, and return the exit code.

    It ends with the first show that cannot be played or judged, with the first role that ends by itself, and when it is
    told to end. What was found until then is written all the same.

    Args:
        plan: of each show.
        place: where they are played.
        folder: of the records and the report.
        for_s: no show begins later than this.
        warm_up_s: after which growth counts.
    """
    began_s = time.monotonic()
    notes = SoakNotes()
    watch, stored = MemoryWatch(place.pids), StoredWatch(place.stores, warm_up_s)
    try:
        while notes.shows == 0 or time.monotonic() - began_s < for_s:
            report = play(plan, place, folder, prints=False)
            notes.played(report)
            watch.samples.write(folder / "memory.csv")
            click.echo(f"{time.monotonic() - began_s:7.0f} s  show {notes.shows}: {report.verdict}")
            if place.ended():
                break
    except (LoadError, ValueError) as error:
        notes.unable(f"show {notes.shows + 1}: {error}")
    except (KeyboardInterrupt, SystemExit):
        notes.unable(f"show {notes.shows + 1}: it was told to end")
    except Exception as error:  # noqa: BLE001 - whatever it is, what was found before it must not be lost
        traceback.print_exc()
        notes.unable(f"show {notes.shows + 1}: {type(error).__name__}: {error}")
    grown = _look_last(stored, notes)
    notes.ended(place.ended())
    samples = watch.stop()
    took_s = round(time.monotonic() - began_s)
    found = notes.report(took_s=took_s, memory=samples.summary(warm_up_s, WINDOW_S), stored=grown)
    (folder / REPORT).write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
    samples.write(folder / "memory.csv")
    _print(found, new_console())
    return found.exit_code


def _look_last(stored: StoredWatch, notes: SoakNotes) -> list[Growth]:
    try:
        return stored.end()
    except LoadError as error:
        notes.unable(str(error))
        return []


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
    kind = "CANNOT SAY" if found.exit_code == EXIT_CANNOT else "BROKEN"
    verdict = f"{kind}: {'; '.join(found.broken)}" if found.broken else "held"
    console.print(verdict, style="bold", markup=False, highlight=False)
