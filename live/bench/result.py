"""What a benchmark found, as a table and as JSON."""

import os
import platform
from collections.abc import Mapping, Sequence
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


class RateResult(msgspec.Struct, frozen=True, kw_only=True, tag="rate"):
    """How fast ours is, beside something else.

    Attributes:
        unit: what the items are.
        floor: the plain way, or what no way can beat, measured in the same run.
        ours: the way that the program goes.
        least_ratio: how many times as fast as the floor ours has to be.
        least_per_s: items a second that ours has to reach besides; 0 where only the ratio counts.
    """

    name: str
    unit: str
    floor: Measured
    ours: Measured
    least_ratio: float
    least_per_s: float = 0.0

    @property
    def ratio(self) -> float:
        """How many times as fast as the floor ours is."""
        return self.ours.per_s / self.floor.per_s

    @property
    def reached(self) -> bool:
        """Whether ours is as fast as it has to be."""
        return self.ratio >= self.least_ratio and self.ours.per_s >= self.least_per_s


class SizeResult(msgspec.Struct, frozen=True, kw_only=True, tag="size"):
    """How much room something takes.

    Attributes:
        what: it is.
        bytes_each: on average.
        most_bytes: it may take.
    """

    name: str
    what: str
    bytes_each: float
    most_bytes: int

    @property
    def reached(self) -> bool:
        """Whether it is as small as it has to be."""
        return self.bytes_each <= self.most_bytes


class LimitResult(msgspec.Struct, frozen=True, kw_only=True, tag="limit"):
    """A figure that must not be too high.

    Attributes:
        what: was measured.
        unit: of the figure.
        most: that it may be.
        doubts: why it may not count; then the limit is not reached.
        details: further figures, for whoever looks closer.
    """

    name: str
    what: str
    unit: str
    value: float
    most: float
    doubts: list[str]
    details: dict[str, float | str]

    @property
    def reached(self) -> bool:
        """Whether it is as low as it has to be, and counts."""
        return self.value <= self.most and not self.doubts


Result = RateResult | SizeResult | LimitResult


def print_results(results: Sequence[Result], console: Console) -> None:
    """Print one table."""
    table = Table(box=box.SIMPLE)
    table.add_column("benchmark")
    table.add_column("way")
    table.add_column("measured", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column("must reach", justify="right")
    table.add_column("")
    for result in results:
        verdict = "[green]ok[/]" if result.reached else "[bold red]missed[/]"
        match result:
            case RateResult():
                table.add_row(result.name, result.floor.way, f"{result.floor.per_s:,.0f} {result.unit}/s", "1")
                ours = f"{result.ours.per_s:,.0f} {result.unit}/s"
                limit = f"≥ {result.least_ratio:g}"
                if result.least_per_s:
                    limit += f", ≥ {result.least_per_s:,.0f}/s"
                table.add_row("", result.ours.way, ours, f"{result.ratio:.2f}", limit, verdict)
            case SizeResult():
                limit = f"≤ {result.most_bytes} bytes"
                table.add_row(result.name, result.what, f"{result.bytes_each:,.0f} bytes", "", limit, verdict)
            case LimitResult():
                limit = f"≤ {result.most:g} {result.unit}"
                table.add_row(result.name, result.what, f"{result.value:,.2f} {result.unit}", "", limit, verdict)
    console.print(table)
    for result in results:
        if isinstance(result, LimitResult):
            for doubt in result.doubts:
                console.print(f"{result.name}: {doubt}", highlight=False, markup=False)


def write_result(result: Result, folder: Path, *, at: str, servers: Mapping[str, str]) -> Path:
    """Write ``folder/NAME.json`` and return its path.

    Args:
        result: what was found.
        folder: made when missing.
        at: the date and time.
        servers: versions of the servers it ran against, by name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.json"
    document = {
        "at": at,
        **_figures(result),
        "reached": result.reached,
        "machine": _machine(),
        "versions": _versions() | dict(servers),
    }
    path.write_bytes(msgspec.json.format(msgspec.json.encode(document)) + b"\n")
    return path


def _figures(result: Result) -> dict[str, object]:
    figures = msgspec.to_builtins(result)
    if isinstance(result, RateResult):
        figures |= {"floor": _measured(result.floor), "ours": _measured(result.ours), "ratio": round(result.ratio, 2)}
    return dict(figures)


def _measured(one: Measured) -> dict[str, object]:
    return {"way": one.way, "items": one.items, "seconds": round(one.seconds, 4), "per_s": round(one.per_s)}


def _machine() -> dict[str, object]:
    return {"system": platform.platform(), "processor": platform.machine(), "cores": os.cpu_count()}


def _versions() -> dict[str, str]:
    packages = ("showdrop", "asyncpg", "redis", "uvloop", "msgspec")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
