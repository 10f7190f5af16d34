"""The rules around Postgres's binaries, URL, settings and user."""

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from kit.embedded_postgres import arguments, may_enter, newest_install, says_ready, url_for


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["pginstall", "pginstall18"], "pginstall18"),
        (["pginstall18", "pginstall20", "pginstall9"], "pginstall20"),
        (["pginstall", "pginstall17"], None),
        (["pginstall18-debug"], None),
        ([], None),
    ],
)
def test_the_newest_binaries_that_are_new_enough_are_taken(names: list[str], expected: str | None) -> None:
    assert newest_install(names) == expected


def test_the_url_survives_strange_characters_in_the_path() -> None:
    parts = urlsplit(url_for(Path("/d/a b+c&d?e#f%41/postgres")))
    assert parse_qs(parts.query) == {"host": ["/d/a b+c&d?e#f%41/postgres"], "port": ["5432"]}
    assert (parts.username, parts.path) == ("showdrop", "/showdrop")


def test_only_a_throw_away_server_leaves_fsync_off() -> None:
    directory = Path("/d/postgres")
    for durable, word in ((True, "on"), (False, "off")):
        given = arguments(directory, directory, durable=durable)
        assert {f"fsync={word}", "synchronous_commit=on", f"full_page_writes={word}"} <= set(given)
        assert "listen_addresses=" in given


def test_a_quote_in_the_socket_directory_is_doubled_for_the_server() -> None:
    assert 'unix_socket_directories="/d/a""b, c"' in arguments(Path("/d"), Path('/d/a"b, c'), durable=True)


@pytest.mark.parametrize(
    ("mode", "owner", "group", "expected"),
    [
        (0o711, 0, 0, True),
        (0o700, 0, 0, False),
        (0o700, 65534, 0, True),
        (0o071, 65534, 65534, False),
        (0o710, 0, 65534, True),
        (0o701, 0, 65534, False),
    ],
)
def test_the_first_class_that_matches_decides_whether_a_user_may_pass(
    mode: int, owner: int, group: int, expected: bool
) -> None:
    assert may_enter(mode, owner, group, uid=65534, gid=65534) is expected


@pytest.mark.parametrize(
    ("pid", "status", "expected"), [(42, "ready   ", True), (42, "starting", False), (41, "ready", False)]
)
def test_ready_is_the_status_line_of_this_very_process(tmp_path: Path, pid: int, status: str, expected: bool) -> None:
    file = tmp_path / "postmaster.pid"
    file.write_text(f"42\n/d\n1700000000\n5432\n/d\n\n  1 2\n{status}\n")
    assert says_ready(file, pid) is expected


def test_a_pid_file_still_being_written_is_not_ready(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text("42\n/d\n")
    assert not says_ready(tmp_path / "postmaster.pid", 42)
