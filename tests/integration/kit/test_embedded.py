"""The embedded servers keep what was committed, whoever is killed, and never hang."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psycopg
import pytest
import redis.asyncio as redis_asyncio

from kit.child_orphans import HAS_PROC, pid_in_file
from kit.embedded import EmbeddedServers, ServerUrls, find_running
from kit.embedded_postgres import EmbeddedPostgres
from kit.embedded_redis import EmbeddedRedis
from kit.errors import StartupError

CAP_DAC_OVERRIDE_ONLY = 1 << 1

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


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory whose parents everybody may pass, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="embedded-test-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


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


def has_unfinished_database(data_dir: Path) -> bool:
    return any(data_dir.glob("postgres.new.*/base"))


async def until(is_so: Callable[[], bool], seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        while not is_so():
            await asyncio.sleep(0.01)


def spawn_owner(data_dir: Path) -> "subprocess.Popen[bytes]":
    # Our own program on a directory of pytest's.
    return subprocess.Popen([sys.executable, "-c", OWNER, os.fspath(data_dir)])  # noqa: S603 - see above


def spawn_unrelated(uid: int, gid: int) -> "subprocess.Popen[bytes]":
    """A process of the same user as Postgres, which would see by itself that another user's is not its own."""
    if os.geteuid() != 0:
        return subprocess.Popen(["/bin/sleep", "60"])
    return subprocess.Popen(["/bin/sleep", "60"], user=uid, group=gid, extra_groups=[])


def newest_aof(redis_dir: Path) -> Path:
    """Redis 6 has one file; later ones keep new commands in the increment."""
    return max(redis_dir.rglob("*.aof"), key=lambda path: ".incr." in path.name)


@asynccontextmanager
async def owner_process(data_dir: Path) -> AsyncIterator["subprocess.Popen[bytes]"]:
    with spawn_owner(data_dir) as owner:
        try:
            await until(lambda: find_running(data_dir) is not None)
            yield owner
        finally:
            owner.kill()


async def test_data_of_both_servers_outlives_a_restart(data_dir: Path) -> None:
    lines: list[str] = []
    servers = await EmbeddedServers.start(data_dir, on_progress=lines.append)
    await write(servers, "first")
    started = pids(data_dir)
    await servers.stop()
    await servers.stop()
    assert [pid for pid in started if is_alive(pid)] == []
    assert any("first start only" in line for line in lines)
    assert not (data_dir / "servers.json").exists()

    before = time.monotonic()
    async with await EmbeddedServers.start(data_dir) as again:
        took_seconds = time.monotonic() - before
        assert await read(again) == (["first"], ["first"])
    assert took_seconds < 3


async def test_postgres_is_utf8_durable_and_read_by_psycopg_too(data_dir: Path) -> None:
    async with await EmbeddedServers.start(data_dir) as servers:
        with psycopg.connect(servers.database_url) as connection:
            names = ("server_encoding", "fsync", "synchronous_commit", "listen_addresses", "max_connections")
            shown = [connection.execute("SELECT current_setting(%s)", (name,)).fetchone() for name in names]
            who = connection.execute("SELECT current_user || '@' || current_database()").fetchone()
    assert shown == [("UTF8",), ("on",), ("on",), ("",), ("200",)]
    assert who == ("showdrop@showdrop",)


