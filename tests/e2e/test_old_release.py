"""The release that an upgrade begins with: where it cannot be had, whoever reads the end of the tests is told."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.old_release import OLD, PACKAGES, ROOT, unpack_old_release

UPGRADE = """
from pathlib import Path

from tests.e2e.old_release import unpack_old_release


def test_upgrade(tmp_path, record_property):
    assert not unpack_old_release(tmp_path, record_property, Path({root!r}))
"""


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """Packages of now without a history."""
    root = tmp_path / "sources"
    for package in PACKAGES:
        (root / package).mkdir(parents=True)
        (root / package / "now.py").touch()
    return root


def test_without_the_history_the_code_of_now_takes_its_place(sources: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    said: list[object] = []
    assert not unpack_old_release(old, lambda _name, line: said.append(line), sources)
    assert sorted(file.name for file in old.iterdir()) == sorted(PACKAGES)
    assert [str(line).startswith(f"the upgrade is from this release to itself: {OLD}") for line in said] == [True]


def test_without_git_the_code_of_now_takes_its_place(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    old = tmp_path / "old"
    old.mkdir()
    said: list[object] = []
    assert not unpack_old_release(old, lambda _name, line: said.append(line), sources)
    assert str(said[0]).endswith("(there is no git)")


@pytest.mark.parametrize("how", [[], ["-n", "1"]], ids=["alone", "xdist"])
def test_an_upgrade_from_the_release_to_itself_says_so_on_the_terminal(
    sources: Path, tmp_path: Path, how: list[str]
) -> None:
    shutil.copy(ROOT / "tests" / "conftest.py", tmp_path)
    (tmp_path / "test_inner.py").write_text(UPGRADE.format(root=str(sources)))
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-p", "no:cacheprovider", "-q"]
    ran = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-m", "pytest", *options, *how, str(tmp_path / "test_inner.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    notices = [line for line in ran.stdout.splitlines() if line.startswith("NOTICE ")]
    assert len(notices) == 1, ran.stdout
    assert f"from this release to itself: {OLD}" in notices[0]
