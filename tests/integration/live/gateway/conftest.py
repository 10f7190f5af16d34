"""A gateway of the test's own, which must not log an error."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from structlog.testing import capture_logs

from kit.embedded_redis import EmbeddedRedis
from tests.integration.live.gateway.house import House, open_house


@pytest.fixture
async def own_redis(tmp_path: Path) -> AsyncIterator[str]:
    """A Redis that nobody else uses."""
    with TemporaryDirectory() as socket_dir:
        server = await EmbeddedRedis.start(
            tmp_path / "redis",
            Path(socket_dir),
            log_path=tmp_path / "log",
            durable=False,
            on_progress=lambda _line: None,
        )
        try:
            yield server.url
        finally:
            await server.stop()


@pytest.fixture
async def house(database_url: str, redis_url: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[House]:
    """A running gateway; whatever viewers do to it, nothing may end in a stack trace."""
    with capture_logs() as said:
        async with open_house(database_url, redis_url) as running:
            yield running
    assert [one for one in said if one["log_level"] in ("error", "critical")] == []
    records = [*caplog.get_records("call"), *caplog.get_records("teardown")]
    assert [one.getMessage() for one in records if one.exc_info or one.levelno >= logging.ERROR] == []