async def test_redis_keeps_an_append_only_file_and_evicts_nothing(data_dir: Path) -> None:
    async with (
        await EmbeddedServers.start(data_dir) as servers,
        redis_asyncio.from_url(servers.redis_url, decode_responses=True) as client,
    ):
        names = ("appendonly", "appendfsync", "maxmemory-policy", "port")
        shown = {name: (await client.config_get(name))[name] for name in names}
    assert shown == {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction", "port": "0"}


async def test_rows_outlive_kill_9_of_the_owner_and_the_servers_die_with_it(data_dir: Path) -> None:
    async with owner_process(data_dir) as owner:
        urls = find_running(data_dir)
        assert urls is not None
        assert urls.owner_pid == owner.pid
        await write(urls, "committed")
        servers = pids(data_dir)
        assert len(servers) == 2
        owner.kill()
        owner.wait()
    assert find_running(data_dir) is None
    if sys.platform == "linux":
        await until(lambda: not any(is_alive(pid) for pid in servers))
    async with running(data_dir) as again:
        assert await read(again) == (["committed"], ["committed"])


async def test_rows_outlive_kill_9_of_everything_at_once(data_dir: Path) -> None:
    async with owner_process(data_dir) as owner:
        urls = find_running(data_dir)
        assert urls is not None
        await write(urls, "committed")
        for pid in (*pids(data_dir), owner.pid):
            os.kill(pid, signal.SIGKILL)
        owner.wait()
    async with running(data_dir) as again:
        assert await read(again) == (["committed"], ["committed"])


async def test_servers_that_a_killed_owner_left_running_are_replaced(data_dir: Path) -> None:
    async with running(data_dir) as servers:
        await write(servers, "before")
    heard: list[str] = []
    # Without the facade nothing holds the lock: to the next owner these two are orphans.
    postgres_dir, redis_dir = data_dir / "postgres", data_dir / "redis"
    log_path = data_dir / "orphans.log"
    postgres = await EmbeddedPostgres.start(
        postgres_dir, postgres_dir, log_path=log_path, durable=False, on_progress=heard.append
    )
    redis = await EmbeddedRedis.start(redis_dir, redis_dir, log_path=log_path, durable=False, on_progress=heard.append)
    orphans = pids(data_dir)
    try:
        lines: list[str] = []
        async with await EmbeddedServers.start(data_dir, durable=False, on_progress=lines.append) as servers:
            assert not set(pids(data_dir)) & set(orphans)
            assert await read(servers) == (["before"], ["before"])
        assert sum("left behind" in line for line in lines) == 2
        assert [pid for pid in orphans if is_alive(pid)] == []
    finally:
        await postgres.stop()
        await redis.stop()


async def test_pid_files_that_name_an_unrelated_process_are_stale(data_dir: Path) -> None:
    async with running(data_dir) as servers:
        await write(servers, "before")
    postgres_dir = data_dir / "postgres"
    owner = postgres_dir.stat()
    with spawn_unrelated(owner.st_uid, owner.st_gid) as unrelated:
        try:
            text = f"{unrelated.pid}\n{postgres_dir}\n1700000000\n5432\n{postgres_dir}\n\n"
            for name in ("postgres/postmaster.pid", "postgres/.s.PGSQL.5432.lock", "redis/redis.pid"):
                (data_dir / name).write_text(text)
                if os.geteuid() == 0:
                    os.chown(data_dir / name, owner.st_uid, owner.st_gid)
            async with running(data_dir) as again:
                assert await read(again) == (["before"], ["before"])
            assert unrelated.poll() is None
        finally:
            unrelated.kill()


async def test_a_database_half_made_when_the_owner_was_killed_is_made_again(data_dir: Path) -> None:
    with spawn_owner(data_dir) as owner:
        try:
            await until(lambda: has_unfinished_database(data_dir))
        finally:
            owner.kill()
    assert not (data_dir / "postgres").exists()
    async with running(data_dir) as servers:
        await write(servers, "whole")
        assert await read(servers) == (["whole"], ["whole"])
    assert not has_unfinished_database(data_dir)


async def test_a_torn_end_of_the_redis_file_loses_only_the_torn_command(data_dir: Path) -> None:
    async with running(data_dir) as servers:
        await write(servers, "whole")
        await write(servers, "torn")
    file = newest_aof(data_dir / "redis")
    os.truncate(file, file.stat().st_size - 3)
    async with running(data_dir) as again:
        assert await read(again) == (["whole", "torn"], ["whole"])


async def test_a_second_owner_is_told_at_once_who_has_the_directory(data_dir: Path) -> None:
    async with running(data_dir):
        before = time.monotonic()
        with pytest.raises(StartupError, match=rf"{data_dir} is in use by process {os.getpid()}: stop it, or choose"):
            await EmbeddedServers.start(data_dir)
        assert time.monotonic() - before < 2
        assert find_running(data_dir) is not None
    assert find_running(data_dir) is None


async def test_a_path_too_long_for_sockets_gets_a_temporary_directory_that_goes_again(tmp_path: Path) -> None:
    data_dir = tmp_path / ("a" * 80) / ("b, with a comma" * 3)
    async with owner_process(data_dir) as owner:
        urls = find_running(data_dir)
        assert urls is not None
        await write(urls, "committed")
        left = Path(urls.redis_url.removeprefix("unix://")).parents[1]
        owner.kill()
        owner.wait()
    assert left.is_dir()
    async with running(data_dir) as servers:
        assert not left.exists()
        used = Path(servers.redis_url.removeprefix("unix://")).parents[1]
        assert used.name.startswith("showdrop-")
        assert await read(servers) == (["committed"], ["committed"])
    assert not used.exists()


@pytest.mark.parametrize(
    ("server", "pid_file"), [("Postgres", "postgres/postmaster.pid"), ("Redis", "redis/redis.pid")]
)
async def test_a_server_killed_under_us_is_reported_by_name(data_dir: Path, server: str, pid_file: str) -> None:
    async with running(data_dir) as servers:
        waiting = asyncio.create_task(servers.wait_failed())
        pid = pid_in_file(data_dir / pid_file)
        assert pid is not None
        await asyncio.sleep(0)
        os.kill(pid, signal.SIGKILL)
        failure = await asyncio.wait_for(waiting, 5)
    assert (failure.server, failure.exit_code) == (server, -signal.SIGKILL)
    assert failure.message.startswith(f"{server} ended (SIGKILL) [")
    assert "\n" not in failure.message


async def test_ctrl_c_in_the_terminal_does_not_reach_the_servers(data_dir: Path) -> None:
    async with running(data_dir):
        assert len(pids(data_dir)) == 2
        assert os.getpgrp() not in {os.getpgid(pid) for pid in pids(data_dir)}


async def test_a_start_cancelled_half_way_leaves_nothing_running(data_dir: Path) -> None:
    starting = asyncio.create_task(EmbeddedServers.start(data_dir, durable=False))
    await until(lambda: pid_in_file(data_dir / "redis/redis.pid") is not None)
    redis = pid_in_file(data_dir / "redis/redis.pid")
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert redis is not None
    await until(lambda: not is_alive(redis))
    async with running(data_dir) as servers:
        await write(servers, "works")


async def test_a_directory_that_cannot_be_used_is_named_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for wanted, reason in (
        (file, "is not a directory: choose another"),
        (file / "below", "is not a directory: choose another"),
        (Path("/proc/showdrop"), "Cannot write in /proc/showdrop"),
    ):
        with pytest.raises(StartupError, match=reason) as caught:
            await EmbeddedServers.start(wanted)
        assert "\n" not in caught.value.message


async def test_a_failed_postgres_stops_redis_too_and_quotes_the_reason(data_dir: Path) -> None:
    async with running(data_dir):
        pass
    config = data_dir / "postgres/postgresql.conf"
    config.write_text(config.read_text() + "no_such_setting = 1\n")
    with pytest.raises(StartupError, match=r"Postgres did not start \(exit 1\): .*postgresql.conf"):
        await EmbeddedServers.start(data_dir)
    assert not any(is_alive(pid) for pid in pids(data_dir))
    assert find_running(data_dir) is None


async def test_data_of_another_postgres_version_is_refused_with_the_remedy(data_dir: Path) -> None:
    async with running(data_dir):
        pass
    (data_dir / "postgres/PG_VERSION").write_text("16\n")
    with pytest.raises(StartupError, match=r"was made by Postgres 16 and this is Postgres \d+: move it away"):
        await EmbeddedServers.start(data_dir)


def rights(data_dir: Path) -> int:
    """The effective capabilities of the running Postgres, as bits; where there are none to read, 0."""
    status = Path(f"/proc/{pid_in_file(data_dir / 'postgres/postmaster.pid')}/status")
    if not status.exists():
        return 0
    return next(int(line.split()[1], 16) for line in status.read_text().splitlines() if line.startswith("CapEff:"))


async def test_postgres_has_no_rights_of_root_where_all_may_pass(open_dir: Path) -> None:
    async with running(open_dir / "data") as servers:
        await write(servers, "works")
        assert rights(open_dir / "data") == 0
        assert (open_dir / "data/postgres").stat().st_uid != 0


async def test_postgres_starts_below_a_private_directory_without_changing_its_mode(open_dir: Path) -> None:
    closed = open_dir / "closed"
    closed.mkdir(mode=0o700)
    async with running(closed / "data") as servers:
        await write(servers, "first")
        assert rights(closed / "data") == (CAP_DAC_OVERRIDE_ONLY if os.geteuid() == 0 else 0)
    async with running(closed / "data") as again:
        assert await read(again) == (["first"], ["first"])
    assert closed.stat().st_mode & 0o777 == 0o700
