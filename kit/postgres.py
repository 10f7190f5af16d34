"""The connection pool to Postgres, and the one place where asyncpg's errors become ours."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from typing import TypeAlias
from urllib.parse import parse_qs, urlsplit
from weakref import WeakSet

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from kit.errors import UnavailableError
from kit.known_types_pg import TypedConnection
from kit.metrics import Spread

# A string: asyncpg's classes are generic for type checkers only.
Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

Record: TypeAlias = asyncpg.Record

CONNECT_TIMEOUT_S = 10
# No statement of ours runs longer than a batch settlement; an import raises its own limit inside its transaction.
STATEMENT_TIMEOUT_MS = 15_000
LOCK_TIMEOUT_MS = 5_000
assert LOCK_TIMEOUT_MS < STATEMENT_TIMEOUT_MS

ANSWER_LATE_S = 2.0
"""Seconds on top of a statement's limit at the server, within which it has said here how the statement ended."""

GIVE_BACK_MOST_S = 2.0
"""Seconds that a connection has for getting ready for the next caller, after a statement that was given up, too. Then
it is cut: whoever gave a statement up because it took too long must not wait longer for that. In a transaction it takes
as long as a statement at most, since the end of that is a statement."""

OUTAGE_PAUSE_S = 120.0
"""Seconds without a complaint of asyncpg after which the next one is about another outage; it repeats itself after a
minute at most, and a try takes ``CONNECT_TIMEOUT_S``."""
assert OUTAGE_PAUSE_S > 60 + CONNECT_TIMEOUT_S

_GONE = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.InvalidCatalogNameError,  # dropped, as before a restore
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.QueryCanceledError,
    asyncpg.LockNotAvailableError,
    asyncpg.DeadlockDetectedError,
    asyncpg.DiskFullError,
    asyncpg.InterfaceError,
    TimeoutError,
)


@contextmanager
def postgres_errors() -> Iterator[None]:
    """Turn "Postgres does not answer now" into ``UnavailableError``; a broken rule passes through for its adapter."""
    try:
        yield
    except _GONE as error:
        if isinstance(error, ValueError):
            raise  # asyncpg's word for arguments that do not fit the statement: a mistake of ours
        raise UnavailableError(f"Postgres does not answer: {type(error).__name__}", code="postgres_down") from error


def answer_within_s(statement_ms: int) -> float:
    """Return the seconds to wait for a statement that the server ends after ``statement_ms``: asyncpg's ``timeout``.

    A server that is gone ends nothing, and when its machine or the way to it went with it, nobody says so.
    """
    return statement_ms / 1000 + ANSWER_LATE_S


class OncePerOutage(logging.Filter):
    """Lets asyncpg say once that it cannot connect again; each pool repeats that for as long as an outage lasts.

    Who needs the database says by itself how long it waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self._last_s = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line is new; every other line is."""
        if not record.getMessage().startswith("Failed to restore the pool connection floor"):
            return True
        is_new = record.created - self._last_s > OUTAGE_PAUSE_S
        self._last_s = record.created
        return is_new


_once_per_outage = OncePerOutage()
"""One for all pools of the process."""


