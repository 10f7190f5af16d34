"""Crowds that come, sit, shout and leave all at once: the others are served meanwhile, and everything ends in time."""

import asyncio
import contextlib
import time
from ipaddress import ip_network

import pytest

from live import wire
from live.close_codes import CloseCode
from live.limits import VIEWER_MESSAGES_BURST, WRITE_HARD_BYTES
from tests.integration.live.gateway.crowd import (
    CUT,
    PING,
    Light,
    client_frame,
    connect,
    crowd,
    own_gateway,
    resident_bytes,
    say,
    say_to_all,
    until,
)
from tests.integration.live.gateway.house import House, a_claim, upgrade

GUEST = wire.Hello()
SLOW = 'showdrop_gateway_closes_total{code="4001"}'
SILENT, MUTE = 2_000, 500
SHORT_S = 2.0
FLOODERS = 8
FLOOD_BYTES = 4_000_000
CROWD = 300
HOLD_READS_MOST = 30


async def served_meanwhile(house: House, show_id: str, offer_id: str) -> None:
    """Check that a buyer comes in, claims, and hears the next event."""
    buyer = await house.watch(show_id, "ana")
    await buyer.say(a_claim(offer_id))
    await buyer.get(wire.ClaimAccepted)
    await house.events(show_id, 1)
    await buyer.up_to(await house.seq(show_id))
    await buyer.leave()


async def test_thousands_who_say_nothing_keep_nobody_out_and_end_in_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.viewer_ws.HANDSHAKE_TIMEOUT_S", 2 * SHORT_S)
    monkeypatch.setattr("live.viewer_ws.CLOSE_TIMEOUT_S", SHORT_S)
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    port = house.place.settings.ws_port
    silent = [Light(b"") for _ in range(SILENT)]
    mute = [Light(upgrade(show_id) + client_frame(PING, b"")) for _ in range(MUTE)]
    try:
        await connect(port, silent)
        await connect(port, mute)
        await served_meanwhile(house, show_id, offer_id)
        await until(lambda: all(one.close_code is not None for one in [*silent, *mute]))
        assert {one.close_code for one in silent} == {CUT}
        assert {one.close_code for one in mute} == {CloseCode.BAD_MESSAGE}
    finally:
        for one in [*silent, *mute]:
            one.transport.abort()
    await until_connections(house, 0)


async def until_connections(house: House, count: int) -> None:
    async with asyncio.timeout(8):
        while await house.metric("showdrop_gateway_connections") > count + 1:  # one asks for the figure
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("request_bytes", [b"", upgrade("show_" + "0" * 26)[:-2]], ids=["request", "end of it"])
async def test_an_upgrade_a_byte_at_a_time_ends_at_the_limit(
    house: House, monkeypatch: pytest.MonkeyPatch, request_bytes: bytes
) -> None:
    monkeypatch.setattr("live.viewer_ws.HANDSHAKE_TIMEOUT_S", SHORT_S)
    show_id = await house.show()
    drips = (upgrade(show_id) if not request_bytes else b"\rX: y") * 10
    slow = Light(request_bytes)
    await connect(house.place.settings.ws_port, [slow])
    began = time.monotonic()
    for n in range(len(drips)):
        if slow.close_code is not None:
            break
        slow.transport.write(drips[n : n + 1])
        await asyncio.sleep(0.1)
    assert slow.close_code == CUT
    assert slow.head == b""
    assert SHORT_S <= time.monotonic() - began < 4 * SHORT_S


