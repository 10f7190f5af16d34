"""A run that fails leaves no verdict, for that of an earlier run would stand for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from loadtests.records import VERDICT
from tests.integration.loadtests.test_locust_unable import run_locust

UNABLE = 2
FEW_FILES = 400  # tier XS takes 520


def judged(folder: Path) -> Path:
    """The verdict of an earlier run."""
    folder.mkdir(exist_ok=True)
    verdict = folder / VERDICT
    verdict.write_text('{"held": true}')
    return verdict


@pytest.mark.parametrize(
    ("module", "option", "folder"), [("loadtests.swarm", "--records", "."), ("loadtests.load", "--results", "XS")]
)
def test_a_run_that_may_open_too_few_files(tmp_path: Path, module: str, option: str, folder: str) -> None:
    verdict = judged(tmp_path / folder)
    command = [sys.executable, "-m", module, "--tier", "XS", option, str(tmp_path)]
    limited = ["sh", "-c", f'ulimit -n {FEW_FILES} && exec "$@"', "sh", *command]
    ran = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603 - our own command
    assert (ran.returncode, ran.stderr.count("\n")) == (UNABLE, 1), ran
    assert "520 open files are needed" in ran.stderr
    assert not verdict.exists()


async def test_a_run_of_locust_that_cannot_make_the_show(tmp_path: Path) -> None:
    verdict = judged(tmp_path)
    code, lines = await run_locust(tmp_path, SHOWDROP_SECRET="s" * 43)
    assert code == UNABLE, lines
    assert not verdict.exists()
