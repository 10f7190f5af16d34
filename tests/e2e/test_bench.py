"""The benchmarks run whole, at sizes whose figures say nothing."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytestmark = pytest.mark.timeout(110)

FAN_OUT_ROWS = ("one", "together", "memory", "resume", "stalled")
FAN_OUT_RESULTS = ("one", "together", "memory", "resume", "resume-reads", "stalled", "stalled-memory")
FAN_OUT_COUNTED = ("resume", "stalled-memory")
"""Results that do not depend on how fast the machine is."""

FAN_OUT_VIEWERS = 300

CLAIM_ROWS = ("claims-accepted", "claims-refused", "drop", "expiry")
CLAIM_RESULTS = ("claims-accepted", "claims-accepted-p99", "claims-refused", "drop", "drop-at-once", "expiry")
CLAIM_COUNTED = ("drop", "drop-at-once", "expiry")

GROWTH_RESULTS = ("growth-viewer", "growth-claim", "growth-refusal")

PAID_RESULTS = ("paid", "paid-p99")
FILLED_ROWS = ("paid-grown", "export")
FILLED_RESULTS = ("paid-grown", "export", "export-memory")


async def run_bench(rows: tuple[str, ...], results: tuple[str, ...], folder: Path) -> tuple[dict[str, Any], str]:
    """Run rows; return their records by name, and what was printed."""
    words = ["-m", "loadtests.bench", *rows, "--quick", "--results", str(folder)]
    bench = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=PIPE, stderr=STDOUT)
    printed, _ = await asyncio.wait_for(bench.communicate(), 100)
    assert bench.returncode in (0, 1), printed.decode()
    found = {name: msgspec.json.decode((folder / f"fan-out-{name}.json").read_bytes()) for name in results}
    return found, printed.decode()


def doubts_of(found: dict[str, Any]) -> list[str]:
    """Return what was said against any figure, but that a small crowd keeps its core busy."""
    doubts = [doubt for record in found.values() for doubt in record["result"]["doubts"]]
    return [doubt for doubt in doubts if "load client" not in doubt]


async def test_the_fan_out_benchmark_runs_and_nothing_is_lost_in_it(tmp_path: Path) -> None:
    found, printed = await run_bench(FAN_OUT_ROWS, FAN_OUT_RESULTS, tmp_path)
    assert all(found[name]["passed"] for name in FAN_OUT_COUNTED), printed
    # What an idle gateway reads in that time is taken off: a machine that stands still for a moment makes it inexact.
    assert found["resume-reads"]["result"]["columns"]["ours"] < FAN_OUT_VIEWERS / 3, printed


async def test_the_claim_benchmark_runs_and_every_claim_has_one_right_answer(tmp_path: Path) -> None:
    found, printed = await run_bench(CLAIM_ROWS, CLAIM_RESULTS, tmp_path)
    assert all(found[name]["passed"] for name in CLAIM_COUNTED), printed
    assert not doubts_of(found), printed


async def test_the_growth_benchmark_runs_and_tells_the_cost_at_every_size(tmp_path: Path) -> None:
    found, printed = await run_bench(("growth",), GROWTH_RESULTS, tmp_path)
    # A busy machine may bring fewer state frames, or claims at a slower pace: here the figures say nothing.
    wrong = [doubt for doubt in doubts_of(found) if "state frames a second" not in doubt and "claims took" not in doubt]
    assert not wrong, printed
    for record in found.values():
        assert record["result"]["columns"]["ours"] > 0
        assert "at 60, 120, 240 viewers (spread " in record["result"]["what"]


async def test_the_paid_benchmark_runs_and_every_purchase_is_one_captured_order(tmp_path: Path) -> None:
    found, printed = await run_bench(("paid",), PAID_RESULTS, tmp_path)
    assert not doubts_of(found), printed


async def test_purchases_and_the_export_are_right_with_a_filled_table_too(tmp_path: Path) -> None:
    found, printed = await run_bench(FILLED_ROWS, FILLED_RESULTS, tmp_path)
    assert not doubts_of(found), printed
    assert found["export-memory"]["passed"], printed
