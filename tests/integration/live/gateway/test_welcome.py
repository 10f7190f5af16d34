"""Hello and welcome: who may come in, and what they are told first."""

import asyncio
import base64
import contextlib
import json
from ipaddress import ip_network

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from kit.ids import new_id
from live import wire
from live.close_codes import CloseCode
from live.limits import EARLY_MOST_MESSAGES, HEARTBEAT_MISSED_MS
from live.tokens import Tokens
from tests.integration.live.gateway.house import PATIENCE_S, House, a_claim


async def refused(house: House, show_id: str, token: str) -> int:
    viewer = await house.dial(show_id)
    await viewer.say(wire.Hello(token=token))
    return await viewer.closed()


@pytest.mark.parametrize("binary", [False, True])
async def test_a_guest_gets_a_complete_snapshot_in_either_encoding(house: House, *, binary: bool) -> None:
    show_id = await house.show()
    product_id, _ = await house.product()
    await house.stage.spotlight(show_id, [product_id])
    offer_id = await house.offer(show_id, quantity=7)
    viewer = await house.watch(show_id, binary=binary)
    welcome = await viewer.get(wire.Welcome)
    assert not welcome.recovered
    assert welcome.seq == await house.seq(show_id) == 4
    assert welcome.holds == []
    assert isinstance(welcome.snapshot, wire.Snapshot)
    assert welcome.snapshot.show == wire.ShowCard(show_id=show_id, title="Evening show", currency="EUR", state="live")
    assert [one.product_id for one in welcome.snapshot.spotlight] == [product_id]
    [offer] = welcome.snapshot.offers
    assert (offer.offer_id, offer.state, offer.quantity, offer.available) == (offer_id, "open", 7, 7)
    await house.stage.pause(show_id)
    assert (await viewer.get(wire.ShowPaused)).seq == 5


