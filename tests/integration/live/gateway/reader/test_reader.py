"""The reader of the logs: trusted while it keeps up, noticed when it does not, and back by itself (D4)."""

import asyncio

import pytest

from kit.redis_client import pipelined
from live.close_codes import CloseCode
from tests.integration.live.gateway.house import House
from tests.integration.live.gateway.reader.readiness import LAG_MOST_S, failing, until_ready, until_red
from tests.integration.live.gateway.reader.swallowing_proxy import Proxy


async def test_killing_the_subscriber_in_a_burst_of_events_loses_nothing(house: House) -> None:
    show_id = await house.show()
    viewers = [await house.watch(show_id, f"buyer-{n}", binary=n == 1) for n in range(3)]
    burst = asyncio.create_task(house.events(show_id, 150))
    kills = 0
    while not burst.done():
        await asyncio.sleep(0.05)
        [killed] = await pipelined(house.stores.redis, [("CLIENT", "KILL", "TYPE", "pubsub")])
        kills += killed
    await burst
    for viewer in viewers:
        await viewer.up_to(151)
        assert viewer.seqs == list(range(2, 152))
        assert viewer.close_code is None
    async with asyncio.timeout(10):
        # The last kill may be noticed only after the last event came another way.
        while await house.metric("showdrop_gateway_reader_connected") != 1:
            await asyncio.sleep(0.02)
    await until_ready(house)
    assert kills > 1
    assert 0 < await house.metric("showdrop_gateway_reader_reconnects_total") <= kills
    assert await house.metric("showdrop_gateway_log_events_total") == 150
    async with asyncio.timeout(10):
        # It says what the last tick saw.
        while await house.metric("showdrop_gateway_log_behind_events") != 0:
            await asyncio.sleep(0.02)


async def test_a_subscriber_that_was_dropped_right_before_the_last_event_gets_it_without_waiting_for_a_tick(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.gateway_tick.TICK_MS", 60_000)
    await asyncio.sleep(0.2)  # the last tick of the usual length
    show_id = await house.show()
    viewer = await house.watch(show_id)
    async with asyncio.TaskGroup() as both:
        both.create_task(house.events(show_id, 1))
        both.create_task(pipelined(house.stores.redis, [("CLIENT", "KILL", "TYPE", "pubsub")]))
    await viewer.up_to(2)
    assert viewer.seqs == [2]


async def test_a_connection_that_swallows_everything_is_noticed_replaced_and_loses_nothing(
    house: House, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.log_reader_redis.READER_DROP_S", 4.0)
    show_id = await house.show()
    viewer = await house.watch(show_id)
    await house.events(show_id, 3)
    await viewer.up_to(4)
    assert await house.metric("showdrop_gateway_reader_lag_seconds") < LAG_MOST_S
    assert proxy.swallow() == 1
    # The ticks still find what is missing, only later; but that is no way to run a show.
    await house.events(show_id, 5)
    await viewer.up_to(9)
    assert set(await until_red(house, "s behind")) == {"log_reader"}
    assert await house.metric("showdrop_gateway_reader_lag_seconds") > LAG_MOST_S
    assert await house.metric("showdrop_gateway_gaps_filled_total") > 0
    await until_ready(house)
    assert await house.metric("showdrop_gateway_reader_reconnects_total") == 1
    filled = await house.metric("showdrop_gateway_gaps_filled_total")
    await house.events(show_id, 5)
    await viewer.up_to(14)
    assert viewer.seqs == list(range(2, 15))
    assert viewer.close_code is None
    assert await house.metric("showdrop_gateway_gaps_filled_total") == filled


@pytest.mark.parametrize(("mode", "pause_ms"), [("WRITE", 1_500), ("ALL", 3_500)])
async def test_a_redis_that_hangs_turns_readiness_red_and_green_again_by_itself(
    house: House, mode: str, pause_ms: int
) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    await pipelined(house.stores.redis, [("CLIENT", "PAUSE", pause_ms, mode)])
    found = await until_red(house, "s behind")
    # A Redis that takes no writes still answers a ping: only the beacon tells.
    assert mode == "ALL" or set(found) == {"log_reader"}
    await until_ready(house)
    assert await house.metric("showdrop_gateway_reader_reconnects_total") == 0
    await house.events(show_id, 2)
    await viewer.up_to(3)
    assert viewer.close_code is None


async def test_a_redis_that_is_away_is_not_taken_for_a_slow_reader(house: House, proxy: Proxy) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    await house.events(show_id, 1)
    await proxy.close()
    for _ in range(5):
        assert set(await until_red(house, "not connected")) == {"redis", "log_reader"}
        assert await house.metric("showdrop_gateway_reader_lag_seconds") < LAG_MOST_S
        await asyncio.sleep(0.2)
    await proxy.open()
    await until_ready(house)
    await house.events(show_id, 1)
    await viewer.up_to(3)
    assert viewer.seqs == [2, 3]


async def test_ticks_that_hang_turn_readiness_red(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.gateway_tick.TICK_MS", 1_500)
    assert "log_reader" in await until_red(house, "were not looked at for")
    monkeypatch.setattr("live.gateway_tick.TICK_MS", 50)
    await until_ready(house)
    assert await failing(house) == {}


async def test_a_room_that_stays_behind_its_log_turns_readiness_red_until_it_has_caught_up(house: House) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    async with house.stores.postgres.transaction() as connection:
        # The log is lost, and the fresh snapshot does not come.
        await connection.execute("LOCK TABLE shows IN ACCESS EXCLUSIVE MODE")
        await house.stores.redis.delete(f"{{{show_id}}}:log", f"{{{show_id}}}:log:meta")
        found = await until_red(house, "a show is 1 events")
        assert set(found) == {"log_reader"}
        assert await house.metric("showdrop_gateway_log_behind_events") == 1
    assert await viewer.closed() == CloseCode.STATE_LOST
    await until_ready(house)
    async with asyncio.timeout(10):
        # Ready again is who is not behind for long; the next tick says how far.
        while await house.metric("showdrop_gateway_log_behind_events") != 0:
            await asyncio.sleep(0.02)
