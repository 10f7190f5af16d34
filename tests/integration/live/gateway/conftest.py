"""A gateway of the test's own, which must not log an error."""

import logging
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tests.integration.live.gateway.house import House, open_house


@pytest.fixture
async def house(database_url: str, redis_url: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[House]:
    """A running gateway; whatever viewers do to it, nothing may end in a stack trace."""
    with capture_logs() as said:
        async with open_house(database_url, redis_url) as running:
            yield running
    assert [one for one in said if one["log_level"] in ("error", "critical")] == []
    records = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    assert [one.getMessage() for one in records if one.exc_info or one.levelno >= logging.ERROR] == []
