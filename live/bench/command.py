"""``showdrop bench``."""

import asyncio
import contextlib
import subprocess
import sys
import tempfile
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
from live.bench.channel_limits import FULL
from live.bench.channels import bench_channels
from live.bench.claims import bench_claims
from live.bench.limits import CONNECTIONS
from live.bench.result import Result, print_results, write_result
from live.bench.script_redis import find_redis_benchmark, server_version
from live.bench.settle import bench_settle, postgres_version
from live.schema import MIGRATIONS

BENCHMARKS: Final = ("claims", "settle", "channels")
"""What is measured inside the program."""

FAN_OUT: Final = "fan-out"
"""What is measured from outside, as a load test: a gateway, and viewers in a process of their own."""

SWARM: Final = "swarm"
"""A whole show of 10,000 viewers, played by one process on one core, and judged; not part of ``all``."""

EXIT_CANNOT: Final = 2
"""Exit code when something cannot be measured here."""

SIGNAL_BASE: Final = 128
"""What shells add to a signal's number."""


@click.command("bench", short_help="Measure one benchmark, or all.")
@click.argument("name", type=click.Choice([*BENCHMARKS, FAN_OUT, SWARM, "all"]))
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("bench-results"),
    show_default=True,
    help="Folder of the JSON files.",
)
def bench_command(name: str, results: Path) -> None:
    """Measure one benchmark, or all, against servers of their own in a temporary directory.

    `all` takes about forty minutes, and 40 GB of free disk there, for ten million orders of the past; without that
    room `fan-out`, its last part, says so before its first row. Set TMPDIR to choose the disk.

    `claims` and `all` need redis-benchmark (Debian: redis-tools), and say so before anything is measured.

    `swarm` is not part of it: a show of tier L, as `make load TIER=L` plays it.

    Exit code: 0 when every row reaches its limit, 1 when not, 2 when it cannot be measured here.
    """
    if name == SWARM:
        command = [sys.executable, "-m", "loadtests.load", "--tier", "L", "--tool", "swarm", "--results", str(results)]
        sys.exit(exit_code(subprocess.run(command, check=False).returncode))  # noqa: S603 - ourselves
    missed = False
    if name != FAN_OUT:
        missed = not _measure_inside(BENCHMARKS if name == "all" else (name,), results)
    if name in (FAN_OUT, "all"):
        command = [sys.executable, "-m", "loadtests.bench", "--results", str(results)]
        code = exit_code(subprocess.run(command, check=False).returncode)  # noqa: S603 - ourselves
        sys.exit(code or int(missed))
    sys.exit(int(missed))


def exit_code(returncode: int) -> int:
    """Return what a shell would say of a child's end: 128 and the signal's number when a signal ended it."""
    return returncode if returncode >= 0 else SIGNAL_BASE - returncode


def _measure_inside(names: tuple[str, ...], results: Path) -> bool:
    """Measure, print, write; return whether every row reached its limit."""
    screen = Console(stderr=True)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found, servers = runner.run(_measure(names, screen))
    except ShowdropError as error:
        screen.print(f"bench: {error.message}", style="bold red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(EXIT_CANNOT)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    paths = [write_result(result, results, at=at, servers=servers) for result in found]
    console = Console()
    print_results(found, console)
    console.print(f"written: {', '.join(str(path) for path in paths)}", highlight=False)
    return all(result.reached for result in found)


async def _measure(names: tuple[str, ...], screen: Console) -> tuple[list[Result], dict[str, str]]:
    if "claims" in names:
        find_redis_benchmark()
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="showdrop-bench-")))
        servers = await stack.enter_async_context(await EmbeddedServers.start(folder))
        await asyncio.to_thread(apply_migrations, servers.database_url, MIGRATIONS)
        # Both are closed before the servers stop: a pool that is open then tries to connect again, and complains.
        redis = connect_redis(servers.redis_url, max_connections=CONNECTIONS)
        stack.push_async_callback(redis.aclose)
        postgres = await Postgres.connect(servers.database_url, max_size=2)
        stack.push_async_callback(postgres.close)
        versions = {
            "redis_server": await server_version(redis),
            "postgres_server": await postgres_version(postgres),
        }
        results: list[Result] = []
        for name in names:
            screen.print(f"measuring {name} ...", highlight=False)
            if name == "claims":
                results += await bench_claims(redis, servers.redis_url)
            elif name == "settle":
                results.append(await bench_settle(postgres))
            else:
                results += await bench_channels(
                    servers.database_url, folder, FULL, lambda line: screen.print(line, highlight=False)
                )
        return results, versions
