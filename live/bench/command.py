"""``showdrop bench``."""

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import uvloop
from rich.console import Console

from kit.embedded import EmbeddedServers
from kit.errors import ShowdropError
from kit.migrate import apply_migrations
from kit.postgres import Postgres
from kit.redis_client import connect_redis
from live.bench.claims import bench_claims
from live.bench.limits import CLAIMS_AT_ONCE
from live.bench.result import BenchResult, print_results, write_result
from live.bench.settle import bench_settle
from live.schema import MIGRATIONS

BENCHMARKS: Final = ("claims", "settle")
"""What is measured inside the program."""

FAN_OUT: Final = "fan-out"
"""What is measured from outside, as a load test: a gateway, and viewers in a process of their own."""


SIGNAL_BASE: Final = 128
"""What shells add to a signal's number."""


@click.command("bench")
@click.argument("name", type=click.Choice([*BENCHMARKS, FAN_OUT, "all"]))
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("bench-results"),
    show_default=True,
    help="Folder of the JSON files.",
)
def bench_command(name: str, results: Path) -> None:
    """Measure one benchmark, or all, against servers of their own in a temporary directory.

    Exit code 1 when a row of the fan-out benchmark misses its limit.
    """
    if name != FAN_OUT:
        _measure_inside(BENCHMARKS if name == "all" else (name,), results)
    if name in (FAN_OUT, "all"):
        command = [sys.executable, "-m", "loadtests.bench", "--results", str(results)]
        sys.exit(exit_code(subprocess.run(command, check=False).returncode))  # noqa: S603 - ourselves


def exit_code(returncode: int) -> int:
    """Return what a shell would say of a child's end: 128 and the signal's number when a signal ended it."""
    return returncode if returncode >= 0 else SIGNAL_BASE - returncode


def _measure_inside(names: tuple[str, ...], results: Path) -> None:
    screen = Console(stderr=True)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(_measure(names, screen))
    except ShowdropError as error:
        screen.print(f"bench: {error.message}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    paths = [write_result(result, results, at=at) for result in found]
    console = Console()
    print_results(found, console)
    console.print(f"written: {', '.join(str(path) for path in paths)}", highlight=False)


async def _measure(names: tuple[str, ...], screen: Console) -> list[BenchResult]:
    with tempfile.TemporaryDirectory(prefix="showdrop-bench-") as folder:
        servers = await EmbeddedServers.start(Path(folder))
        try:
            await asyncio.to_thread(apply_migrations, servers.database_url, MIGRATIONS)
            redis = connect_redis(servers.redis_url, max_connections=CLAIMS_AT_ONCE)
            postgres = await Postgres.connect(servers.database_url, max_size=2)
            ways: dict[str, Callable[[], Awaitable[BenchResult]]] = {
                "claims": lambda: bench_claims(redis),
                "settle": lambda: bench_settle(postgres),
            }
            results = []
            for name in names:
                screen.print(f"measuring {name} ...", highlight=False)
                results.append(await ways[name]())
            await redis.aclose()
            await postgres.close()
            return results
        finally:
            await servers.stop()
