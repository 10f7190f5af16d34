"""The Python client against a scripted gateway: a real WebSocket server that says what each test tells it to."""

import asyncio

import msgspec
import pytest
from structlog.testing import capture_logs

from kit.ids import new_ulid
from kit.money import Money
from live import wire
from live.client import ClientClosedError, ServerRefusedError
from live.close_codes import CloseCode
from tests.integration.live.scripted_gateway import Session, client, gateway


async def test_a_claim_that_lost_its_connection_is_sent_again_with_the_same_id() -> None:
    claims: list[wire.ClientMessages] = []

    async def script(session: Session) -> None:
        hello = await session.hello(5, recovered=session.number > 0)
        assert hello.token == "buyer-token"
        assert hello.resume == (None if session.number == 0 else wire.Position(epoch="epoch", seq=5))
        claim = await session.heard()
        claims.append(claim)
        if session.number == 0:
            session.connection.transport.abort()
            return
        assert isinstance(claim, wire.Claim)
        await session.send(
            wire.ClaimAccepted(
                claim_id=claim.claim_id, hold_id="hold_1", offer_id="offer_1", quantity=2, expires_at_ms=9
            )
        )
        await session.stay()

    claim_id = new_ulid()
    async with gateway(script) as url, client(url, token="buyer-token") as viewer:
        await viewer.welcomed()
        answer = await asyncio.wait_for(viewer.claim("offer_1", 2, claim_id), 10)
    assert isinstance(answer, wire.ClaimAccepted)
    assert claims == [wire.Claim(claim_id=claim_id, offer_id="offer_1", quantity=2)] * 2


async def test_two_taps_with_one_claim_id_get_one_answer() -> None:
    async def script(session: Session) -> None:
        await session.hello(0)
        first, second = await session.heard(), await session.heard()
        assert first == second
        assert isinstance(first, wire.Claim)
        await session.send(
            wire.ClaimRefused(claim_id=first.claim_id, offer_id="offer_1", reason="sold_out", temporary=True)
        )
        await session.stay()

    claim_id = new_ulid()
    async with gateway(script) as url, client(url) as viewer:
        await viewer.welcomed()
        answers = await asyncio.wait_for(
            asyncio.gather(viewer.claim("offer_1", 1, claim_id), viewer.claim("offer_1", 1, claim_id)), 10
        )
    assert answers[0] is answers[1]


async def test_repeats_are_dropped_and_a_gap_is_filled_by_resuming() -> None:
    async def script(session: Session) -> None:
        hello = await session.hello(2 if session.number == 0 else 5, recovered=session.number > 0)
        if session.number == 0:
            for seq in (3, 3, 2, 5):
                await session.send(wire.ShowPaused(seq=seq, at_ms=0))
        else:
            assert hello.resume == wire.Position(epoch="epoch", seq=3)
            for seq in (4, 5):
                await session.send(wire.ShowPaused(seq=seq, at_ms=0))
        await session.stay()

    seen: list[int] = []
    done = asyncio.Event()

    def hear(message: wire.ServerMessage) -> None:
        if isinstance(message, wire.ShowPaused):
            seen.append(message.seq)
            if message.seq == 5:
                done.set()

    async with gateway(script) as url, client(url, on_message=hear):
        await asyncio.wait_for(done.wait(), 10)
    assert seen == [3, 4, 5]


async def test_a_gap_that_resuming_did_not_fill_is_answered_with_a_request_for_a_snapshot() -> None:
    resumes: list[wire.Position | None] = []
    done = asyncio.Event()

    async def script(session: Session) -> None:
        seqs = {0: (3, 9), 1: (9,), 2: ()}[session.number]
        hello = await session.hello(2 if session.number == 0 else 9, recovered=session.number == 1)
        resumes.append(hello.resume)
        for seq in seqs:
            await session.send(wire.ShowPaused(seq=seq, at_ms=0))
        if session.number == 2:
            done.set()
        await session.stay()

    async with gateway(script) as url, client(url) as viewer:
        await asyncio.wait_for(done.wait(), 10)
        await viewer.welcomed()
        assert viewer.position == wire.Position(epoch="epoch", seq=9)
    assert resumes == [None, wire.Position(epoch="epoch", seq=3), None]


