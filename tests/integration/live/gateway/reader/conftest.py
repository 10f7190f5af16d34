"""A gateway that is quick to notice, behind a proxy of its own to a Redis of its own."""

from collections.abc import AsyncIterator
from urllib.parse import unquote, urlsplit

import pytest

from tests.integration.live.gateway.house import House, open_house
from tests.integration.live.gateway.reader.readiness import LAG_MOST_S, until_ready
from tests.integration.live.gateway.reader.swallowing_proxy import Proxy


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything ten times as fast as for real viewers."""
    monkeypatch.setattr("live.roles.gateway.READER_BEACON_S", 0.1)
    monkeypatch.setattr("live.log_reader_redis.LISTEN_TIMEOUT_S", 0.1)
    monkeypatch.setattr("live.log_reader_redis.READER_LAG_MOST_S", LAG_MOST_S)
    monkeypatch.setattr("live.gateway_tick.READER_LAG_MOST_S", LAG_MOST_S)


@pytest.fixture
async def proxy(own_redis: str) -> AsyncIterator[Proxy]:
    standing = Proxy(unquote(urlsplit(own_redis).path))
    await standing.open()
    yield standing
    await standing.close()


@pytest.fixture
async def house(database_url: str, proxy: Proxy) -> AsyncIterator[House]:
    async with open_house(database_url, f"redis://127.0.0.1:{proxy.port}/0") as running:
        await until_ready(running)
        yield running
