"""A gateway of the test's own, which must not log an error."""

import logging
from collections.abc import AsyncIterator

import pytest

from tests.integration.live.gateway.house import House, open_house


@pytest.fixture
async def house(database_url: str, redis_url: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[House]:
    """A running gateway; whatever viewers do to it, nothing may end in a stack trace."""
    async with open_house(database_url, redis_url) as running:
        yield running
    traces = [one.getMessage() for one in caplog.get_records("call") if one.exc_info or one.levelno >= logging.ERROR]
    assert traces == []