@pytest.mark.parametrize("code", [4500, 4503])
async def test_a_stay_away_code_ends_the_client_and_its_requests(code: int) -> None:
    connections = []

    async def script(session: Session) -> None:
        connections.append(session.number)
        await session.hello(0)
        await session.heard()
        await session.connection.close(code)

    async with gateway(script) as url, client(url) as viewer:
        await viewer.welcomed()
        with pytest.raises(ClientClosedError) as caught:
            await asyncio.wait_for(viewer.claim("offer_1", 1), 10)
        assert caught.value.details == {"close_code": code}
        assert CloseCode(code).name in caught.value.message
        with pytest.raises(ClientClosedError):
            await viewer.welcomed()
    assert connections == [0]


async def test_a_goodbye_names_the_time_to_come_back() -> None:
    times: list[float] = []
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    async def script(session: Session) -> None:
        await session.hello(0)
        times.append(loop.time())
        if session.number == 0:
            await session.send(wire.Goodbye(reason="shutdown", reconnect_min_ms=300, reconnect_max_ms=400))
            await session.connection.close(4000)
        else:
            done.set()
            await session.stay()

    async with gateway(script) as url, client(url):
        await asyncio.wait_for(done.wait(), 10)
    assert 0.29 <= times[1] - times[0] < 2


async def test_a_checkout_gets_the_news_of_its_hold_and_an_error_fails_it() -> None:
    async def script(session: Session) -> None:
        await session.hello(0)
        first = await session.heard()
        assert first == wire.Checkout(hold_id="hold_1", payment_method="pm_test_ok")
        await session.send(wire.OrderSubmitted(order_id="order_1", hold_id="hold_1", amount=Money(1, "EUR")))
        await session.heard()
        await session.send(wire.Error(code="unknown_hold", message="no such hold", temporary=False))
        await session.stay()

    async with gateway(script) as url, client(url) as viewer:
        await viewer.welcomed()
        news = await asyncio.wait_for(viewer.checkout("hold_1", "pm_test_ok"), 10)
        assert isinstance(news, wire.OrderSubmitted)
        with pytest.raises(ServerRefusedError) as caught:
            await asyncio.wait_for(viewer.checkout("hold_2", "pm_test_ok"), 10)
        assert caught.value.code == "unknown_hold"


async def test_a_message_of_a_later_version_is_passed_over_but_its_position_counts() -> None:
    reached = asyncio.Event()

    async def script(session: Session) -> None:
        await session.hello(1)
        await session.connection.send('{"type":"poll.opened","seq":2,"question":"?"}')
        await session.connection.send('{"type":"confetti","amount":9}')
        await session.send(wire.ShowPaused(seq=3, at_ms=0))
        await session.stay()

    def hear(message: wire.ServerMessage) -> None:
        if isinstance(message, wire.ShowPaused):
            reached.set()

    async with gateway(script) as url, client(url, on_message=hear) as viewer:
        await asyncio.wait_for(reached.wait(), 10)
        assert viewer.position == wire.Position(epoch="epoch", seq=3)
        assert viewer.welcomes == 1


async def test_the_servers_clock_is_learnt_from_the_welcome() -> None:
    async def script(session: Session) -> None:
        await session.hello(0, server_time_ms=5_000_000)
        await session.stay()

    async with gateway(script) as url, client(url) as viewer:
        await viewer.welcomed()
        assert viewer.server_now_ms() == pytest.approx(5_000_000, abs=1_000)


async def test_a_reconnect_keeps_the_servers_clock_and_asks_for_no_more_time() -> None:
    back, seen = asyncio.Event(), []

    async def script(session: Session) -> None:
        if session.number == 1:
            await asyncio.sleep(0.2)  # a slow welcome, from which no clock can be read well
        await session.hello(0, recovered=session.number == 1, server_time_ms=5_000_000, heartbeat_ms=300)
        seen.append(session)
        if session.number == 1:
            back.set()
        await session.stay()

    async with gateway(script) as url, client(url) as viewer:
        await viewer.welcomed()
        known = viewer.clock.offset_ms
        viewer.cut()
        await asyncio.wait_for(back.wait(), 10)
        await asyncio.sleep(0.1)
        assert viewer.clock.offset_ms == known
        assert seen[1].pings == 0
        await asyncio.sleep(0.4)
    assert seen[1].pings == 1