async def test_pings_without_end_whose_pongs_nobody_reads_end_and_hold_up_nobody(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    pings = client_frame(PING, bytes(125)) * 500
    async with crowd(house.place.settings.ws_port, show_id, [GUEST] * FLOODERS, receive_bytes=4096) as rude:
        before, sent = resident_bytes(), 0
        for one in rude:
            one.transport.pause_reading()
        while sent < FLOOD_BYTES and any(one.close_code is None for one in rude):
            for one in rude:
                if one.close_code is None and not one.transport.get_write_buffer_size():
                    one.transport.write(pings)
            sent += len(pings)
            if sent == 4 * len(pings):
                await served_meanwhile(house, show_id, offer_id)
            await asyncio.sleep(0.005)
        assert resident_bytes() - before < FLOODERS * 8 * WRITE_HARD_BYTES
        await until_connections(house, 0)  # those who never read do not know it yet


async def reads(house: House) -> dict[str, int]:
    """Return how often the commands that read logs and holds were called on this Redis."""
    found = await house.stores.redis.info("commandstats")
    names = ("xrange", "xrevrange", "evalsha", "eval")
    return {name: found.get(f"cmdstat_{name}", {}).get("calls", 0) for name in names}


@pytest.mark.parametrize("elsewhere", [False, True], ids=["the same gateway", "another gateway"])
async def test_a_crowd_cut_at_once_resumes_with_everything_and_the_log_is_read_at_most_once(
    house: House, elsewhere: bool
) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    tokens = [house.token(f"buyer-{n}") if n % 2 else None for n in range(CROWD)]
    async with house.another_gateway() as other, contextlib.AsyncExitStack() as back:
        buyer = await house.watch(show_id, "buyer-1")
        await buyer.say(a_claim(offer_id))
        await buyer.get(wire.ClaimAccepted)
        async with crowd(house.place.settings.ws_port, show_id, [wire.Hello(token=one) for one in tokens]) as viewers:
            await house.events(show_id, 10)
            middle = await house.seq(show_id)
            await until(lambda: all(one.seqs[-1:] == [middle] for one in viewers))
            epoch = viewers[0].all("welcome")[0].epoch
        await house.events(show_id, 10)
        newest = await house.seq(show_id)
        # The later somebody was cut, the less it missed.
        seen = [middle - n % 5 for n in range(CROWD)]
        hellos = [
            wire.Hello(token=token, resume=wire.Position(epoch, seq)) for token, seq in zip(tokens, seen, strict=True)
        ]
        port = (other if elsewhere else house).place.settings.ws_port
        before = await reads(house)
        viewers = await back.enter_async_context(crowd(port, show_id, hellos))
        await until(lambda: all(one.seqs[-1:] == [newest] for one in viewers))
        after = await reads(house)
        for one, seq in zip(viewers, seen, strict=True):
            assert [(one.recovered, one.seq) for one in one.all("welcome")] == [(True, newest)]
            assert one.seqs == list(range(seq + 1, newest + 1))
        assert [len(one.all("welcome")[0].holds) for one in viewers[:4]] == [0, 1, 0, 0]
        calls = {name: after[name] - before[name] for name in after}
        assert calls["xrange"] + calls["xrevrange"] == (1 if elsewhere else 0)
        assert calls["evalsha"] + calls["eval"] <= HOLD_READS_MOST


async def test_a_drain_says_goodbye_to_everyone_in_batches_and_waits_for_nobody_past_the_deadline(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.gateway.DRAIN_BATCH_VIEWERS", 50)
    monkeypatch.setattr("live.gateway.DRAIN_PAUSE_S", 0.2)
    monkeypatch.setattr("live.roles.gateway.DRAIN_S", 2 * SHORT_S)
    monkeypatch.setattr("live.viewer_ws.CLOSE_TIMEOUT_S", 600.0)
    show_id = await house.show()
    async with own_gateway(house) as (role, port), crowd(port, show_id, [GUEST] * CROWD) as viewers:
        *others, stalled = viewers
        stalled.transport.pause_reading()
        late = Light(b"")
        await connect(port, [late])
        began = time.monotonic()
        stopping = asyncio.create_task(role.stop())
        told: set[int] = set()
        while (count := sum(bool(one.all("goodbye")) for one in others)) < len(others):
            told.add(count)
            if count and late.head == b"":
                late.transport.write(upgrade(show_id))
            await asyncio.sleep(0.02)
        assert len(told) >= 4
        assert late.head.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: " in late.head
        with pytest.raises(ConnectionRefusedError):
            await connect(port, [Light(upgrade(show_id))])
        await until(lambda: all(one.close_code == CloseCode.SERVICE_RESTART for one in others))
        assert not stopping.done()
        await stopping
        assert 2 * SHORT_S <= time.monotonic() - began < 8 * SHORT_S
        stalled.transport.resume_reading()
        await until(lambda: stalled.close_code is not None)


async def test_one_address_that_says_too_much_is_refused_and_another_one_is_not(house: House) -> None:
    show_id = await house.show()
    changes = {"address_messages_per_s": 20, "proxies": (ip_network("127.0.0.0/8"),)}
    ping = say(wire.Ping())
    async with house.another_gateway(**changes) as behind_a_proxy, contextlib.AsyncExitStack() as stack:
        port = behind_a_proxy.place.settings.ws_port
        loud, calm = [
            await stack.enter_async_context(crowd(port, show_id, [GUEST] * many, extra=[f"X-Forwarded-For: {address}"]))
            for many, address in ((20, "203.0.113.7"), (2, "203.0.113.8"))
        ]
        # Each of them stays far below what one viewer may say.
        assert VIEWER_MESSAGES_BURST > 20
        await say_to_all(loud, ping * 20)
        await say_to_all(calm, ping * 5)
        await until(lambda: all(len(one.told) >= 1 + 20 for one in loud))
        await until(lambda: all(len(one.all("pong")) == 5 for one in calm))
        refused = [one.code for viewer in loud for one in viewer.all("error")]
        assert set(refused) == {"rate_limited"}
        assert len(refused) > 200
        assert not any(one.all("error") for one in calm)
        assert all(one.close_code is None for one in [*loud, *calm])
