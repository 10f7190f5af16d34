"""Ctrl-C and SIGTERM end everything, however early they come."""

import os
import signal
from pathlib import Path

import pytest

from kit.embedded import find_running
from tests.e2e.conftest import STOP_S, Deployment

pytestmark = pytest.mark.timeout(60)


def processes_of(data_dir: Path) -> list[str]:
    """Return the command lines of all processes that name the directory."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(data_dir) in words:
                found.append(words)
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_during_the_start_stops_what_was_started(deployment: Deployment, number: signal.Signals) -> None:
    dev = await deployment.run("dev")
    await dev.until_printed("\n", within_s=20)
    dev.process.send_signal(number)
    assert await dev.ended(within_s=STOP_S) == 0, dev.printed
    assert "Showdrop is ready" not in dev.printed
    assert "stopping ..." in dev.printed
    assert "Traceback" not in dev.printed
    assert find_running(deployment.data_dir) is None
    assert processes_of(deployment.data_dir) == []
    # Nothing half-made is in the way of the next start.
    again = await deployment.start_dev()
    again.process.send_signal(number)
    assert await again.ended(within_s=STOP_S) == 0, again.printed
    assert processes_of(deployment.data_dir) == []
