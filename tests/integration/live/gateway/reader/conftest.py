"""A gateway that is quick to notice, behind a proxy of its own to a Redis of its own."""

from collections.abc import AsyncIterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

import pytest

from kit.embedded_redis import EmbeddedRedis
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
        yield server.url
        await server.stop()


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
