"""What a row found: on screen, and as JSON in the results' folder."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

FLOOR: Final = "floor"
OURS: Final = "ours"
PREFIX: Final = "fan-out-"


class RowResult(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    Attributes:
        row: its name.
        what: what was measured, for people.
        unit: of the figures.
        columns: the figures, by target: ``ours``, and ``floor`` where there is one.
        limit: what ours must reach, for people.
        reached: whether it does.
        doubts: why the figure may not count, such as a load client that was too busy; then the row fails.
        details: further figures, for whoever looks closer.
    """

    row: str
    what: str
    unit: str
    columns: dict[str, float]
    limit: str
    reached: bool
    doubts: list[str] = []
    details: dict[str, float | str] = {}

    @property
    def passed(self) -> bool:
        """Whether the limit is reached by a figure that counts."""
        return self.reached and not self.doubts

    @property
    def ratio(self) -> float | None:
        """Ours against the floor; None without a floor."""
        floor = self.columns.get(FLOOR)
        return self.columns[OURS] / floor if floor else None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A result as it is written: with the date, the machine and the versions."""

    at: str
    machine: dict[str, str | int]
    versions: dict[str, str]
    ratio: float | None
    passed: bool
    result: RowResult


def print_results(results: list[RowResult], console: Console) -> None:
    """Print one table, and below it every doubt."""
    table = Table(box=box.SIMPLE)
    table.add_column("row")
    table.add_column("what", overflow="fold")
    for name in (FLOOR, OURS):
        table.add_column(name, justify="right")
    for name in ("ratio", "must reach", ""):
        table.add_column(name, justify="right" if name == "ratio" else "left")
    for result in results:
        figures = [figure(result, name) for name in (FLOOR, OURS)]
        verdict = "[green]pass[/]" if result.passed else "[bold red]FAIL[/]"
        table.add_row(result.row, result.what, *figures, ratio_text(result), result.limit, verdict)
    console.print(table)
    for result in results:
        for doubt in result.doubts:
            console.print(f"{result.row}: {doubt}", highlight=False, markup=False)


def figure(result: RowResult, column: str) -> str:
    """Return a column's figure with its unit; empty when it was not measured."""
    value = result.columns.get(column)
    if value is None:
        return ""
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:,.{digits}f} {result.unit}".strip()


def ratio_text(result: RowResult) -> str:
    """Return the ratio in two digits, or nothing."""
    return "" if result.ratio is None else f"{result.ratio:.2f}"


def write_results(results: list[RowResult], folder: Path, *, at: str) -> None:
    """Write ``folder/fan-out-ROW.json`` for each; ``at`` is the date and time."""
    folder.mkdir(parents=True, exist_ok=True)
    for result in results:
        record = Record(
            at=at,
            machine=machine(),
            versions=versions(),
            ratio=None if result.ratio is None else round(result.ratio, 3),
            passed=result.passed,
            result=result,
        )
        path = folder / f"{PREFIX}{result.row}.json"
        path.write_bytes(msgspec.json.format(msgspec.json.encode(record)) + b"\n")


def read_results(folder: Path, rows: list[str]) -> list[Record]:
    """Return what is in the folder of these rows, in their order."""
    paths = [folder / f"{PREFIX}{row}.json" for row in rows]
    return [msgspec.json.decode(path.read_bytes(), type=Record) for path in paths if path.exists()]


def machine() -> dict[str, str | int]:
    """Return what this machine is."""
    return {"system": platform.platform(), "processor": _processor(), "cores": os.cpu_count() or 1}


def versions() -> dict[str, str]:
    """Return the versions of what takes part."""
    packages = ("showdrop", "redis", "uvloop", "msgspec", "websockets")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
