"""The embedded servers: how they are set up, start, fail and end."""

import asyncio
import os
import time
from pathlib import Path

import psycopg
import pytest
import redis.asyncio as redis_asyncio

from kit.child_orphans import pid_in_file
from kit.embedded import EmbeddedServers, find_running
from kit.errors import StartupError
from tests.integration.kit.embedded_notes import is_alive, pids, read, running, until, write


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


async def test_a_data_directory_behind_a_circle_of_links_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "here").symlink_to(tmp_path / "there")
    (tmp_path / "there").symlink_to(tmp_path / "here")
    with pytest.raises(StartupError, match=r"here leads nowhere: .* \(SHOWDROP_DATA_DIR\)"):
        await EmbeddedServers.start(tmp_path / "here")


async def test_a_failed_postgres_stops_redis_too_and_quotes_the_reason(data_dir: Path) -> None:
    async with running(data_dir):
        pass
    config = data_dir / "postgres/postgresql.conf"
    config.write_text(config.read_text() + "no_such_setting = 1\n")
    with pytest.raises(StartupError, match=r"Postgres did not start \(exit 1\): .*postgresql.conf"):
        await EmbeddedServers.start(data_dir)
    assert not any(is_alive(pid) for pid in pids(data_dir))
    assert find_running(data_dir) is None
