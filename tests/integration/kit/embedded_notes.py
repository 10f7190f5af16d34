"""Embedded servers with notes in both, their processes, and an owner that can be killed."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import redis.asyncio as redis_asyncio

from kit.child_orphans import HAS_PROC, pid_in_file
from kit.embedded import EmbeddedServers, ServerUrls, find_running

OWNER = """
import asyncio, sys
from pathlib import Path
import uvloop
from kit.embedded import EmbeddedServers

async def main():
    servers = await EmbeddedServers.start(Path(sys.argv[1]), durable=False)
    await servers.wait_failed()

uvloop.run(main())
"""


@asynccontextmanager
async def running(data_dir: Path) -> AsyncIterator[EmbeddedServers]:
    async with await EmbeddedServers.start(data_dir, durable=False) as servers:
        yield servers


async def write(urls: EmbeddedServers | ServerUrls, text: str) -> None:
    connection = await asyncpg.connect(urls.database_url)
    try:
        await connection.execute("CREATE TABLE IF NOT EXISTS note (line text)")
        await connection.execute("INSERT INTO note VALUES ($1)", text)
    finally:
        await connection.close()
    async with redis_asyncio.from_url(urls.redis_url) as client:
        await client.rpush("note", text)


async def read(urls: EmbeddedServers | ServerUrls) -> tuple[list[str], list[str]]:
    connection = await asyncpg.connect(urls.database_url)
    try:
        rows = [row["line"] for row in await connection.fetch("SELECT line FROM note")]
    finally:
        await connection.close()
    async with redis_asyncio.from_url(urls.redis_url, decode_responses=True) as client:
        return rows, list(map(str, await client.lrange("note", 0, -1)))


def pids(data_dir: Path) -> list[int]:
    found = [pid_in_file(data_dir / "postgres/postmaster.pid"), pid_in_file(data_dir / "redis/redis.pid")]
    return [pid for pid in found if pid is not None]


def is_alive(pid: int) -> bool:
    if HAS_PROC:
        # A dead process that its new parent has not collected still has a pid, but no program.
        return os.path.exists(f"/proc/{pid}/exe")
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.01)


def spawn_owner(data_dir: Path) -> "subprocess.Popen[bytes]":
    # Our own program on a directory of pytest's.
    return subprocess.Popen([sys.executable, "-c", OWNER, os.fspath(data_dir)])  # noqa: S603 - see above


@asynccontextmanager
async def owner_process(data_dir: Path) -> AsyncIterator["subprocess.Popen[bytes]"]:
    with spawn_owner(data_dir) as owner:
        try:
            await until(lambda: find_running(data_dir) is not None)
            yield owner
        finally:
            owner.kill()
