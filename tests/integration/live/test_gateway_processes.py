"""The parent of a gateway's processes, with limits short enough to wait for."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from kit.errors import SettingError, StartupError
from kit.settings import Settings
from live.roles import gateway_processes
from live.roles.gateway_processes import serve_processes
from tests.integration.live.gateway.house import free_port


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    # The processes read the environment, as the parent did.
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", redis_url)
    return Settings(data_dir=tmp_path, ws_port=free_port(), database_url=database_url, redis_url=redis_url)


def children() -> list[int]:
    """Return the pids of the processes that this one started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == os.getpid() and b"gateway-process" in words:
                found.append(int(entry.name))
    return found


async def test_a_process_that_does_not_end_is_killed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gateway_processes, "PROCESS_STOP_S", 0.5)
    serving = asyncio.create_task(serve_processes(settings, 2))
    async with asyncio.timeout(20):
        while "is ready" not in capfd.readouterr().out:
            await asyncio.sleep(0.05)
    hangs, _ends = children()
    os.kill(hangs, signal.SIGSTOP)
    os.kill(os.getpid(), signal.SIGTERM)
    await asyncio.wait_for(serving, 10)
    assert children() == []


async def test_a_process_that_is_not_ready_in_time_is_killed_and_named(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_processes, "PROCESS_START_S", 0.1)
    with pytest.raises(StartupError, match=r"gateway process \d was not ready within 0.1 s"):
        await serve_processes(settings, 2)
    assert children() == []


async def test_a_wrong_setting_that_a_process_finds_is_the_parents_error(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://u:pass-word@h:port")
    with pytest.raises(SettingError, match="REDIS_URL is malformed") as error:
        await serve_processes(settings, 2)
    assert "pass-word" not in error.value.message
    assert children() == []
