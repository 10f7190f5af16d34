"""One role as a process of its own, against servers that run already."""

import asyncio
from collections.abc import Callable

import click
from structlog.contextvars import bind_contextvars

from kit.errors import SettingError, ShowdropError, StartupError
from kit.log import logger
from kit.migrate import apply_migrations
from kit.settings import Settings
from live.roles.gateway import GatewayRole
from live.roles.payments import payments_line
from live.roles.place import find_place, until_started
from live.roles.process import Start, role_starts, running, until_failed, until_signal
from live.roles.siblings import Seat
from live.roles.stores import Place
from live.roles.worker_http import LoneWorker
from live.schema import MIGRATIONS

READY = "ready"
"""What a gateway's process prints for its parent when it listens."""

EXIT_FAILED, EXIT_SETTING = 1, 2

_log = logger("roles")


async def serve_role(name: str, settings: Settings) -> None:
    """Run one role until it is told to stop.

    Raises:
        StartupError: no servers are known, the port is taken, or a part of the role has ended by itself.
        SettingError: REDIS_URL or DATABASE_URL is malformed.
        UnavailableError: Postgres does not answer.
    """
    place = await require_place(settings)
    payments = payments_line(test_bank=settings.test_bank)
    [start] = role_starts([name], demo=False)
    if name == "worker" and settings.worker_port is not None:
        start = LoneWorker.start

    def is_ready() -> None:
        warn_of_test_bank(name, settings)
        click.echo(payments)
        click.echo(ready_line(name, settings))

    await _serve(place, start, is_ready)


async def serve_seat(seat: Seat, settings: Settings) -> int:
    """Run one process of a gateway until its parent (``gateway_processes.py``) tells it to stop; return its exit code.

    Standard output is for the parent: ``READY``, then nothing but, at the end, the one line of an error.
    """
    bind_contextvars(process=seat.number)
    try:
        place = await require_place(settings)
        await _serve(place, lambda place: GatewayRole.start(place, seat), lambda: click.echo(READY))
    except ShowdropError as error:
        click.echo(error.message)
        return EXIT_SETTING if isinstance(error, SettingError) else EXIT_FAILED
    return 0


async def migrate_database(settings: Settings) -> list[str]:
    """Apply the missing migrations and return their ids. Raises as ``serve_role``."""
    place = await require_place(settings)
    return await asyncio.to_thread(apply_migrations, place.database_url, MIGRATIONS)


def ready_line(role: str, settings: Settings) -> str:
    """Return the line that says that a role is ready, and on which address if it has one."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = {"api": f" on http://{host}:{settings.http_port}", "gateway": f" on ws://{host}:{settings.ws_port}"}
    if settings.worker_port is not None:
        address["worker"] = f" on http://{host}:{settings.worker_port}"
    return f"showdrop {role} is ready{address.get(role, '')}"


def warn_of_test_bank(role: str, settings: Settings) -> None:
    """Log that anyone can buy without money, if so. To be called once the role runs: a refused start is one line."""
    if settings.test_bank:
        _log.warning(
            "test_bank_is_on",
            role=role,
            meaning="any viewer can buy without money; set SHOWDROP_TEST_BANK=off for real sales",
        )


async def require_place(settings: Settings) -> Place:
    """Return the place of running servers; wait for those that another process is starting, and say so.

    Raises:
        StartupError: none are known, or they were not up within ``SERVERS_START_S``.
        SettingError: the secret cannot be kept.
    """
    place = await find_place(settings)
    if place is None:
        await until_started(settings)
        place = await find_place(settings)
    if place is None:
        missing = [
            name
            for name, url in (("REDIS_URL", settings.redis_url), ("DATABASE_URL", settings.database_url))
            if url is None
        ]
        raise StartupError(
            f"set {' and '.join(missing)}, or start `showdrop servers` or `showdrop dev` first: "
            f"neither runs in {settings.data_dir.absolute()}"
        )
    return place


async def _serve(place: Place, start: Start, on_ready: Callable[[], None]) -> None:
    async with until_signal(), running(place, [start]) as roles:
        on_ready()
        await until_failed(roles, None)
