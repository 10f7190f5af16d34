"""The Postgres servers of a run: one that its trials share, and those that a trial owns and breaks.

Each trial has a database of its own, cloned from a migrated template.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from kit.child_orphans import pid_in_file
from kit.embedded_postgres import EmbeddedPostgres
from kit.migrate import apply_migrations
from live.schema import MIGRATIONS

TEMPLATE = "faults_template"


class Databases:
    """The databases of one server.

    Args:
        url: of the server's own database.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = asyncio.Lock()

    def named(self, name: str) -> str:
        """Return the URL of a database."""
        return urlunsplit(urlsplit(self._url)._replace(path=f"/{name}"))

    async def make_template(self) -> None:
        """Make the migrated database that the others are cloned from."""
        await self.execute(f'CREATE DATABASE "{TEMPLATE}"')
        await asyncio.to_thread(apply_migrations, self.named(TEMPLATE), MIGRATIONS)

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


class PostgresServer:
    """One server with its folder.

    Args:
        folder: data and socket go there; made when missing.
        log: what it says; on another disk when that of the data may be full.
        durable: whether commits wait for the disk.
    """

    def __init__(self, folder: Path, log: Path, *, durable: bool) -> None:
        self._folder = folder
        self._log = log
        self._durable = durable
        self._server: EmbeddedPostgres | None = None

    @property
    def url(self) -> str:
        """Of its own database."""
        assert self._server is not None
        return self._server.url

    async def start(self) -> None:
        """Start on the data that is there."""
        self._server = await EmbeddedPostgres.start(
            self._folder / "data",
            self._folder / "data",
            log_path=self._log,
            durable=self._durable,
            on_progress=lambda _line: None,
        )

    async def kill(self) -> None:
        """Kill the postmaster as the kernel does when memory is short; its children notice and end."""
        assert self._server is not None
        pid = pid_in_file(self._folder / "data" / "postmaster.pid")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await self._server.wait_failed()

    async def has_ended(self, within_s: float) -> bool:
        """Tell whether it ends by itself within so many seconds."""
        assert self._server is not None
        try:
            async with asyncio.timeout(within_s):
                await self._server.wait_failed()
        except TimeoutError:
            return False
        return True

    def said(self, words: str) -> int:
        """Count how often its log says so."""
        return self._log.read_text(encoding="utf-8", errors="replace").count(words)

    async def stop(self) -> None:
        """End it, whatever state it is in."""
        if self._server is not None:
            await self._server.stop()


@asynccontextmanager
async def databases(folder: Path) -> AsyncIterator[Databases]:
    """Lend a Postgres with a migrated template."""
    server = PostgresServer(folder, folder / "postgres.log", durable=False)
    await server.start()
    try:
        lent = Databases(server.url)
        await lent.make_template()
        yield lent
    finally:
        await server.stop()
