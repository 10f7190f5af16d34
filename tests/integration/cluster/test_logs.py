"""What gateways read of shows whose keys are on all masters: logs, viewers, reactions, and the reader of all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from kit.cluster_redis import ClusterRedis
from kit.errors import UnavailableError
from kit.ids import new_id, new_ulid
from kit.redis_client import connect_redis
from live.log_reader_redis import LogReader
from live.presence_redis import read_viewers, write_viewers
from live.reactions_redis import add_reactions
from live.show_log import LogEntry, LogName
from live.show_log_redis import RedisLog
from live.wire import Position
from tests.integration.cluster.three_masters import ThreeMasters, port_of, until

SHOWS = 24


async def shows_on_all(client: ClusterRedis, cluster: ThreeMasters) -> list[str]:
    show_ids = [new_id("show") for _ in range(SHOWS)]
    assert {await port_of(client, f"{{{one}}}:log") for one in show_ids} == set(cluster.ports)
    return show_ids


async def test_logs_of_all_masters_are_appended_to_and_read(client: ClusterRedis, cluster: ThreeMasters) -> None:
    log, inbox = RedisLog(client, "log"), RedisLog(client, "inbox")
    show_ids = await shows_on_all(client, cluster)
    for show_id in show_ids:
        assert [(await log.append(show_id, b"%d" % n)).seq for n in range(3)] == [1, 2, 3]
        await inbox.post(show_id, [(b"news", "once")])
        assert await inbox.post(show_id, [(b"news", "once"), (b"more", "twice")]) == [False, True]
    found = await log.positions(show_ids)
    both = await log.positions_with(inbox, [*show_ids, new_id("show")])
    assert [one for one, _ in both] == [*found, None]
    assert [other.seq for _, other in both if other is not None] == [2] * SHOWS
    for show_id, position in zip(show_ids, found, strict=True):
        assert position is not None
        assert position.seq == 3
        entries = await log.read(show_id, Position(position.epoch, 1), limit=10)
        assert entries is not None
        assert [(one.seq, one.payload) for one in entries] == [(2, b"1"), (3, b"2")]
        assert [one.seq for one in await log.read_back(show_id, position, limit=10)] == [2, 1]


async def test_viewers_and_reactions_of_all_masters_add_up(client: ClusterRedis, cluster: ThreeMasters) -> None:
    show_ids = await shows_on_all(client, cluster)
    for gateway_id in ("a", "b"):
        await write_viewers(client, gateway_id, {show_id: n for n, show_id in enumerate(show_ids)})
    assert await read_viewers(client, show_ids) == [2 * n for n in range(SHOWS)]
    taps = {show_id: {"heart": n + 1} for n, show_id in enumerate(show_ids)}
    await add_reactions(client, taps)
    assert await add_reactions(client, taps) == {one: {"heart": 2 * (n + 1)} for n, one in enumerate(show_ids)}


class Ear:
    """A reader that runs as the gateway's does, and what it heard."""

    def __init__(self, cluster: ThreeMasters) -> None:
        self.heard: list[tuple[LogName, str, bytes]] = []
        self.reconnects = 0
        self.publisher = connect_redis(cluster.url)
        self.reader = LogReader(
            connect_redis(cluster.url, max_connections=2),
            publisher=self.publisher,
            gateway_id=new_ulid(),
            on_entry=self._hear,
            on_reconnect=self._count,
            registry=CollectorRegistry(),
        )

    def _hear(self, name: LogName, show_id: str, entry: LogEntry) -> None:
        self.heard.append((name, show_id, entry.payload))

    def _count(self) -> None:
        self.reconnects += 1

    async def is_connected(self) -> bool:
        return self.reader.connected

    async def run(self) -> None:
        while True:
            with contextlib.suppress(UnavailableError):
                await self.reader.run()
            await asyncio.sleep(0.05)

    async def beacons(self) -> None:
        while True:
            with contextlib.suppress(UnavailableError):
                await self.reader.beacon()
            await asyncio.sleep(0.1)


@asynccontextmanager
async def listening(cluster: ThreeMasters) -> AsyncIterator[Ear]:
    ear = Ear(cluster)
    tasks = [asyncio.create_task(ear.run()), asyncio.create_task(ear.beacons())]
    await until(ear.is_connected)
    yield ear
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await ear.reader.close()
    await ear.publisher.aclose()


async def test_one_reader_hears_the_shows_of_all_masters(client: ClusterRedis, cluster: ThreeMasters) -> None:
    show_ids = await shows_on_all(client, cluster)
    async with listening(cluster) as ear:
        for show_id in show_ids:
            await ear.reader.subscribe(show_id)
        logs: tuple[LogName, ...] = ("log", "inbox")
        for name in logs:
            for show_id in show_ids:
                await RedisLog(client, name).append(show_id, show_id.encode())

        async def all_heard() -> bool:
            return len(ear.heard) == 2 * SHOWS

        await until(all_heard)
        assert set(ear.heard) == {(name, one, one.encode()) for name in logs for one in show_ids}
        ear.reader.require_current()


async def test_a_reader_whose_node_dies_goes_on_at_another(own_cluster: ThreeMasters) -> None:
    client = connect_redis(own_cluster.url)
    assert isinstance(client, ClusterRedis)
    async with listening(own_cluster) as ear:
        [its_port] = [
            int(node.connection_pool.connection_kwargs["port"])
            for node in await client.masters()
            if await node.client_list("pubsub")
        ]
        show_ids = [one for one in await shows_on_all(client, own_cluster) if await port_of(client, one) != its_port]
        for show_id in show_ids:
            await ear.reader.subscribe(show_id)
        await own_cluster.kill(its_port)

        async def is_back() -> bool:
            return ear.reconnects == 2 and ear.reader.connected

        await until(is_back)
        for show_id in show_ids:
            await RedisLog(client, "log").append(show_id, b"after")

        async def all_heard() -> bool:
            return {one for _, one, _ in ear.heard} == set(show_ids)

        await until(all_heard)
        await asyncio.sleep(0.5)  # beacons pass too
        ear.reader.require_current()
    with pytest.raises(UnavailableError):
        ear.reader.require_current()
    await client.aclose()
