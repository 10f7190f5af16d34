"""``showdrop servers``: Redis and Postgres alone, for roles that are started one by one on the same machine."""

import click

from kit.errors import StartupError
from kit.settings import Settings
from live.roles.place import require_free, servers
from live.roles.process import until_failed, until_signal


async def serve_servers(settings: Settings) -> None:
    """Run the embedded servers, with an up-to-date schema, until Ctrl-C; the data stays.

    Raises:
        StartupError, SettingError, UnavailableError: one line with the remedy.
    """
    require_free(settings)
    if settings.database_url is not None and settings.redis_url is not None:
        raise StartupError("REDIS_URL and DATABASE_URL are set, so there is nothing to start; unset one of them")
    async with until_signal(), servers(settings) as (_place, embedded):
        click.echo(f"showdrop servers are ready in {settings.data_dir.absolute()}")
        await until_failed([], embedded)
