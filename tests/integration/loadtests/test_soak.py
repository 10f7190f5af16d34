"""A soak whose shows cannot be played: what was found until then is written."""

import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from loadtests.deployment_http import Deployment
from loadtests.errors import LoadError
from loadtests.play import Plan
from loadtests.soak import soak
from loadtests.soak_report import SoakReport
from loadtests.stored_pg import kept_in_postgres
from loadtests.stored_redis import kept_in_redis
from loadtests.tiers import scene

PLAN = Plan(scene=scene("XS", "join-storm"), tool="swarm")
UNKNOWN = 2
NO_REDIS = "redis://127.0.0.1:9/0"
NO_POSTGRES = "postgresql://127.0.0.1:9/showdrop"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Deployment]:
    """A deployment that was never started, with its port kept from others, and stores that are not there."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    urls = {"urls": {"redis_url": NO_REDIS, "database_url": NO_POSTGRES}}
    (data_dir / "servers.json").write_bytes(msgspec.json.encode(urls))
    deployment = Deployment(tmp_path)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", urlsplit(deployment.url).port))
        yield deployment


def report(folder: Path) -> SoakReport:
    return msgspec.json.decode((folder / "soak.json").read_bytes(), type=SoakReport)


def test_a_tool_that_fails_and_stores_that_are_away_are_in_the_report(tmp_path: Path, place: Deployment) -> None:
    assert soak(PLAN, place, tmp_path, 60, warm_up_s=0) == UNKNOWN
    found = report(tmp_path)
    assert (found.shows, found.exit_code) == (0, UNKNOWN)
    assert found.broken == [
        f"show 1: loadtests.swarm ended with 2: see {tmp_path / 'tool.log'}",
        "what Redis keeps could not be looked at (ConnectionError)",
    ]
    assert (tmp_path / "memory.csv").exists()


def test_a_soak_that_is_told_to_end_says_so_in_the_report(tmp_path: Path, place: Deployment) -> None:
    # With a secret the tool asks for ten seconds whether the server is there: there is a show to be ended.
    (tmp_path / "data" / "secret").write_text("s" * 43)
    ctrl_c = threading.Timer(0.5, signal.raise_signal, [signal.SIGINT])
    ctrl_c.start()
    assert soak(PLAN, place, tmp_path, 60) == UNKNOWN
    assert report(tmp_path).broken == ["show 1: it was told to end"]


def test_postgres_that_is_away_is_an_error_of_the_load_tests_own() -> None:
    with pytest.raises(LoadError, match=r"what Postgres keeps could not be looked at \(OperationalError\)"):
        kept_in_postgres(NO_POSTGRES)


def test_redis_that_is_away_is_an_error_of_the_load_tests_own() -> None:
    with pytest.raises(LoadError, match=r"what Redis keeps could not be looked at \(ConnectionError\)"):
        kept_in_redis(NO_REDIS)
