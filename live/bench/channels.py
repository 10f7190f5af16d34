"""``channels``: the work on channels with all SKUs changing at once, and with one channel dead for an hour."""

from collections.abc import Callable
from pathlib import Path

from kit.postgres import Postgres
from live.bench.channel_limits import ChannelSizes
from live.bench.channels_converge import bench_converge
from live.bench.channels_dead import bench_dead
from live.bench.result import Result

CONNECTIONS = 4


async def bench_channels(
    database_url: str, folder: Path, sizes: ChannelSizes, tell: Callable[[str], None]
) -> list[Result]:
    """Measure both; the database has to be a throw-away one, migrated.

    Args:
        database_url: of it.
        folder: for the logs of the processes that are started.
        sizes: how big everything is.
        tell: gets a line of progress.

    Raises:
        StartupError: a process does not start, as the fakes outside the repository, or does not get done in time.
    """
    postgres = await Postgres.connect(database_url, max_size=CONNECTIONS)
    try:
        converged = await bench_converge(postgres, database_url, folder, sizes, tell)
        return [converged, *await bench_dead(postgres, database_url, folder, sizes, tell)]
    finally:
        await postgres.close()
