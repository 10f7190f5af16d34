"""What is logged while Postgres is away."""

import asyncio
import logging
import tempfile
from pathlib import Path

import pytest

from kit import postgres as kit_postgres
from kit.embedded import EmbeddedServers
from kit.postgres import OUTAGE_PAUSE_S, OncePerOutage, Postgres
from tests.integration.conftest import scratch

COMPLAINT = "Failed to restore the pool connection floor; retrying"


def record(message: str, at_s: float) -> logging.LogRecord:
    made = logging.LogRecord("asyncpg.pool", logging.WARNING, "", 0, message, None, None)
    made.created = at_s
    return made


def test_an_outage_is_said_once_and_the_next_one_again() -> None:
    once, at_s = OncePerOutage(), 1_000_000.0
    said = []
    for pause_s in (0.0, 0.0, 1.0, 60.0, OUTAGE_PAUSE_S + 1, 1.0):
        at_s += pause_s
        said.append(once.filter(record(COMPLAINT, at_s)))
    assert said == [True, False, False, False, True, False]
    assert once.filter(record("something else", at_s))
    assert once.filter(record("something else", at_s))


async def test_asyncpg_does_not_repeat_for_every_pool_and_try_that_postgres_is_away(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[str] = []

    class Counting(OncePerOutage):
        """The same, and it counts."""

        def filter(self, record: logging.LogRecord) -> bool:
            tries.append(record.getMessage())
            return super().filter(record)

    fresh = Counting()
    logger = logging.getLogger("asyncpg.pool")
    monkeypatch.setattr(logger, "filters", [])
    monkeypatch.setattr(kit_postgres, "_once_per_outage", fresh)
    with tempfile.TemporaryDirectory(prefix="showdrop-outage-", dir=scratch()) as folder:
        servers = await EmbeddedServers.start(Path(folder), durable=False)
        pools = [await Postgres.connect(servers.database_url, max_size=2) for _ in range(2)]
        assert logger.filters == [fresh]
        await servers.stop()
        async with asyncio.timeout(20):
            while tries.count(COMPLAINT) < 4:
                await asyncio.sleep(0.05)
        for pool in pools:
            await pool.close()
    assert [one.getMessage() for one in caplog.records if one.name == "asyncpg.pool"] == [COMPLAINT]
