"""Finding the place a process runs in: its servers and its secret."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import click

from kit.embedded import EmbeddedServers, find_running, find_starting
from kit.errors import StartupError
from kit.migrate import apply_migrations
from kit.settings import Settings, ensure_secret
from live.roles.limits import SERVERS_LOOK_S, SERVERS_START_S
from live.roles.stores import Place
from live.schema import MIGRATIONS


@asynccontextmanager
async def servers(
    settings: Settings, *, passing: bool = False, on_progress: Callable[[str], None] = lambda _line: None
) -> AsyncIterator[tuple[Place, EmbeddedServers | None]]:
    """Lend a place whose servers run and whose database is migrated; what was started here is stopped at the end.

    The environment's servers are used where set, then those of a running ``showdrop dev`` of the same data directory,
    else embedded ones are started.

    Args:
        settings: which servers, and where their data is.
        passing: for a command that ends by itself. Those that another process is starting are waited for, and of those
            that are started here no process is told: it would lose them in the middle of its work.
        on_progress: gets one line per step of a start.

    Raises:
        StartupError, SettingError, UnavailableError: one line with the remedy.
    """
    running = None
    embedded = None
    if settings.database_url is None or settings.redis_url is None:
        if passing:
            await until_started(settings)
        running = find_running(settings.data_dir)
        if running is None:
            embedded = await EmbeddedServers.start(settings.data_dir, tells=False, on_progress=on_progress)
    own = running or embedded
    try:
        place = Place(
            settings=settings,
            database_url=settings.database_url or (own.database_url if own else ""),
            redis_url=settings.redis_url or (own.redis_url if own else ""),
            secret=ensure_secret(settings),
        )
        if running is None:
            await asyncio.to_thread(apply_migrations, place.database_url, MIGRATIONS)
        if embedded is not None and not passing:
            # Last: who finds them finds every table, too.
            embedded.announce(database_url=place.database_url, redis_url=place.redis_url)
        yield place, embedded
    finally:
        if embedded is not None:
            await embedded.stop()


def require_data(settings: Settings) -> None:
    """Refuse to look at a data directory that was never used: an empty one would look healthy.

    Raises:
        StartupError: there is nothing there, and the environment names no servers either.
    """
    embedded = settings.database_url is None or settings.redis_url is None
    if embedded and not (settings.data_dir / "postgres").exists():
        raise StartupError(
            f"there is no Showdrop data in {settings.data_dir.absolute()}; run this where `showdrop dev` runs, "
            "or set SHOWDROP_DATA_DIR"
        )


def require_free(settings: Settings) -> None:
    """Refuse to start a second `showdrop dev` on the same embedded servers: it would lose them with the first.

    Raises:
        StartupError: one runs; the message names its process.
    """
    running = None
    if settings.database_url is None or settings.redis_url is None:
        running = find_running(settings.data_dir)
    if running is not None:
        raise StartupError(
            f"Showdrop already runs in {settings.data_dir.absolute()} (process {running.owner_pid}); "
            "stop it, or set SHOWDROP_DATA_DIR and other ports to run a second one"
        )


async def find_place(settings: Settings) -> Place | None:
    """Return the place of running servers without starting any, or None."""
    if settings.database_url is not None and settings.redis_url is not None:
        return Place(
            settings=settings,
            database_url=settings.database_url,
            redis_url=settings.redis_url,
            secret=ensure_secret(settings),
        )
    running = find_running(settings.data_dir)
    if running is None:
        return None
    return Place(
        settings=settings,
        database_url=settings.database_url or running.database_url,
        redis_url=settings.redis_url or running.redis_url,
        secret=ensure_secret(settings),
    )


async def until_started(settings: Settings) -> None:
    """Return when nobody is starting servers in the data directory, or has them to itself (any more).

    Raises:
        StartupError: that took longer than ``SERVERS_START_S``.
    """
    pid = find_starting(settings.data_dir)
    if pid is None:
        return
    where = settings.data_dir.absolute()
    click.echo(
        f"showdrop: waiting for process {pid}, which is starting servers in {where} or works there ...", err=True
    )
    gives_up_s = time.monotonic() + SERVERS_START_S
    while find_starting(settings.data_dir) is not None:
        if time.monotonic() > gives_up_s:
            raise StartupError(
                f"the servers of process {pid} in {where} were not up within {SERVERS_START_S:.0f} s; "
                "see what it says, then start this again"
            )
        await asyncio.sleep(SERVERS_LOOK_S)
