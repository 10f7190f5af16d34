"""The directory of the embedded servers: who has it, where it may be, and who may read it."""

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kit.child_orphans import pid_in_file
from kit.embedded import EmbeddedServers, find_running
from kit.errors import StartupError
from tests.integration.kit.embedded_notes import owner_process, read, running, write

CAP_DAC_OVERRIDE_ONLY = 1 << 1


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory whose parents everybody may pass, unlike pytest's own."""
    made = Path(tempfile.mkdtemp(prefix="embedded-test-"))
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


async def test_a_second_owner_is_told_at_once_who_has_the_directory(data_dir: Path) -> None:
    async with running(data_dir):
        before = time.monotonic()
        with pytest.raises(
            StartupError, match=rf"{data_dir} is in use by process {os.getpid()}: wait until it is ready"
        ):
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
