"""Where a development server says that it listens."""

import os
import stat
from pathlib import Path

import msgspec
import pytest

from kit.settings import Settings
from live.site import FILE, Site, announced, find_site, site_of


@pytest.mark.parametrize(
    ("host", "reached_at"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("shop.lan", "shop.lan")],  # noqa: S104 - read, not bound
)
def test_a_site_is_an_address_that_this_machine_can_reach(host: str, reached_at: str) -> None:
    site = site_of(Settings(host=host, http_port=81, ws_port=82), 7)
    assert site == Site(http_url=f"http://{reached_at}:81", ws_url=f"ws://{reached_at}:82", pid=7)


def test_the_file_is_private_and_goes_with_the_server(tmp_path: Path) -> None:
    file = tmp_path / FILE
    with announced(Settings(data_dir=tmp_path), owner=True):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert msgspec.json.decode(file.read_bytes(), type=Site).pid == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_who_does_not_own_the_directory_leaves_the_owners_file_alone(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text("the owner's")
    with announced(Settings(data_dir=tmp_path), owner=False):
        pass
    assert (tmp_path / FILE).read_text() == "the owner's"


def test_the_file_of_a_server_that_is_gone_counts_for_nothing(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(msgspec.json.encode(site_of(Settings(), os.getpid())))
    assert find_site(tmp_path) is None
