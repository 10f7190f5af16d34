"""A cluster for all tests of this folder, and a house whose Redis it is."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from kit.cluster_redis import ClusterRedis
from kit.redis_client import connect_redis
from tests.integration.cluster.three_masters import ThreeMasters
from tests.integration.live.gateway.house import House, open_house


@pytest.fixture(scope="session")
def cluster() -> Iterator[ThreeMasters]:
    """Three masters, shared: all ids are random."""
    with tempfile.TemporaryDirectory(prefix="showdrop-cluster-") as folder, asyncio.Runner() as runner:
        started = runner.run(ThreeMasters.start(Path(folder)))
        try:
            yield started
        finally:
            runner.run(started.stop())


@pytest.fixture
async def own_cluster(tmp_path: Path) -> AsyncIterator[ThreeMasters]:
    """Three masters that nobody else uses, to be harmed."""
    started = await ThreeMasters.start(tmp_path)
    yield started
    await started.stop()


@pytest.fixture
async def client(cluster: ThreeMasters) -> AsyncIterator[ClusterRedis]:
    """A client of the cluster."""
    connected = connect_redis(cluster.url)
    assert isinstance(connected, ClusterRedis)
    yield connected
    await connected.aclose()


@pytest.fixture
async def house(database_url: str, cluster: ThreeMasters) -> AsyncIterator[House]:
    """A running gateway whose Redis is the cluster."""
    async with open_house(database_url, cluster.url) as running:
        yield running