async def test_a_server_that_answers_is_kept_however_quiet_the_show() -> None:
    async def script(session: Session) -> None:
        await session.hello(0, heartbeat_ms=250)
        await session.stay()

    async with gateway(script) as url, client(url) as viewer:
        await viewer.welcomed()
        await asyncio.sleep(1.1)
        assert viewer.welcomes == 1


async def test_a_clock_that_a_slow_welcome_left_in_doubt_is_measured_by_pings() -> None:
    async def script(session: Session) -> None:
        await asyncio.sleep(0.2)
        await session.hello(0)
        await session.stay()

    async with gateway(script) as url, client(url, random01=0.99) as viewer:
        await viewer.welcomed()
        assert not viewer.clock.is_good(viewer.server_now_ms() - viewer.clock.offset_ms)
        await asyncio.sleep(0.3)
        assert viewer.clock.is_good(viewer.server_now_ms() - viewer.clock.offset_ms)


@pytest.mark.parametrize("spoken", [wire.MSGPACK_SUBPROTOCOL, wire.JSON_SUBPROTOCOL])
async def test_messagepack_is_spoken_if_the_server_does(spoken: str) -> None:
    async def script(session: Session) -> None:
        assert session.connection.subprotocol == (spoken if spoken == wire.MSGPACK_SUBPROTOCOL else None)
        await session.hello(5)
        claim = await session.heard()
        assert isinstance(claim, wire.Claim)
        later = {"type": "poll.opened", "seq": 6}
        encode = msgspec.msgpack.encode if spoken == wire.MSGPACK_SUBPROTOCOL else msgspec.json.encode
        await session.connection.send(encode(later), text=spoken == wire.JSON_SUBPROTOCOL)
        await session.send(
            wire.ClaimRefused(claim_id=claim.claim_id, offer_id=claim.offer_id, reason="sold_out", temporary=True)
        )
        await session.stay()

    async with gateway(script, subprotocol=spoken) as url, client(url, binary=True) as viewer:
        await viewer.welcomed()
        answer = await asyncio.wait_for(viewer.claim("offer_1", 1), 10)
        assert isinstance(answer, wire.ClaimRefused)
        assert viewer.position == wire.Position(epoch="epoch", seq=6)


async def test_a_closed_client_says_so_to_everyone_who_waits_or_asks() -> None:
    async def script(session: Session) -> None:
        await session.hello(0)
        await session.stay()

    async with gateway(script) as url:
        viewer = client(url)
        viewer.start()
        await viewer.welcomed()
        claim = asyncio.create_task(viewer.claim("offer_1", 1))
        await asyncio.sleep(0)
        await viewer.close()
        for asking in (claim, viewer.welcomed(), viewer.claim("offer_1", 1)):
            with pytest.raises(ClientClosedError):
                await asyncio.wait_for(asking, 10)
        assert viewer.phase == "stopped"


async def test_a_listener_that_fails_ends_the_client_and_is_named_as_the_cause() -> None:
    async def script(session: Session) -> None:
        await session.hello(0)
        await session.stay()

    def hear(message: wire.ServerMessage) -> None:
        raise KeyError(type(message).__name__)

    async with gateway(script) as url, client(url, on_message=hear) as viewer:
        with capture_logs() as said, pytest.raises(ClientClosedError) as caught:
            await asyncio.wait_for(viewer.claim("offer_1", 1), 10)
        assert isinstance(caught.value.__cause__, KeyError)
    # A log that nobody set up would print a stack with local variables: the token is one.
    assert [{**one, "part": None} for one in said] == [
        {"part": None, "event": "client_failed", "error": "KeyError: 'Welcome'", "log_level": "error"}
    ]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example.com",
        "http://shop.example.com",
        "ws://",
        "ws://[",
        "ws://shop.example.com:port",
        "ws://shop.example.com?a=b",
        "wss://shop.example.com#live",
        "wss://pass-word@shop.example.com",
    ],
)
def test_an_address_that_is_none_is_refused_at_once_and_not_repeated(url: str) -> None:
    with pytest.raises(ClientClosedError, match=r"^ws_url must start with ws:// or wss:// [^\n]+$") as caught:
        client(url)
    assert "pass-word" not in str(caught.value)


def test_good_addresses_are_taken() -> None:
    for url in (
        "ws://127.0.0.1:8001/",
        "wss://live.example.com/drops",
        "wss://bob:pass@[::1]:8443",
        "ws://käse.example",
    ):
        client(url)
