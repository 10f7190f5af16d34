"""Who does a job that only one process may do at a time: whoever holds its advisory lock, on one connection."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from kit.postgres import Connection, Postgres, postgres_errors
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "leader.sql")


class Lead:
    """The lead, for as long as its connection lives.

    Attributes:
        connection: the one that holds the lead; whoever leads may listen on it, but not hold it up.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    async def check(self) -> None:
        """Return when the lead is still held.

        Raises:
            UnavailableError: the connection is lost, and the lead with it.
        """
        with postgres_errors():
            try:
                await self.connection.execute("SELECT 1")
            except TimeoutError:
                self.connection.terminate()  # or whoever gives up the lead waits for an answer once more
                raise


class Leadership:
    """Takes the lead of one job. It keeps one connection of the pool for as long as it leads.

    Args:
        postgres: the pool.
        lock: the advisory lock of the job, the same in every process and no other job's.
    """

    def __init__(self, postgres: Postgres, lock: int) -> None:
        self._postgres = postgres
        self._lock = lock

    @asynccontextmanager
    async def lead(self) -> AsyncIterator[Lead | None]:
        """Lend the lead, or None while another process has it.

        Raises:
            UnavailableError: Postgres does not answer, now or within the block.
        """
        async with self._postgres.session() as connection:
            if not await connection.fetchval(_sql.lead, self._lock):
                yield None
                return
            try:
                yield Lead(connection)
            finally:
                if not connection.is_closed():
                    await connection.execute(_sql.give_up_lead, self._lock)
