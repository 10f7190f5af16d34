import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from kit.log import LogFormat, configure_logging, logger


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What is configured here writes to this test's captured stream, which closes with the test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def fail(token: str) -> None:
    raise ValueError(f"a value of\n{len(token)} characters")


def a_failure() -> ValueError:
    try:
        fail("-".join(("bearer", "of", "secrets")))  # a trace may quote the source, so that must not hold it
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_logged_failure_names_the_error_but_no_local_variable(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(log_format)
    logger("test").error("request_failed", order_id="order_1", exc_info=a_failure())
    logging.getLogger("library").error("it broke", exc_info=a_failure())
    said = capsys.readouterr().err
    assert said.count("ValueError: a value of 17 characters") == 2
    assert said.count("in fail") == 2
    assert "order_1" in said
    assert "bearer-of-secrets" not in said


def test_a_librarys_warning_is_one_line_with_its_error_and_no_stack(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("text")
    try:
        raise a_failure()
    except ValueError:
        logging.getLogger("asyncpg.pool").warning("the connection\nof %s is gone", "bob", exc_info=True)
    [line] = capsys.readouterr().err.splitlines()
    assert "[warning  ] the connection of bob is gone" in line
    assert "part=asyncpg.pool" in line
    assert "error='ValueError: a value of 17 characters'" in line


def test_a_librarys_records_are_json_when_ours_are(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    library = logging.getLogger("asyncpg.pool")
    with structlog.contextvars.bound_contextvars(process=3):
        library.warning("odd", exc_info=a_failure())
        library.error("broken", exc_info=a_failure())
    library.info("too quiet to be heard")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    for line, level, event in zip(lines, ("warning", "error"), ("odd", "broken"), strict=True):
        assert line.pop("timestamp")
        stack = line.pop("exception", "")
        assert ("in fail" in stack) == (level == "error")
        assert line == {
            "level": level,
            "event": event,
            "part": "asyncpg.pool",
            "error": "ValueError: a value of 17 characters",
            "process": 3,
        }


class Pipe:
    """A standard error that counts what reaches it."""

    def __init__(self) -> None:
        self.writes: list[str] = []

    def write(self, text: str) -> int:
        self.writes.append(text)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_every_line_is_one_write(log_format: LogFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = Pipe()
    monkeypatch.setattr(sys, "stderr", pipe)
    configure_logging("text")
    configure_logging(log_format)  # again: nothing is said twice
    logger("test").info("ours")
    logging.getLogger("library").warning("theirs")
    assert [text.count("\n") for text in pipe.writes] == [1, 1]
    assert all(text.endswith("\n") for text in pipe.writes)
