"""``showdrop bench claims`` where it cannot measure: one line that says why, and the exit code that says "cannot"."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

CANNOT = 2


async def bench_claims(folder: Path) -> tuple[int | None, list[str]]:
    """Run it with nothing but ``folder`` on the PATH; return the exit code and what was said."""
    showdrop = Path(sys.executable).with_name("showdrop")
    words = [sys.executable, str(showdrop), "bench", "claims", "--results", str(folder / "results")]
    bench = await asyncio.create_subprocess_exec(
        *words, env=os.environ | {"PATH": str(folder)}, stdout=PIPE, stderr=STDOUT
    )
    try:
        said, _ = await asyncio.wait_for(bench.communicate(), 50)
    finally:
        if bench.returncode is None:
            bench.kill()
            await bench.wait()
    return bench.returncode, said.decode().splitlines()


async def test_without_redis_benchmark_nothing_is_started(tmp_path: Path) -> None:
    missing = "redis-benchmark is not on the PATH; install it (Debian: apt-get install redis-tools)"
    assert await bench_claims(tmp_path) == (CANNOT, [f"bench: {missing}"])


async def test_a_redis_benchmark_that_fails_ends_the_run_in_one_line(tmp_path: Path) -> None:
    program = tmp_path / "redis-benchmark"
    program.write_text("#!/bin/sh\necho 'not today' >&2\nexit 1\n")
    program.chmod(0o755)
    code, lines = await bench_claims(tmp_path)
    assert (code, lines[0]) == (CANNOT, "measuring claims ..."), lines
    [line] = lines[1:]
    assert line.startswith("bench: redis-benchmark made 0 holds of ")
    assert line.endswith(": not today")
