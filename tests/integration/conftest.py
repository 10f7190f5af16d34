"""Real Redis and Postgres for every test that touches them.

With ``REDIS_URL`` and ``DATABASE_URL`` set those servers are used, else the tests start their own on Unix sockets.
Every test gets a database of its own, cloned from a migrated template (about 20 ms). Redis is shared: all ids are
random, so no test sees another's keys.
"""

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from redis.asyncio import Redis

from kit.embedded import EmbeddedServers
from kit.migrate import apply_migrations
from kit.postgres import Postgres
from kit.redis_client import connect_redis
from kit.settings import Settings
from live.roles.stores import Place, Stores
from live.schema import MIGRATIONS

SCRATCH_BYTES = 2 * 1024**3
TEMPLATE = f"showdrop_template_{os.getpid()}"


class Servers:
    """Where the servers of this test run are."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.database_url = database_url
        self.redis_url = redis_url

    def database(self, name: str) -> str:
        """Return the URL of another database on the same server."""
        parts = urlsplit(self.database_url)
        return urlunsplit(parts._replace(path=f"/{name}"))


def scratch() -> Path | None:
    """Return memory to keep the throw-away servers in, five times faster than a disk, if there is enough of it."""
    memory = Path("/dev/shm")  # noqa: S108 - the servers' folder in it is private
    try:
        return memory if shutil.disk_usage(memory).free >= SCRATCH_BYTES else None
    except OSError:
        return None


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Start what the environment does not provide, once, in a loop of its own."""
    database_url, redis_url = os.environ.get("DATABASE_URL"), os.environ.get("REDIS_URL")
    if database_url and redis_url:
        yield Servers(database_url, redis_url)
        return
    with tempfile.TemporaryDirectory(prefix="showdrop-test-", dir=scratch()) as folder, asyncio.Runner() as runner:
        embedded = runner.run(EmbeddedServers.start(Path(folder), durable=False))
        try:
            yield Servers(database_url or embedded.database_url, redis_url or embedded.redis_url)
        finally:
            runner.run(embedded.stop())


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def template(servers: Servers) -> Iterator[str]:
    """Migrate a database once; the tests clone it."""
    asyncio.run(_execute(servers.database_url, f'CREATE DATABASE "{TEMPLATE}"'))
    apply_migrations(servers.database(TEMPLATE), MIGRATIONS)
    yield TEMPLATE
    asyncio.run(_execute(servers.database_url, f'DROP DATABASE "{TEMPLATE}" WITH (FORCE)'))


@pytest.fixture
async def database_url(servers: Servers, template: str) -> AsyncIterator[str]:
    """A migrated database of the test's own."""
    name = f"showdrop_test_{uuid.uuid4().hex}"
    await _execute(servers.database_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    yield servers.database(name)
    await _execute(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def postgres(database_url: str) -> AsyncIterator[Postgres]:
    """A connection pool to the test's own database."""
    pool = await Postgres.connect(database_url, max_size=8)
    yield pool
    await pool.close()


@pytest.fixture
def redis_url(servers: Servers) -> str:
    """Where Redis is."""
    return servers.redis_url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client of the real Redis."""
    client = connect_redis(redis_url)
    yield client
    await client.aclose()


@pytest.fixture
async def stores(database_url: str, redis_url: str) -> AsyncIterator[Stores]:
    """What a process that sells has open; it has read nothing yet."""
    place = Place(settings=Settings(), database_url=database_url, redis_url=redis_url, secret="s" * 40)
    opened = await Stores.open(place, "test", connections=4)
    yield opened
    await opened.close()
