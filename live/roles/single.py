"""One role as a process of its own, against servers that run already."""

import asyncio

import click

from kit.errors import StartupError
from kit.migrate import apply_migrations
from kit.settings import Settings
from live.migrations import MIGRATIONS
from live.roles.place import find_place
from live.roles.process import role_starts, running, until_stopped
from live.roles.stores import Place


async def serve_role(name: str, settings: Settings) -> None:
    """Run one role until it is told to stop.

    Raises:
        StartupError: no servers are known, or the port is taken.
        UnavailableError: Postgres does not answer.
    """
    place = await _place(settings)
    async with running(place, role_starts([name], demo=False)):
        click.echo(f"showdrop {name} is ready")
        await until_stopped(None)


async def migrate_database(settings: Settings) -> list[str]:
    """Apply the missing migrations and return their ids. Raises as ``serve_role``."""
    place = await _place(settings)
    return await asyncio.to_thread(apply_migrations, place.database_url, MIGRATIONS)


async def _place(settings: Settings) -> Place:
    place = await find_place(settings)
    if place is None:
        raise StartupError("set REDIS_URL and DATABASE_URL, or start `showdrop dev` in this data directory")
    return place
