"""The benchmarks run whole, at sizes whose figures say nothing."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import msgspec
import pytest

pytestmark = pytest.mark.timeout(110)

ROWS = ("one", "together", "memory", "resume", "stalled")
RESULTS = ("one", "together", "memory", "resume", "resume-reads", "stalled", "stalled-memory")
COUNTED = ("resume", "resume-reads", "stalled-memory")
"""Results that do not depend on how fast the machine is."""


async def test_the_fan_out_benchmark_runs_and_nothing_is_lost_in_it(tmp_path: Path) -> None:
    words = ["-m", "loadtests.bench", *ROWS, "--quick", "--results", str(tmp_path)]
    bench = await asyncio.create_subprocess_exec(sys.executable, *words, stdout=PIPE, stderr=STDOUT)
    printed, _ = await asyncio.wait_for(bench.communicate(), 100)
    assert bench.returncode in (0, 1), printed.decode()
    found = {name: msgspec.json.decode((tmp_path / f"fan-out-{name}.json").read_bytes()) for name in RESULTS}
    assert all(found[name]["passed"] for name in COUNTED), printed.decode()
