"""The rules around Redis's version, URL and settings."""

from pathlib import Path

import pytest
import redis

from kit.embedded_redis import arguments, parse_version, url_for


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ("Redis server v=6.2.14 sha=40305114:0 malloc=libc bits=64 build=dff95a8e7a99d269", (6, 2)),
        ("Valkey server v=8.1.0 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", (8, 1)),
        ("Redis server v=10.0.0 sha=0", (10, 0)),
        ("command not found", None),
    ],
)
def test_the_version_is_read_from_what_the_server_prints(printed: str, expected: tuple[int, int] | None) -> None:
    assert parse_version(printed) == expected


def test_the_url_survives_strange_characters_in_the_path() -> None:
    pool = redis.ConnectionPool.from_url(url_for(Path("/d/a b+c?d#e%41")))
    assert pool.connection_kwargs["path"] == "/d/a b+c?d#e%41/redis.sock"


def test_every_setting_has_its_value_and_tcp_is_off() -> None:
    given = arguments(Path("/d/redis"), Path("/t/redis"), durable=True)
    settings = dict(zip(given[::2], given[1::2], strict=True))
    assert settings["--port"] == "0"
    assert settings["--unixsocket"] == "/t/redis/redis.sock"
    assert settings["--appendfsync"] == "everysec"


def test_only_a_throw_away_server_leaves_fsync_off() -> None:
    given = arguments(Path("/d"), Path("/d"), durable=False)
    assert given[given.index("--appendfsync") + 1] == "no"
