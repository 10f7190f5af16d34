"""Counts and taps: read for shows that are watched, and only for those."""

import asyncio

from kit.redis_client import pipelined
from live import wire
from tests.integration.live.gateway.house import PATIENCE_S, House
from tests.integration.live.gateway.reader.readiness import failing


async def test_counts_keep_coming_while_postgres_hangs(house: House) -> None:
    show_id = await house.show()
    async with house.stores.postgres.transaction() as connection:
        viewer = await house.watch(show_id)
        await connection.execute("LOCK TABLE shows IN ACCESS EXCLUSIVE MODE")
        await asyncio.sleep(1.2)  # the peak of viewers waits to be written
        await viewer.say(wire.React(kind="heart", count=3))
        await viewer.when(lambda: [one.counts for one in viewer.all(wire.Reactions)] == [{"heart": 3}])
        assert "log_reader" not in await failing(house)


async def test_taps_of_many_leave_as_one_sum_and_the_first_ones_too(house: House) -> None:
    show_id = await house.show()
    viewers = [await house.watch(show_id) for _ in range(4)]
    for _ in range(15):
        for viewer in viewers:
            await viewer.say(wire.React(kind="heart", count=1))
    watcher = viewers[0]
    await watcher.when(lambda: sum(one.counts["heart"] for one in watcher.all(wire.Reactions)) == 60)
    assert len(watcher.all(wire.Reactions)) <= 3


async def test_a_show_that_nobody_watches_any_more_is_not_read(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    viewer, second = await house.watch(show_id), await house.watch(show_id)
    await viewer.when(lambda: any(one.count == 2 for one in viewer.all(wire.Viewers)))
    await viewer.leave()
    await second.leave()
    async with asyncio.timeout(PATIENCE_S):
        while await counted(house, show_id) != [b"0"]:
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    before = await hash_reads(house)
    await asyncio.sleep(0.5)
    assert await hash_reads(house) == before
    again = await house.watch(show_id, "ana")
    await again.when(lambda: any(one.count == 1 for one in again.all(wire.Viewers)))
    snapshot = (await again.get(wire.Welcome)).snapshot
    assert isinstance(snapshot, wire.Snapshot)
    assert [one.offer_id for one in snapshot.offers] == [offer_id]


async def counted(house: House, show_id: str) -> list[bytes]:
    [written] = await pipelined(house.stores.redis, [("HVALS", f"{{{show_id}}}:viewers")])
    return [one.split(b":")[0] for one in written]


async def hash_reads(house: House) -> int:
    stats = await house.stores.redis.info("commandstats")
    calls: int = stats["cmdstat_hmget"]["calls"]
    return calls
