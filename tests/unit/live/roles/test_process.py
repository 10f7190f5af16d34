"""The limit of open files: this process's own, put back after each test."""

import resource
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from live.roles.process import OPEN_FILES_SPARE, allow_open_files, warn_of_open_files

LOW = 512


@pytest.fixture(autouse=True)
def hard() -> Iterator[int]:
    """Begin with a low soft limit; return the hard one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (LOW, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def soft_now() -> int:
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def test_the_limit_is_raised_as_far_as_the_viewers_need_it_and_never_lowered() -> None:
    allow_open_files(100)
    assert soft_now() == 100 + OPEN_FILES_SPARE
    allow_open_files(1)
    assert soft_now() == 100 + OPEN_FILES_SPARE
    with capture_logs() as said:
        warn_of_open_files(100)
    assert said == []


def test_what_is_not_allowed_is_said_once_with_the_remedy(hard: int) -> None:
    viewers = 10**9
    allow_open_files(viewers)
    assert soft_now() == hard
    with capture_logs() as said:
        warn_of_open_files(viewers)
    [warning] = said
    assert (warning["log_level"], warning["limit"], warning["needed"]) == ("warning", hard, viewers + OPEN_FILES_SPARE)
    assert "ulimit -n" in warning["meaning"]
