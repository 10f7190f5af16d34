"""A load test from its server to its verdict, at a size whose figures say nothing."""

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import msgspec
import pytest

from loadtests.bench.process_figures import with_children
from loadtests.soak_report import SoakReport
from loadtests.verifier.table import Report
from tests.e2e.quickness import broken_but_for_times

pytestmark = pytest.mark.timeout(90)


async def test_a_drop_and_a_storm_of_reconnects_are_played_and_judged_and_leave_nothing(tmp_path: Path) -> None:
    words = ["-m", "loadtests.load", "--tier", "XS", "--shape", "short", "--tool", "swarm", "--results", str(tmp_path)]
    theirs = {"SHOWDROP_SECRET": "s" * 43, "SHOWDROP_MAX_VIEWERS": "5"}  # of another deployment, in the same shell
    load = await asyncio.create_subprocess_exec(
        sys.executable, *words, env=os.environ | theirs, stdout=PIPE, stderr=STDOUT
    )
    printed, _ = await asyncio.wait_for(load.communicate(), 80)
    report = msgspec.json.decode((tmp_path / "XS" / "verdict.json").read_bytes(), type=Report)
    assert broken_but_for_times(report) == [], printed.decode()
    assert load.returncode == (0 if report.held else 1), printed.decode()
    assert printed.decode().rstrip().rpartition("\n")[2].startswith("held" if report.held else "BROKEN")
    counts = {name: one.count for name, one in report.waits.items()}
    assert counts["join"] == counts["resume"] == 20
    assert counts["claim"] == 10  # five buyers, two taps each
    assert counts["checkout"] == counts["confirm"] == 2


def pid_of(role: str, parent: int) -> int:
    """The process of a role among all that came from another one."""
    words: dict[int, list[bytes]] = {}
    for pid in with_children(parent):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            words[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    (found,) = (pid for pid, said in words.items() if said[-2:] == [role.encode(), b""])
    return found


async def test_a_soak_whose_api_dies_is_not_held_and_its_report_says_why(tmp_path: Path) -> None:
    words = ["--tier", "XS", "--shape", "join-storm", "--tool", "swarm", "--for-s", "600", "--results", str(tmp_path)]
    load = await asyncio.create_subprocess_exec(
        sys.executable, "-u", "-m", "loadtests.load", *words, stdout=PIPE, stderr=STDOUT
    )
    assert load.stdout is not None
    printed = await asyncio.wait_for(load.stdout.readuntil(b"first second"), 60)
    os.kill(pid_of("api", load.pid), signal.SIGKILL)
    rest, _ = await asyncio.wait_for(load.communicate(), 60)
    assert load.returncode == 1, (printed + rest).decode()
    report = msgspec.json.decode((tmp_path / "XS" / "soak.json").read_bytes(), type=SoakReport)
    died, unplayed = report.broken
    assert died.startswith("showdrop api ended with -9: ")
    assert unplayed.startswith("show 1: loadtests.swarm ended with 2")
    assert b"BROKEN: showdrop api ended with -9" in rest
