"""Postgres and Redis of our own, for whoever has set no DATABASE_URL and no REDIS_URL (decision D12).

Everything is in one data directory, used by one process at a time::

    .showdrop/
    ├── lock            flock, held by the owner while it runs; its pid inside
    ├── servers.json    where the servers are, for tools of other processes (0600, replaced atomically)
    ├── postgres/       data and socket        postgres.log
    └── redis/          data and socket        redis.log

Both listen on Unix sockets only. A socket's path has a limit of about 100 bytes; below a longer directory the sockets
are in a private directory under the temp directory, which ``servers.json`` names and ``stop`` (or the next start)
removes.
"""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from kit import embedded_postgres, embedded_redis
from kit.child_process import ServerFailure
from kit.embedded_directory import DataDirectory, ServerUrls, find_running, find_starting
from kit.embedded_postgres import EmbeddedPostgres
from kit.embedded_redis import EmbeddedRedis

__all__ = ["EmbeddedServers", "ServerFailure", "ServerUrls", "find_running", "find_starting"]


class EmbeddedServers:
    """Both servers, running, and their data directory; made by ``start``, ended by ``stop`` or ``async with``.

    Attributes:
        database_url: for asyncpg and psycopg.
        redis_url: for ``redis.from_url``.
    """

    def __init__(self, directory: DataDirectory, postgres: EmbeddedPostgres, redis: EmbeddedRedis) -> None:
        self.database_url = postgres.url
        self.redis_url = redis.url
        self._directory = directory
        self._postgres = postgres
        self._redis = redis

    @classmethod
    async def start(
        cls,
        data_dir: Path,
        *,
        durable: bool = True,
        tells: bool = True,
        on_progress: Callable[[str], None] = lambda _line: None,
    ) -> "EmbeddedServers":
        """Take the directory, end what an earlier owner left, and start both servers at the same time.

        Call it from the event loop of the main thread: the servers die with the thread that started them.

        Args:
            data_dir: made when missing.
            durable: false turns fsync off, for throw-away test servers.
            tells: whether other processes find them at once; false: once ``announce`` was called.
            on_progress: gets one line per step.

        Raises:
            StartupError: one line with the reason and the remedy; nothing is left running.
        """
        directory = await DataDirectory.acquire(data_dir)
        try:
            return await cls._start_in(directory, durable=durable, tells=tells, on_progress=on_progress)
        except BaseException:
            directory.release()
            raise

    @classmethod
    async def _start_in(
        cls, directory: DataDirectory, *, durable: bool, tells: bool, on_progress: Callable[[str], None]
    ) -> "EmbeddedServers":
        path = directory.path
        sockets = directory.choose_sockets()
        urls = ServerUrls(
            database_url=embedded_postgres.url_for(sockets / "postgres"),
            redis_url=embedded_redis.url_for(sockets / "redis"),
            owner_pid=os.getpid(),
        )
        directory.write(urls, ready=False)
        postgres = asyncio.create_task(
            EmbeddedPostgres.start(
                path / "postgres",
                sockets / "postgres",
                log_path=path / "postgres.log",
                durable=durable,
                on_progress=on_progress,
            )
        )
        redis = asyncio.create_task(
            EmbeddedRedis.start(
                path / "redis", sockets / "redis", log_path=path / "redis.log", durable=durable, on_progress=on_progress
            )
        )
        try:
            await asyncio.wait((postgres, redis))
            servers = cls(directory, postgres.result(), redis.result())
            if tells:
                directory.write(urls, ready=True)
        except BaseException:
            # One may be up already while the other failed or we were cancelled.
            await asyncio.gather(_undo(postgres), _undo(redis))
            raise
        return servers

    def announce(self, *, database_url: str, redis_url: str) -> None:
        """Tell other processes of this data directory which servers are used; one of them may not be ours.

        Raises:
            StartupError: the directory cannot be written.
        """
        urls = ServerUrls(database_url=database_url, redis_url=redis_url, owner_pid=os.getpid())
        self._directory.write(urls, ready=True)

    async def wait_failed(self) -> ServerFailure:
        """Wait, without limit, until one of the servers ends by itself; cancel it before ``stop``."""
        waits = [asyncio.create_task(server.wait_failed()) for server in (self._postgres, self._redis)]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return done.pop().result()
        finally:
            for task in waits:
                task.cancel()

    async def stop(self) -> None:
        """End both servers within their limits and give the directory back. Twice is fine."""
        try:
            await asyncio.gather(self._postgres.stop(), self._redis.stop())
        finally:
            self._directory.release()

    async def __aenter__(self) -> "EmbeddedServers":
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()


async def _undo(start: "asyncio.Task[EmbeddedPostgres] | asyncio.Task[EmbeddedRedis]") -> None:
    """Stop a server, or the start of one, which cleans up after itself."""
    start.cancel()
    await asyncio.wait((start,))
    if not start.cancelled() and start.exception() is None:
        await start.result().stop()
