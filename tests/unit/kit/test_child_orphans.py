"""Which processes count as servers of a data directory."""

from pathlib import Path

import pytest

from kit.child_orphans import cwd_in_lsof, is_child_of_directory, pid_in_file

DIRECTORY = Path("/d/postgres")


@pytest.mark.parametrize(
    ("program", "cwd", "expected"),
    [
        ("postgres", "/d/postgres", True),
        ("postgres (deleted)", "/d/postgres", True),
        ("postgres", "/d/postgres.new.abc", True),
        ("postgres", "/d/postgres-other", False),
        ("postgres", "/d/postgres/base", False),
        ("bash", "/d/postgres", False),
    ],
)
def test_only_a_server_that_works_in_the_directory_is_ours(program: str, cwd: str, expected: bool) -> None:
    assert is_child_of_directory(program, cwd, DIRECTORY, ("postgres",)) is expected


@pytest.mark.parametrize(("text", "pid"), [("42\n/d\n", 42), (" 7 ", 7), ("", None), ("-1\n", None), ("²\n", None)])
def test_the_pid_is_the_first_line_or_nothing(tmp_path: Path, text: str, pid: int | None) -> None:
    file = tmp_path / "x.pid"
    file.write_text(text)
    assert pid_in_file(file) == pid


def test_a_missing_pid_file_is_no_pid(tmp_path: Path) -> None:
    assert pid_in_file(tmp_path / "none") is None


def test_the_working_directory_is_read_from_lsof() -> None:
    assert cwd_in_lsof("p42\nfcwd\nn/d/post gres\n") == "/d/post gres"
    assert cwd_in_lsof("") == ""
