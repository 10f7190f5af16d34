"""The verdict of a load test on screen, and as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

from loadtests.notes import OWN
from loadtests.records import VERDICT
from loadtests.verifier.checks import Verdict, last_line
from loadtests.verifier.evidence import Evidence

SHOWN_MOST: Final = 3
"""Faults of one check that the table shows."""


class Percentiles(msgspec.Struct, frozen=True, kw_only=True):
    """How long one kind of request took, in milliseconds."""

    count: int
    p50_ms: int
    p95_ms: int
    p99_ms: int
    most_ms: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict as it is written."""

    tool: str
    tier: str
    shape: str
    show_id: str
    held: bool
    verdict: str
    verdicts: tuple[Verdict, ...]
    waits: dict[str, Percentiles]
    cpu: dict[str, float]


def make_report(evidence: Evidence, verdicts: Sequence[Verdict], cpu: Mapping[str, float]) -> Report:
    """Put together what is printed and written; ``cpu`` is the cores that each role used on average. Pure."""
    names = sorted({name for run in evidence.runs for name in run.waits})
    return Report(
        tool=evidence.runs[0].tool,
        tier=evidence.scene.tier_name,
        shape=evidence.scene.shape,
        show_id=evidence.host.show_id,
        held=all(verdict.held for verdict in verdicts),
        verdict=last_line(verdicts),
        verdicts=tuple(verdicts),
        waits={name: _percentiles(evidence, name) for name in names},
        cpu=dict(cpu),
    )


def _percentiles(evidence: Evidence, name: str) -> Percentiles:
    waits = evidence.waits(name)
    return Percentiles(
        count=waits.count,
        p50_ms=waits.share_ms(0.5),
        p95_ms=waits.share_ms(0.95),
        p99_ms=waits.share_ms(0.99),
        most_ms=waits.share_ms(1.0),
    )


def print_report(report: Report, console: Console) -> None:
    """Print how long things took, the checks, and the verdict."""
    times = Table(box=box.SIMPLE, title=f"Tier {report.tier}, {report.shape}, by {report.tool}", title_justify="left")
    times.add_column("request")
    for name in ("count", "p50 ms", "p95 ms", "p99 ms", "most ms"):
        times.add_column(name, justify="right")
    for name, one in report.waits.items():
        if name not in OWN:
            figures = (one.count, one.p50_ms, one.p95_ms, one.p99_ms, one.most_ms)
            times.add_row(name, *(f"{figure:,}" for figure in figures))
    console.print(times)
    table = Table(box=box.SIMPLE)
    table.add_column("check")
    table.add_column("")
    table.add_column("figures", overflow="fold")
    for verdict in report.verdicts:
        state = "[green]held[/]" if verdict.held else "[bold red]BROKEN[/]"
        table.add_row(verdict.name, state, verdict.figures if verdict.held else f"{_few(verdict)} ({verdict.figures})")
    console.print(table)
    if report.cpu:
        used = ", ".join(f"{role} {cores:.2f}" for role, cores in report.cpu.items())
        console.print(f"cores used on average: {used}", highlight=False, soft_wrap=True)
    console.print(report.verdict, style="bold green" if report.held else "bold red", highlight=False, soft_wrap=True)


def write_report(report: Report, folder: Path) -> None:
    """Write it beside the records."""
    (folder / VERDICT).write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")


def _few(verdict: Verdict) -> str:
    more = len(verdict.faults) - SHOWN_MOST
    return "; ".join(verdict.faults[:SHOWN_MOST]) + (f"; and {more} more" if more > 0 else "")
