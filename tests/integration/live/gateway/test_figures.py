"""What a gateway counts of a show, from the host's call to its viewers' sockets."""

import asyncio

from tests.integration.live.gateway.house import House


async def test_events_are_counted_with_their_way_from_the_host(house: House) -> None:
    show_id = await house.show()
    viewers = [await house.watch(show_id) for _ in range(3)]
    assert await house.metric("showdrop_gateway_event_lag_seconds_count") == 0
    await house.events(show_id, 5)
    for viewer in viewers:
        await viewer.up_to(6)
    async with asyncio.timeout(5):
        while await house.metric("showdrop_gateway_event_lag_seconds_count") < 5:
            await asyncio.sleep(0.01)
    assert 0 <= await house.metric("showdrop_gateway_event_lag_seconds_sum") < 5 * 2
    assert await house.metric("showdrop_gateway_deliveries_total") >= 5 * 3
    assert await house.metric("showdrop_gateway_sent_bytes_total") > 5 * 3 * 20
    assert await house.metric("showdrop_gateway_rooms") == 1


async def test_an_event_that_waited_for_the_relay_is_as_late_as_it_is(house: House) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    seq = await house.seq(show_id) + 1
    async with house.stores.postgres.transaction() as connection:
        await connection.execute(
            "INSERT INTO show_events (show_id, seq, event, at_ms) VALUES ($1, $2,"
            " jsonb_build_object('type', 'show.paused', 'seq', $2::bigint, 'at_ms', 1), now_ms() - 30000)",
            show_id,
            seq,
        )
        await connection.execute("UPDATE shows SET seq = $2, state = 'paused' WHERE show_id = $1", show_id, seq)
    await house.relay.relay(show_id)
    await viewer.up_to(seq)
    async with asyncio.timeout(5):
        while not (lag_s := await house.metric("showdrop_gateway_event_lag_seconds_sum")):
            await asyncio.sleep(0.01)
    assert 29 < lag_s < 40
