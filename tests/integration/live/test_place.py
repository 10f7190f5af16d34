from pathlib import Path

import pytest

from kit.embedded import EmbeddedServers
from kit.errors import StartupError
from kit.settings import Settings
from live.roles.place import find_place, require_data, require_free, servers


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