async def test_a_buyer_gets_their_own_holds_and_orders_and_nobody_elses(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    ana, bob = await house.watch(show_id, "ana"), await house.watch(show_id, "bob")
    first, second = a_claim(offer_id), a_claim(offer_id, 1)
    for claim in (first, second):
        await ana.say(claim)
    await bob.say(a_claim(offer_id))
    await bob.get(wire.ClaimAccepted)
    kept, paid = await ana.get(wire.ClaimAccepted), await ana.get(wire.ClaimAccepted, 2)
    await ana.say(wire.Checkout(hold_id=paid.hold_id, payment_method="pm_test_ok"))
    order = await ana.get(wire.OrderSubmitted)
    again = await house.watch(show_id, "ana")
    holds = {one.hold_id: one for one in (await again.get(wire.Welcome)).holds}
    assert set(holds) == {kept.hold_id, paid.hold_id}
    assert (holds[kept.hold_id].state, holds[paid.hold_id].state) == ("held", "submitted")
    assert holds[kept.hold_id].claim_id == first.claim_id
    assert await again.get(wire.OrderSubmitted) == order


async def test_anything_before_hello_and_a_second_hello_are_bad_messages(house: House) -> None:
    show_id = await house.show()
    early = await house.dial(show_id)
    await early.say(wire.Ping())
    assert await early.closed() == CloseCode.BAD_MESSAGE
    twice = await house.watch(show_id)
    await twice.say(wire.Hello())
    assert await twice.closed() == CloseCode.BAD_MESSAGE


async def test_messages_between_hello_and_welcome_are_served_after_the_welcome(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    viewer = await house.dial(show_id)
    claim = a_claim(offer_id)
    for message in (wire.Hello(token=house.token("ana")), wire.Ping(), claim):
        await viewer.say(message)
    accepted = await viewer.get(wire.ClaimAccepted)
    assert accepted.claim_id == claim.claim_id
    kinds = [type(one) for one in viewer.heard if not isinstance(one, wire.OfferStock | wire.Viewers)]
    assert kinds == [wire.Welcome, wire.Pong, wire.ClaimAccepted]


async def test_no_more_than_the_limit_waits_for_the_welcome(house: House) -> None:
    show_id = await house.show()
    viewer = await house.dial(show_id)
    # One batch, so that all of it is there before the show's room can be opened.
    protocol = viewer.connection.protocol
    for message in (wire.Hello(), *[wire.Ping()] * (EARLY_MOST_MESSAGES + 3)):
        protocol.send_text(wire.encode_json(message))
    viewer.connection.transport.write(b"".join(protocol.data_to_send()))
    await viewer.get(wire.Pong, EARLY_MOST_MESSAGES)
    assert [one.code for one in viewer.all(wire.Error)] == ["rate_limited"] * 3
    await viewer.say(wire.Ping())
    await viewer.get(wire.Pong, EARLY_MOST_MESSAGES + 1)


async def test_each_wrong_token_and_show_has_its_close_code(house: House) -> None:
    show_id, other = await house.show(), await house.show()
    good = house.token("ana")
    head, claims, signature = good.split(".")
    loud = json.loads(base64.urlsafe_b64decode(claims + "=="))
    loud["role"] = "admin"
    forged = base64.urlsafe_b64encode(json.dumps(loud).encode()).decode().rstrip("=")
    assert await refused(house, show_id, f"{head}.{forged}.{signature}") == CloseCode.BAD_TOKEN
    assert await refused(house, show_id, Tokens("another secret of the proper length").mint("viewer", "ana")[0]) == 4500
    assert await refused(house, show_id, "") == CloseCode.BAD_TOKEN
    expiring = house.tokens.mint("viewer", "ana", ttl_s=1)[0]
    await asyncio.sleep(2.1)
    assert await refused(house, show_id, expiring) == CloseCode.BAD_TOKEN
    assert await refused(house, show_id, house.token("ana", other)) == CloseCode.FORBIDDEN
    assert await refused(house, new_id("show"), good) == CloseCode.UNKNOWN_SHOW


async def test_a_foreign_origin_gets_403_and_our_own_page_comes_in(house: House) -> None:
    show_id = await house.show()
    with pytest.raises(InvalidStatus) as refusal:
        await house.dial(show_id, origin="https://evil.example")
    assert refusal.value.response.status_code == 403
    viewer = await house.dial(show_id, origin=f"http://localhost:{house.place.settings.http_port}")
    await viewer.say(wire.Hello())
    await viewer.get(wire.Welcome)


async def test_the_gateways_port_answers_plain_requests(house: House) -> None:
    base = house.ws_url.replace("ws://", "http://")
    async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok", "role": "gateway"}
        async with asyncio.timeout(PATIENCE_S):
            while (ready := await client.get("/readyz")).status_code != 200:
                assert set(ready.json()["failing"]) == {"log_reader"}
                await asyncio.sleep(0.05)
        assert (ready.status_code, ready.json()) == (200, {"status": "ready", "failing": {}})
        await house.watch(await house.show())
        metrics = await client.get("/metrics")
        assert "showdrop_gateway_joins_total 1.0" in metrics.text
        for path in ("/", "/v1/shows/x/live", "/metrics/x"):
            assert (await client.get(path)).status_code == 404


async def test_a_full_gateway_answers_503_and_says_when_to_come_back(house: House) -> None:
    show_id = await house.show()
    async with house.another_gateway(max_viewers=1) as full:
        await full.watch(show_id)
        with pytest.raises(InvalidStatus) as refusal:
            await full.dial(show_id)
    assert refusal.value.response.status_code == 503
    assert int(refusal.value.response.headers["Retry-After"]) > 0


async def test_more_joins_a_second_than_allowed_are_answered_503_and_let_in_later(house: House) -> None:
    show_id = await house.show()
    async with house.another_gateway(joins_per_s=2) as busy:
        for _ in range(5):
            await busy.watch(show_id)
        with pytest.raises(InvalidStatus) as refusal:
            await busy.dial(show_id)
        assert refusal.value.response.status_code == 503
        assert await busy.metric("showdrop_gateway_turned_away_total") == 1
        await asyncio.sleep(0.6)
        await busy.watch(show_id)


async def test_an_address_with_enough_viewers_is_answered_503_until_one_of_them_leaves(house: House) -> None:
    show_id = await house.show()
    async with house.another_gateway(address_viewers=2, proxies=(ip_network("127.0.0.0/8"),)) as strict:
        first, _ = [await strict.dial(show_id, forwarded="203.0.113.7") for _ in range(2)]
        with pytest.raises(InvalidStatus) as refusal:
            await strict.dial(show_id, forwarded="203.0.113.7")
        assert refusal.value.response.status_code == 503
        assert int(refusal.value.response.headers["Retry-After"]) > 0
        await strict.dial(show_id, forwarded="203.0.113.8")
        await first.leave()
        async with asyncio.timeout(PATIENCE_S):
            while await strict.metric("showdrop_gateway_connections") > 2 + 1:  # the one that asks for the metrics too
                await asyncio.sleep(0.01)
        await strict.dial(show_id, forwarded="203.0.113.7")
        with pytest.raises(InvalidStatus):
            await strict.dial(show_id, forwarded="203.0.113.7")
        assert await strict.metric("showdrop_gateway_turned_away_total") == 2


async def test_who_says_no_hello_in_time_is_closed_even_if_it_pings(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_id = await house.show()
    monkeypatch.setattr("live.viewer_ws.HANDSHAKE_TIMEOUT_S", 0.5)
    silent, pinging = await house.dial(show_id), await house.dial(show_id)
    reader, writer = await house.raw()
    writer.write(b"GET /v1/sho")
    with contextlib.suppress(ConnectionClosed):
        for _ in range(4):
            _pong = await pinging.connection.ping()
            await asyncio.sleep(0.2)
    assert await silent.closed() == CloseCode.BAD_MESSAGE
    assert await pinging.closed() == CloseCode.BAD_MESSAGE
    assert await asyncio.wait_for(reader.read(), 8) == b""
    writer.close()


async def test_who_falls_silent_is_closed_to_come_back_and_any_frame_keeps_a_seat(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    show_id = await house.show()
    assert HEARTBEAT_MISSED_MS > 3000
    monkeypatch.setattr("live.viewer_ws.HANDSHAKE_TIMEOUT_S", 2.7)
    monkeypatch.setattr("live.viewer_ws.HEARTBEAT_MISSED_MS", 3000)
    silent, pinging = await house.watch(show_id), await house.watch(show_id)
    for _ in range(30):
        _pong = await pinging.connection.ping()
        await asyncio.sleep(0.2)
    assert await silent.closed() == CloseCode.NO_HEARTBEAT
    assert pinging.close_code is None


async def test_a_slow_welcome_is_not_the_viewers_fault(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    show_id = await house.show()
    monkeypatch.setattr("live.viewer_ws.HANDSHAKE_TIMEOUT_S", 0.5)
    viewer = await house.dial(show_id)
    async with house.stores.postgres.transaction() as connection:
        await connection.execute("LOCK TABLE shows IN ACCESS EXCLUSIVE MODE")
        await viewer.say(wire.Hello())
        await asyncio.sleep(2.2)
    await viewer.get(wire.Welcome)
    assert viewer.close_code is None


async def test_news_that_comes_while_a_buyer_is_let_in_is_told_after_the_welcome(house: House) -> None:
    show_id = await house.show()
    offer_id = await house.offer(show_id)
    ana = await house.watch(show_id, "ana")
    await ana.say(a_claim(offer_id))
    hold = await ana.get(wire.ClaimAccepted)
    second = await house.dial(show_id)
    async with house.stores.postgres.transaction() as connection:
        # The welcome has read the holds, and waits for the orders.
        await connection.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        await second.say(wire.Hello(token=house.token("ana")))
        await asyncio.sleep(0.3)
        await ana.say(wire.Release(hold_id=hold.hold_id))
        await ana.get(wire.HoldReleased)
    assert [one.hold_id for one in (await second.get(wire.Welcome)).holds] == [hold.hold_id]
    assert (await second.get(wire.HoldReleased)).hold_id == hold.hold_id


async def test_a_show_that_was_let_go_during_a_slow_hello_is_opened_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.gateway.ROOM_IDLE_S", 0.0)
    show_id = await house.show()
    await house.offer(show_id)
    viewer = await house.dial(show_id)
    async with house.stores.postgres.transaction() as connection:
        await connection.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        await viewer.say(wire.Hello(token=house.token("ana")))
        await asyncio.sleep(2.2)
    await viewer.get(wire.Welcome)
    await house.stage.pause(show_id)
    assert (await viewer.get(wire.ShowPaused)).seq == await house.seq(show_id)
    assert viewer.close_code is None


async def test_leaving_during_the_hello_leaves_nothing_behind(house: House) -> None:
    show_id = new_id("show")
    async with house.stores.postgres.transaction() as connection:
        await connection.execute("LOCK TABLE shows IN ACCESS EXCLUSIVE MODE")
        viewer = await house.dial(show_id)
        await viewer.say(wire.Hello())
        await asyncio.sleep(0.2)
        viewer.connection.transport.abort()
    viewer = await house.dial(show_id)
    await viewer.say(wire.Hello())
    assert await viewer.closed() == CloseCode.UNKNOWN_SHOW


async def test_goodbye_then_1012_when_the_gateway_stops(house: House) -> None:
    show_id = await house.show()
    async with house.another_gateway() as other:
        viewer = await other.watch(show_id)
        waiting = await other.dial(show_id)
        other._viewers.clear()
    goodbye = await viewer.get(wire.Goodbye)
    assert 0 < goodbye.reconnect_min_ms < goodbye.reconnect_max_ms
    assert await viewer.closed() == CloseCode.SERVICE_RESTART
    assert viewer.heard[-1] == goodbye
    assert await waiting.closed() == CloseCode.SERVICE_RESTART
    with pytest.raises(OSError, match="onnect"):
        await other.dial(show_id)


async def test_viewers_of_all_gateways_are_counted_together(house: House) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    async with house.another_gateway() as other:
        await other.watch(show_id)
        await viewer.when(lambda: any(one.count == 2 for one in viewer.all(wire.Viewers)))
        assert viewer.all(wire.Viewers)[-1].count == 2
