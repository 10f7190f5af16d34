"""The end of a role: it gets as long as the documentation says that it may take, and a kill is not kept quiet."""

import re
import sys
import time
from pathlib import Path

import pytest

from loadtests.limits import STOP_TIMEOUT_S
from loadtests.role_http import Role

OPERATIONS = Path(__file__).parents[3] / "docs" / "operations.md"
KILLED, TOLD_TO_END = -9, -15
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
HEARING = "import time; print('hearing', flush=True); time.sleep(60)"


def start(script: str, folder: Path) -> Role:
    """A role that has said its word."""
    log = folder / "role.log"
    role = Role(["api"], environ={}, log=log, program=[sys.executable, "-c", script])
    role.start()
    gives_up_s = time.monotonic() + 20
    while not log.read_text():
        assert time.monotonic() < gives_up_s
        time.sleep(0.02)
    return role


def test_no_role_is_killed_within_the_time_that_it_may_take() -> None:
    ends_s = dict(re.findall(r"^\| (worker|API|gateway) \| (\d+) s", OPERATIONS.read_text(), re.MULTILINE))
    assert ends_s.keys() == {"worker", "API", "gateway"}
    assert max(map(int, ends_s.values())) < STOP_TIMEOUT_S


def test_a_role_that_does_not_end_is_killed_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(DEAF, tmp_path).stop(0.3) == KILLED
    assert capsys.readouterr().err == "showdrop api did not end within 0.3 s and was killed\n"


def test_of_a_role_that_ends_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    role = start(HEARING, tmp_path)
    assert role.ended() is None
    assert role.stop() == TOLD_TO_END
    assert role.ended() == "showdrop api ended with -15: hearing"
    assert not capsys.readouterr().err
