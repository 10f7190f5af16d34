"""A load test from its server to its verdict, at a size whose figures say nothing."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import msgspec
import pytest

from loadtests.verifier.table import Report

pytestmark = pytest.mark.timeout(90)


async def test_a_drop_and_a_storm_of_reconnects_are_played_and_judged_and_leave_nothing(tmp_path: Path) -> None:
    words = ["-m", "loadtests.load", "--tier", "XS", "--shape", "short", "--tool", "swarm", "--results", str(tmp_path)]
    theirs = {"SHOWDROP_SECRET": "s" * 43, "SHOWDROP_MAX_VIEWERS": "5"}  # of another deployment, in the same shell
    load = await asyncio.create_subprocess_exec(
        sys.executable, *words, env=os.environ | theirs, stdout=PIPE, stderr=STDOUT
    )
    printed, _ = await asyncio.wait_for(load.communicate(), 80)
    assert load.returncode == 0, printed.decode()
    assert printed.decode().rstrip().endswith("held")
    report = msgspec.json.decode((tmp_path / "XS" / "verdict.json").read_bytes(), type=Report)
    assert report.held
    counts = {name: one.count for name, one in report.waits.items()}
    assert counts["join"] == counts["resume"] == 20
    assert counts["claim"] == 10  # five buyers, two taps each
    assert counts["checkout"] == counts["confirm"] == 2
