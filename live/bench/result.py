"""What a benchmark found, as a table and as JSON."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """One way of doing it: the best round."""

    way: str
    items: int
    seconds: float

    @property
    def per_s(self) -> float:
        """Items per second."""
        return self.items / self.seconds


class BenchResult(msgspec.Struct, frozen=True, kw_only=True):
    """A benchmark's result.

    Attributes:
        unit: what the items are.
        floor: the plain way, measured in the same run.
        ours: the way that the program goes.
        servers: versions of the servers it ran against, by name.
    """

    name: str
    unit: str
    floor: Measured
    ours: Measured
    servers: dict[str, str]

    @property
    def ratio(self) -> float:
        """How many times faster ours is."""
        return self.ours.per_s / self.floor.per_s


def print_results(results: list[BenchResult], console: Console) -> None:
    """Print one table."""
    table = Table(box=box.SIMPLE)
    table.add_column("benchmark")
    table.add_column("way")
    table.add_column("per second", justify="right")
    table.add_column("ratio", justify="right")
    for result in results:
        table.add_row(result.name, result.floor.way, f"{result.floor.per_s:,.0f} {result.unit}", "1")
        table.add_row("", result.ours.way, f"{result.ours.per_s:,.0f} {result.unit}", f"{result.ratio:.1f}")
    console.print(table)


def write_result(result: BenchResult, folder: Path, *, at: str) -> Path:
    """Write ``folder/NAME.json`` and return its path; ``at`` is the date and time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    document = {
        "name": result.name,
        "at": at,
        "unit": result.unit,
        "floor": _measured(result.floor),
        "ours": _measured(result.ours),
        "ratio": round(result.ratio, 2),
        "machine": _machine(),
        "versions": _versions() | result.servers,
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    return path


def _measured(one: Measured) -> Mapping[str, object]:
    return {"way": one.way, "items": one.items, "seconds": round(one.seconds, 4), "per_s": round(one.per_s)}


def _machine() -> dict[str, object]:
    return {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()}


def _versions() -> dict[str, str]:
    packages = ("showdrop", "asyncpg", "redis", "uvloop", "msgspec")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
