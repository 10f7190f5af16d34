import logging
from collections.abc import Iterator

import pytest
import structlog

from kit.log import LogFormat, configure_logging, logger


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What is configured here writes to this test's captured stream, which closes with the test."""
    handlers = list(logging.getLogger().handlers)
    yield
    logging.getLogger().handlers[:] = handlers
    structlog.reset_defaults()


def fail(token: str) -> None:
    raise ValueError(f"a value of {len(token)} characters")


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_logged_failure_names_the_error_but_no_local_variable(
    log_format: LogFormat, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(log_format)
    try:
        fail("-".join(("bearer", "of", "secrets")))  # a trace may quote the source, so that must not hold it
    except ValueError:
        logger("test").exception("request_failed", order_id="order_1")
    said = capsys.readouterr().err
    assert "ValueError: a value of 17 characters" in said
    assert "order_1" in said
    assert "bearer-of-secrets" not in said
