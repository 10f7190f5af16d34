"""A Postgres for all trials of a run: each gets a database of its own, cloned from a migrated template."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from kit.embedded_postgres import EmbeddedPostgres
from kit.migrate import apply_migrations
from live.schema import MIGRATIONS

TEMPLATE = "faults_template"


class Databases:
    """The databases of one run.

    Args:
        url: of the server's own database.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = asyncio.Lock()

    def named(self, name: str) -> str:
        """Return the URL of a database."""
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    async def make(self, name: str) -> str:
        """Clone the template and return the clone's URL."""
        async with self._lock:  # a template that somebody clones cannot be cloned by another
            await self.execute(f'CREATE DATABASE "{name}" TEMPLATE "{TEMPLATE}" STRATEGY file_copy')
        return self.named(name)

    async def drop(self, name: str) -> None:
        """Remove a database, whoever is still connected."""
        await self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def execute(self, statement: str) -> None:
        """Run one statement on the server's own database."""
        connection = await asyncpg.connect(self._url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def databases(folder: Path) -> AsyncIterator[Databases]:
    """Lend a Postgres with a migrated template."""
    server = await EmbeddedPostgres.start(
        folder / "postgres",
        folder / "postgres",
        log_path=folder / "postgres.log",
        durable=False,
        on_progress=lambda _line: None,
    )
    try:
        lent = Databases(server.url)
        await lent.execute(f'CREATE DATABASE "{TEMPLATE}"')
        await asyncio.to_thread(apply_migrations, lent.named(TEMPLATE), MIGRATIONS)
        yield lent
    finally:
        await server.stop()
