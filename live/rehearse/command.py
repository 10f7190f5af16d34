"""``showdrop rehearse``."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import click
import msgspec
import uvloop
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import Progress as ProgressBar

from kit.embedded import find_running
from kit.errors import SettingError, ShowdropError, UnavailableError
from kit.settings import Settings, ensure_secret, read_settings
from live.rehearse.limits import VIEWERS_MOST
from live.rehearse.plan import Payments
from live.rehearse.progress import Progress
from live.rehearse.rehearsal import RehearseOptions, rehearse
from live.rehearse.report import RehearseReport, print_report
from live.rehearse.stop_signals import RehearsalStoppedError
from live.rehearse.with_stripe import Wish, rehearse_with_stripe
from live.site import find_site, site_of

Work = Callable[[Progress], Coroutine[None, None, RehearseReport]]

EXIT_BROKEN = 1
EXIT_CANNOT = 2
EXIT_SERVER_GONE = 3


@click.command("rehearse", short_help="Run a scripted show with real viewers, and verify it.")
@click.option("--viewers", type=click.IntRange(1, VIEWERS_MOST), default=300, show_default=True, help="How many watch.")
@click.option("--units", type=click.IntRange(1, 100_000), default=100, show_default=True, help="Units of the offer.")
@click.option(
    "--payments",
    type=click.Choice(["test", "stripe-fake"]),
    default="test",
    show_default=True,
    help="Who takes the money: the server's test bank, or a fake Stripe before a server of the rehearsal's own.",
)
@click.option("--url", default=None, help="Address of the API.  [default: where showdrop dev listens]")
@click.option("--ws-url", default=None, help="Address of the gateway.  [default: the API names it]")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same audience.")
@click.option("--channel/--no-channel", default=True, show_default=True, help="Watch the stock through a channel.")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write the report there.")
def rehearse_command(  # noqa: PLR0917 - click passes every option by name
    viewers: int,
    units: int,
    payments: Payments,
    url: str | None,
    ws_url: str | None,
    seed: int,
    channel: bool,
    json_path: Path | None,
) -> None:
    """Run a scripted show with real viewers against a running server, and verify it.

    It adds the units to the stock of the first product with a price, and takes back what was not sold, also after
    Ctrl-C. The show and its orders stay. One at a time: it ends the shows that earlier rehearsals left on.

    With --payments stripe-fake it needs no running server: from a checkout of the repository it starts a fake Stripe
    (which loses answers and webhooks, and sends others twice and in any order) and a showdrop dev with a temporary data
    directory, runs the show there, compares every payment with its order, and ends and removes both.

    Exit code: 0 when every invariant is held, 1 when one is broken, 2 when there is nothing to rehearse with, 3 when
    the server stopped answering, 130 or 143 when it was stopped by SIGINT or SIGTERM.
    """
    screen = Console(stderr=True)
    # What it says about a server that is gone reaches us as an error, and is said in one line.
    logging.getLogger("asyncpg").addHandler(logging.NullHandler())
    logging.getLogger("asyncpg").propagate = False
    try:
        work = (
            _with_stripe(viewers=viewers, units=units, url=url, ws_url=ws_url, seed=seed, with_channel=channel)
            if payments == "stripe-fake"
            else _with_server(viewers=viewers, units=units, url=url, ws_url=ws_url, seed=seed, with_channel=channel)
        )
        report = _run(work, screen)
    except* RehearsalStoppedError as errors:
        _leave(screen, errors, None)
    except* UnavailableError as errors:
        _leave(screen, errors, EXIT_SERVER_GONE)
    except* ShowdropError as errors:
        _leave(screen, errors, EXIT_CANNOT)
    else:
        if json_path is not None:
            json_path.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
        print_report(report, Console())
        sys.exit(0 if report.held else EXIT_BROKEN)


def _leave(screen: Console, errors: "BaseExceptionGroup[ShowdropError]", code: int | None) -> NoReturn:
    error: BaseException = errors
    notes: list[str] = []
    while True:
        notes += getattr(error, "__notes__", ())
        if not isinstance(error, BaseExceptionGroup):
            break
        error = error.exceptions[0]
    line = "; ".join(dict.fromkeys((getattr(error, "message", str(error)), *notes)))
    screen.print(f"rehearse: {line}", style="bold red", markup=False, highlight=False, soft_wrap=True)
    sys.exit(128 + error.number if isinstance(error, RehearsalStoppedError) else code)


def _with_stripe(
    *, viewers: int, units: int, url: str | None, ws_url: str | None, seed: int, with_channel: bool
) -> Work:
    if url is not None or ws_url is not None:
        raise SettingError("--url and --ws-url name a running server; --payments stripe-fake starts its own")
    wish = Wish(viewers=viewers, units=units, seed=seed, with_channel=with_channel)
    return lambda progress: rehearse_with_stripe(wish, progress)


def _with_server(
    *, viewers: int, units: int, url: str | None, ws_url: str | None, seed: int, with_channel: bool
) -> Work:
    options = _options(
        read_settings(), viewers=viewers, units=units, url=url, ws_url=ws_url, seed=seed, with_channel=with_channel
    )
    return lambda progress: rehearse(options, progress)


def _options(
    settings: Settings, *, viewers: int, units: int, url: str | None, ws_url: str | None, seed: int, with_channel: bool
) -> RehearseOptions:
    # A second terminal does not know the ports that the server was given, but the server has told them.
    is_default = (settings.host, settings.http_port) == (Settings().host, Settings().http_port)
    has_own = not (settings.database_url and settings.redis_url)
    site = find_site(settings.data_dir) if url is None and is_default and has_own else None
    http_url = site.http_url if site else url or site_of(settings, os.getpid()).http_url
    parts = urlsplit(http_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingError(f"--url {http_url!r} is not an address; write it like http://127.0.0.1:8000")
    running = None if settings.database_url and settings.redis_url else find_running(settings.data_dir)
    database_url = settings.database_url or (running.database_url if running else None)
    redis_url = settings.redis_url or (running.redis_url if running else None)
    if database_url is None or redis_url is None:
        raise SettingError(
            f"no server runs on {settings.data_dir}; start one with: showdrop dev "
            "(or set DATABASE_URL and REDIS_URL to those of the server to rehearse with)"
        )
    return RehearseOptions(
        http_url=http_url,
        ws_url=ws_url or (site.ws_url if site else None),
        secret=ensure_secret(settings),
        database_url=database_url,
        redis_url=redis_url,
        viewers=viewers,
        units=units,
        seed=seed,
        with_channel=with_channel,
    )


def _run(work: Work, screen: Console) -> RehearseReport:
    bar = ProgressBar(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        console=screen,
        transient=True,
        refresh_per_second=4,
        disable=not screen.is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def progress(phase: str, done: int, total: int) -> None:
        if phase not in tasks:
            for earlier in tasks.values():
                bar.stop_task(earlier)
            tasks[phase] = bar.add_task(phase, total=total)
            if not screen.is_terminal:
                screen.print(f"rehearse: {phase}", highlight=False)
        bar.update(tasks[phase], completed=done, total=total)

    with bar, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work(progress))
