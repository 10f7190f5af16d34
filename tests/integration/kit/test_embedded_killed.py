"""The embedded servers keep what was committed, whoever is killed."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kit.child_orphans import pid_in_file
from kit.embedded import EmbeddedServers, find_running
from kit.embedded_postgres import EmbeddedPostgres
from kit.embedded_redis import EmbeddedRedis
from tests.integration.kit.embedded_notes import is_alive, owner_process, pids, read, running, spawn_owner, until, write


def has_unfinished_database(data_dir: Path) -> bool:
    return any(data_dir.glob("postgres.new.*/base"))


def spawn_unrelated(uid: int, gid: int) -> "subprocess.Popen[bytes]":
    """A process of the same user as Postgres, which would see by itself that another user's is not its own."""
    if os.geteuid() != 0:
        return subprocess.Popen(["/bin/sleep", "60"])
    return subprocess.Popen(["/bin/sleep", "60"], user=uid, group=gid, extra_groups=[])


def newest_aof(redis_dir: Path) -> Path:
    """Redis 6 has one file; later ones keep new commands in the increment."""
    return max(redis_dir.rglob("*.aof"), key=lambda path: ".incr." in path.name)


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
