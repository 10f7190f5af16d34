import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from kit.embedded import EmbeddedServers, ServerUrls, find_running, find_starting
from kit.embedded_directory import DataDirectory
from kit.errors import StartupError
from kit.migrate import missing_migrations
from kit.settings import Settings
from live.roles import place as place_of_a_process
from live.roles.place import find_place, require_data, require_free, servers
from live.roles.single import require_place
from live.schema import MIGRATIONS


def test_a_folder_that_was_never_used_is_not_compared(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match=r"no Showdrop data in .*SHOWDROP_DATA_DIR"):
        require_data(Settings(data_dir=tmp_path / "empty"))
    assert not (tmp_path / "empty").exists()


def test_servers_of_the_environment_need_no_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "empty", database_url="postgresql://x/y", redis_url="redis://x")
    require_data(settings)
    require_free(settings)
    assert not (tmp_path / "empty").exists()


async def test_a_second_one_in_the_same_folder_is_told_of_the_first(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    require_free(settings)
    async with await EmbeddedServers.start(tmp_path, durable=False):
        require_data(settings)
        with pytest.raises(StartupError, match=r"already runs in .*process \d+"):
            require_free(settings)


async def test_tools_of_the_same_folder_find_the_redis_that_is_really_used(tmp_path: Path, redis_url: str) -> None:
    async with servers(Settings(data_dir=tmp_path, redis_url=redis_url)) as (place, _):
        found = await find_place(Settings(data_dir=tmp_path))
    assert found is not None
    assert (found.redis_url, found.database_url) == (redis_url, place.database_url)


@pytest.fixture
async def starting(tmp_path: Path) -> AsyncIterator[DataDirectory]:
    """A data directory in which somebody is starting servers."""
    directory = await DataDirectory.acquire(tmp_path)
    directory.write(
        ServerUrls(database_url="postgresql://d", redis_url="redis://r", owner_pid=os.getpid()), ready=False
    )
    yield directory
    directory.release()


async def test_a_role_waits_for_servers_that_are_being_started(
    starting: DataDirectory, capfd: pytest.CaptureFixture[str]
) -> None:
    waiting = asyncio.create_task(require_place(Settings(data_dir=starting.path)))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    starting.write(ServerUrls(database_url="postgresql://d", redis_url="redis://r", owner_pid=os.getpid()), ready=True)
    place = await asyncio.wait_for(waiting, 5)
    assert (place.database_url, place.redis_url) == ("postgresql://d", "redis://r")
    said = (
        f"showdrop: waiting for process {os.getpid()}, which is starting servers in {starting.path} or works there ..."
    )
    assert capfd.readouterr().err == f"{said}\n"


async def test_a_role_waits_no_longer_than_whoever_starts_the_servers(starting: DataDirectory) -> None:
    waiting = asyncio.create_task(require_place(Settings(data_dir=starting.path)))
    await asyncio.sleep(0.1)
    starting.release()
    with pytest.raises(StartupError, match=r"set REDIS_URL and DATABASE_URL, or start .showdrop servers."):
        await asyncio.wait_for(waiting, 5)


async def test_a_role_does_not_wait_for_ever(starting: DataDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(place_of_a_process, "SERVERS_START_S", 0.1)
    with pytest.raises(StartupError, match=rf"servers of process {os.getpid()} in .* were not up within 0 s"):
        await asyncio.wait_for(require_place(Settings(data_dir=starting.path)), 5)


async def test_who_finds_servers_finds_every_table_too(tmp_path: Path) -> None:
    async def first_found() -> list[str]:
        while (running := find_running(tmp_path)) is None:
            await asyncio.sleep(0.005)
        return await asyncio.to_thread(missing_migrations, running.database_url, MIGRATIONS)

    finding = asyncio.create_task(first_found())
    async with servers(Settings(data_dir=tmp_path)):
        assert await asyncio.wait_for(finding, 5) == []


async def taken(data_dir: Path) -> None:
    while find_starting(data_dir) is None:
        await asyncio.sleep(0.005)


async def test_a_command_waits_for_servers_that_are_being_started_and_uses_them(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    async def command() -> tuple[str, bool]:
        await taken(tmp_path)
        async with servers(settings, passing=True) as (place, embedded):
            return place.redis_url, embedded is None

    asking = asyncio.create_task(command())
    async with servers(settings) as (place, _):
        assert await asyncio.wait_for(asking, 5) == (place.redis_url, True)


async def test_a_command_does_not_lend_its_servers_to_a_second_one_which_waits_for_its_end(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    async def command() -> bool:
        async with servers(settings, passing=True) as (_, embedded):
            return embedded is not None

    async with servers(settings, passing=True):
        second = asyncio.create_task(command())
        await asyncio.sleep(0.3)
        assert not second.done()
        assert find_running(tmp_path) is None
        with pytest.raises(
            StartupError, match=rf"by process {os.getpid()}: wait until it is ready or over, stop it, or"
        ):
            await EmbeddedServers.start(tmp_path)
    assert await asyncio.wait_for(second, 30)
