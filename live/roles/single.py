"""One role as a process of its own, against servers that run already."""

import asyncio

import click

from kit.errors import StartupError
from kit.log import logger
from kit.migrate import apply_migrations
from kit.settings import Settings
from live.roles.place import find_place
from live.roles.process import role_starts, running, until_failed, until_signal
from live.roles.stores import Place
from live.schema import MIGRATIONS

_log = logger("roles")


async def serve_role(name: str, settings: Settings) -> None:
    """Run one role until it is told to stop.

    Raises:
        StartupError: no servers are known, the port is taken, or a part of the role has ended by itself.
        SettingError: REDIS_URL is malformed.
        UnavailableError: Postgres does not answer.
    """
    place = await _place(settings)
    if settings.test_bank:
        _log.warning(
            "test_bank_is_on",
            role=name,
            meaning="any viewer can buy without money; set SHOWDROP_TEST_BANK=off for real sales",
        )
    async with until_signal(), running(place, role_starts([name], demo=False)) as roles:
        click.echo(f"showdrop {name} is ready")
        await until_failed(roles, None)


async def migrate_database(settings: Settings) -> list[str]:
    """Apply the missing migrations and return their ids. Raises as ``serve_role``."""
    place = await _place(settings)
    return await asyncio.to_thread(apply_migrations, place.database_url, MIGRATIONS)


async def _place(settings: Settings) -> Place:
    place = await find_place(settings)
    if place is None:
        raise StartupError("set REDIS_URL and DATABASE_URL, or start `showdrop dev` in this data directory")
    return place
