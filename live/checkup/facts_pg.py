"""Asking Postgres; it is only read."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec

from kit.errors import UnavailableError
from kit.postgres import Connection, Postgres
from kit.sql import Queries
from live.checkup.facts import ChannelFacts, PostgresFacts
from live.checkup.limits import PINGS
from live.checkup.round_trips import RoundTrip, ahead_ms, latency_ms

_sql = Queries(Path(__file__).parent / "sql" / "checkup.sql")
_REFUSED = (asyncpg.InvalidAuthorizationSpecificationError, ValueError)
"""What a wrong user, password or address comes back as."""


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Postgres]:
    """Lend a pool of two connections.

    Raises:
        UnavailableError: it does not answer, or refuses us; the message repeats neither the address nor a password.
    """
    try:
        postgres = await Postgres.connect(url, max_size=2, application_name="showdrop check")
    except _REFUSED as error:
        raise UnavailableError(f"Postgres refuses us: {type(error).__name__}", code="postgres_down") from error
    try:
        yield postgres
    except asyncpg.InsufficientPrivilegeError as error:
        raise UnavailableError("Postgres does not let this user read our tables", code="postgres_down") from error
    finally:
        await postgres.close()


async def ask_postgres(postgres: Postgres) -> PostgresFacts:
    """Return what the server says.

    Raises:
        UnavailableError: it does not answer.
    """
    async with postgres.connection() as connection:
        server = await connection.fetchrow(_sql.server)
        assert server is not None
        settings = {row["name"]: row["setting"] for row in await connection.fetch(_sql.settings)}
        applied = []
        if await connection.fetchval(_sql.has_migrations):
            applied = [row["migration_id"] for row in await connection.fetch(_sql.applied)]
        trips = [await _trip(connection) for _ in range(PINGS)]
    return PostgresFacts(
        version=server["version"],
        major=server["number"] // 10_000,
        is_standby=server["is_standby"],
        settings=settings,
        max_connections=server["max_connections"],
        reserved=server["reserved"],
        others=server["others"],
        applied=frozenset(applied),
        latency_ms=latency_ms(trips),
        ahead_ms=ahead_ms(trips),
    )


async def ask_channels(postgres: Postgres) -> list[ChannelFacts]:
    """Return every channel, of a database that is migrated.

    Raises:
        UnavailableError: it does not answer.
    """
    async with postgres.connection() as connection:
        rows = await connection.fetch(_sql.channels)
    return [msgspec.convert(dict(row), ChannelFacts) for row in rows]


async def _trip(connection: Connection) -> RoundTrip:
    asked_at_ms, began_s = time.time() * 1000, time.perf_counter()
    their_ms = await connection.fetchval(_sql.clock)
    return RoundTrip(asked_at_ms, their_ms, (time.perf_counter() - began_s) * 1000)
