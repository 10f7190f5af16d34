"""The parent of a gateway's processes, with limits short enough to wait for."""

import asyncio
import os
import re
import signal
from pathlib import Path

import msgspec
import pytest
from structlog.testing import capture_logs

from kit.errors import SettingError, StartupError
from kit.settings import Settings
from live.roles import gateway_processes
from live.roles.gateway_processes import serve_processes
from live.roles.single import serve_role
from loadtests.free_ports import free_port


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


async def test_a_process_that_is_told_to_end_is_replaced_and_that_is_no_error(
    settings: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    with capture_logs() as said:
        serving = asyncio.create_task(serve_processes(settings, 2))
        printed = ""
        async with asyncio.timeout(20):
            while "is ready" not in printed:
                await asyncio.sleep(0.05)
                printed += capfd.readouterr().out
            assert f"showdrop gateway is ready on ws://127.0.0.1:{settings.ws_port}, 2 processes\n" in printed
            os.kill(children()[0], signal.SIGTERM)
            while "gateway_process_started_again" not in [one["event"] for one in said]:
                await asyncio.sleep(0.05)
            os.kill(os.getpid(), signal.SIGTERM)
            await serving
    ours = [(one["event"], one["log_level"]) for one in said if one["event"].startswith("gateway_process")]
    assert ours == [("gateway_process_replaced", "info"), ("gateway_process_started_again", "info")]
    assert "test_bank_is_on" in [one["event"] for one in said]


async def test_a_refused_start_is_the_error_alone(settings: Settings) -> None:
    unknown = msgspec.structs.replace(settings, host="nosuch.invalid")
    for serve in (serve_processes(unknown, 2), serve_role("gateway", unknown)):
        with capture_logs() as said, pytest.raises(StartupError) as caught:
            await serve
        where = f"cannot listen on nosuch.invalid:{settings.ws_port}"
        # A machine without a name server cannot know that nobody has the name, and says that.
        assert re.match(rf"{where} \((no such host|[A-Z][^)]+)\); set SHOWDROP_HOST", caught.value.message)
        assert said == []


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
