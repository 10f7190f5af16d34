"""Where sockets can be, and what a tool may conclude from files."""

import os
from pathlib import Path

import pytest

from kit.embedded_directory import SOCKET_PATH_MAX_BYTES, find_running, fits_in_socket

TAIL = len("/postgres/.s.PGSQL.5432")


def test_a_path_fits_up_to_the_last_byte() -> None:
    room = SOCKET_PATH_MAX_BYTES - TAIL
    assert fits_in_socket(Path("/" + "a" * (room - 1)))
    assert not fits_in_socket(Path("/" + "a" * room))


def test_the_limit_counts_bytes_not_letters() -> None:
    assert not fits_in_socket(Path("/" + "é" * (SOCKET_PATH_MAX_BYTES - TAIL - 1)))


@pytest.mark.parametrize("path", ["/a,b", os.fsdecode(b"/a\xff")])
def test_a_path_that_no_url_can_carry_does_not_fit(path: str) -> None:
    assert not fits_in_socket(Path(path))


@pytest.mark.parametrize(
    "record",
    [
        b"",
        b"{",
        b'{"urls":{"database_url":"a","redis_url":"b","owner_pid":1},"socket_dir":null,"ready":false}',
        b'{"urls":{"database_url":"a","redis_url":"b","owner_pid":1},"socket_dir":null,"ready":true}',
    ],
)
def test_a_record_without_a_living_owner_is_nobody(tmp_path: Path, record: bytes) -> None:
    (tmp_path / "servers.json").write_bytes(record)
    (tmp_path / "lock").write_text("1\n")
    assert find_running(tmp_path) is None


def test_a_directory_that_is_not_there_has_no_owner(tmp_path: Path) -> None:
    assert find_running(tmp_path / "none") is None