class Postgres:
    """A bounded pool of connections to one database.

    Made by ``Postgres.connect``; closed by its owner. Every statement, and every wait for a connection, ends after
    ``answer_within_s(STATEMENT_TIMEOUT_MS)``; a statement that may take longer at the server says so here, too, by its
    ``timeout``. A connection on which an answer fails to come is cut, together with those that are not lent: whoever
    comes next gets a new one.

    Attributes:
        waits: how long callers waited for a connection, in seconds, those among them who gave up; one that had to be
            opened counts too.
    """

    def __init__(
        self,
        pool: "asyncpg.Pool[asyncpg.Record]",
        sessions: set[int] | None = None,
        opened: "WeakSet[asyncpg.Connection[asyncpg.Record]] | None" = None,
    ) -> None:
        self._pool = pool
        self._sessions = set() if sessions is None else sessions
        self._opened = WeakSet() if opened is None else opened
        self._lent: dict[int, Connection] = {}  # by server process, to whom it is lent
        self._giving_back: set[asyncio.Task[None]] = set()  # the loop itself would let go of them
        self._wait_s = answer_within_s(STATEMENT_TIMEOUT_MS)
        self.waits = Spread()

    @classmethod
    async def connect(cls, url: str, *, max_size: int = 10, application_name: str = "showdrop") -> "Postgres":
        """Open the pool.

        Args:
            url: ``postgresql://…``.
            max_size: most connections at once.
            application_name: shown in ``pg_stat_activity``.

        Raises:
            UnavailableError: the database does not answer; one line that names its host and the setting.
        """
        logging.getLogger("asyncpg.pool").addFilter(_once_per_outage)  # once, however often it is added
        sessions: set[int] = set()  # server processes whose state the next one must not find
        opened: WeakSet[asyncpg.Connection[asyncpg.Record]] = WeakSet()

        async def note(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
            opened.add(connection)

        async def clean(connection: Connection) -> None:
            # Our statements leave nothing behind in a session, so most connections need no round trip for it. An open
            # transaction and listeners have been ended by then.
            if connection.get_server_pid() in sessions:
                await connection.execute(connection.get_reset_query())
                sessions.discard(connection.get_server_pid())

        try:
            with postgres_errors():
                pool = await asyncpg.create_pool(
                    url,
                    connection_class=TypedConnection,
                    init=note,
                    reset=clean,
                    min_size=1,
                    max_size=max_size,
                    timeout=CONNECT_TIMEOUT_S,
                    command_timeout=answer_within_s(STATEMENT_TIMEOUT_MS),
                    server_settings={
                        "application_name": application_name,
                        "statement_timeout": str(STATEMENT_TIMEOUT_MS),
                        "lock_timeout": str(LOCK_TIMEOUT_MS),
                        "jit": "off",
                    },
                )
        except UnavailableError as error:
            raise UnavailableError(
                f"{error.message}, at {_place_of(url)}; is DATABASE_URL right, and does it run?", code=error.code
            ) from error
        return cls(pool, sessions, opened)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lend one connection, outside any transaction; settings and locks of the session are not cleaned up."""
        with postgres_errors():
            async with AsyncExitStack() as stack:
                asked_s = time.perf_counter()
                try:
                    async with asyncio.timeout(self._wait_s):
                        connection = await self._pool.acquire()
                        self._lent[connection.get_server_pid()] = connection
                        stack.push_async_callback(self._give_back, connection, connection.get_server_pid())
                finally:
                    self.waits.add(time.perf_counter() - asked_s)
                with self._cut_when_silent(connection):
                    yield connection

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Connection]:
        """Lend one connection whose session may be changed: its settings, listeners and locks end with the block."""
        async with self.connection() as connection:
            self._sessions.add(connection.get_server_pid())
            yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """Lend one connection inside a transaction: commits at the end, rolls back on any exception."""
        async with self.connection() as connection, connection.transaction():
            with self._cut_when_silent(connection):  # here already: nobody waits for an answer to ROLLBACK as well
                yield connection

    @contextmanager
    def _cut_when_silent(self, connection: Connection) -> Iterator[None]:
        try:
            yield
        except TimeoutError:
            connection.terminate()
            self._cut_those_not_lent()
            raise

    async def _give_back(self, loan: "PoolConnectionProxy[asyncpg.Record]", process: int) -> None:
        giving = asyncio.create_task(self._release(loan, process))
        self._giving_back.add(giving)
        giving.add_done_callback(self._giving_back.discard)
        await asyncio.shield(giving)  # who is cancelled meanwhile waits no longer, but it comes to its end

    async def _release(self, loan: "PoolConnectionProxy[asyncpg.Record]", process: int) -> None:
        try:
            await self._pool.release(loan, timeout=GIVE_BACK_MOST_S)
        except TimeoutError:  # it is cut; whether its caller succeeded or gave up does not depend on that
            self._cut_those_not_lent()
        finally:
            if self._lent.get(process) is loan:  # else whoever waited for it has it already
                del self._lent[process]

    def _cut_those_not_lent(self) -> None:
        for one in list(self._opened):
            if not one.is_closed() and one.get_server_pid() not in self._lent:
                one.terminate()

    def in_use(self) -> tuple[int, int]:
        """Return how many connections are lent out, and how many there may be at most."""
        return self._pool.get_size() - self._pool.get_idle_size(), self._pool.get_max_size()

    async def ping(self) -> None:
        """Return when the database answers.

        Raises:
            UnavailableError: it does not, within seven seconds.
        """
        with postgres_errors():
            async with asyncio.timeout(5), self.connection() as connection:
                await connection.execute("SELECT 1")

    async def close(self) -> None:
        """Close every connection; those still lent out are cut after ten seconds."""
        try:
            await asyncio.wait_for(self._pool.close(), timeout=10)
        except TimeoutError:
            self._pool.terminate()


def _place_of(url: str) -> str:
    """Return where a database is, without the user and the password that its address may hold."""
    parts = urlsplit(url)
    if "@" in url and "@" not in parts.netloc:
        return "an address whose password has to be percent-encoded"
    in_query = parse_qs(parts.query).get("host", [""])[0]
    return parts.netloc.rpartition("@")[2] or in_query or "the default place"
