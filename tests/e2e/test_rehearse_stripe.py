"""A rehearsal that brings its own server and its own bank, and takes them away again."""

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Deployment

STRIPE = ("rehearse", "--payments", "stripe-fake")
WITH_SERVERS = 5
"""Processes when nearly all have started: the rehearsal, the fake, the server, its Postgres, its Redis."""

pytestmark = pytest.mark.timeout(115)


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The directory of temporary files; short, because sockets are in it."""
    with tempfile.TemporaryDirectory(prefix="sd-") as directory:
        monkeypatch.setenv("TMPDIR", directory)
        yield Path(directory)


def processes_that_know(directory: Path) -> list[str]:
    """Return the command lines of all processes that name the directory, or have it in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
                known = words + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(directory).encode() in known:
                found.append(words.replace(b"\0", b" ").decode(errors="replace"))
    return found


async def test_every_payment_of_a_show_by_a_fake_stripe_agrees_with_its_order(
    deployment: Deployment, temporary: Path, tmp_path: Path
) -> None:
    report_file = tmp_path / "report.json"
    rehearsal = await deployment.run(*STRIPE, "--viewers", "25", "--units", "20", "--json", str(report_file))
    assert await rehearsal.ended(within_s=110) == 0, rehearsal.printed
    assert "held: 20 of 20 units sold, 0 oversold" in rehearsal.printed
    assert "BROKEN" not in rehearsal.printed
    report = json.loads(report_file.read_bytes())
    assert sum(report["payments"].values()) == sum(report["orders"].values()) >= 20
    bank = report["bank"]
    assert bank["events"] == bank["delivered"] + bank["lost"]
    assert min(bank["lost"], bank["duplicates"], bank["answers_lost"]) > 0
    assert (bank["waiting"], bank["too_many"]) == (0, 0)
    assert processes_that_know(temporary) == []
    assert os.listdir(temporary) == []
    assert not deployment.data_dir.exists(), "the deployment of the environment is not touched"


@pytest.mark.parametrize(
    ("number", "phase"), [(signal.SIGTERM, "rehearse: selling"), (signal.SIGINT, "rehearse: starting")]
)
async def test_a_signal_leaves_no_process_and_no_file(
    deployment: Deployment, temporary: Path, number: signal.Signals, phase: str
) -> None:
    rehearsal = await deployment.run(*STRIPE, "--viewers", "25", "--units", "20")
    await rehearsal.until_printed(phase, within_s=60)
    async with asyncio.timeout(30):
        while len(processes_that_know(temporary)) < WITH_SERVERS:
            await asyncio.sleep(0.02)
    rehearsal.process.send_signal(number)
    assert await rehearsal.ended(within_s=45) == 128 + number, rehearsal.printed
    assert f"rehearse: stopped by {number.name}; the server and the fake Stripe are stopped" in rehearsal.printed
    assert "Traceback" not in rehearsal.printed
    assert processes_that_know(temporary) == []
    assert os.listdir(temporary) == []


async def test_a_running_server_cannot_be_named_beside_it(deployment: Deployment) -> None:
    rehearsal = await deployment.run(*STRIPE, "--url", "http://127.0.0.1:8000")
    assert await rehearsal.ended(within_s=20) == 2, rehearsal.printed
    assert "--payments stripe-fake starts its own" in rehearsal.printed
    assert len(rehearsal.printed.splitlines()) == 1
