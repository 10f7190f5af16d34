"""The Python client against a scripted gateway: a real WebSocket server that says what each test tells it to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from kit.ids import new_ulid
from kit.money import Money
from live import wire
from live.client_ws import ClientClosedError, ServerRefusedError, ShowdropClient

SHOW = wire.Snapshot(
    show=wire.ShowCard(show_id="show_1", title="Mugs", currency="EUR", state="live"), spotlight=[], offers=[]
)
Script = Callable[["Session"], Awaitable[None]]


class Session:
    """The gateway's side of one connection."""

    def __init__(self, connection: ServerConnection, number: int) -> None:
        self.connection = connection
        self.number = number  # 0 for the first connection of a test

    async def send(self, message: wire.ServerMessage) -> None:
        await self.connection.send(wire.encode_json(message), text=True)

    async def heard(self) -> wire.ClientMessages:
        """Return the next message that is no ping."""
        while True:
            message = wire.decode_client(await self.connection.recv(decode=False), binary=False)
            if not isinstance(message, wire.Ping):
                return message
            await self.send(wire.Pong(server_time_ms=1))

    async def hello(self, seq: int, *, recovered: bool = False, server_time_ms: int = 0) -> wire.Hello:
        hello = await self.heard()
        assert isinstance(hello, wire.Hello)
        welcome = wire.Welcome(
            session_id="session",
            epoch="epoch",
            seq=seq,
            server_time_ms=server_time_ms,
            heartbeat_ms=60_000,
            recovered=recovered,
            holds=[],
        )
        if not recovered:
            welcome = wire.Welcome(**{name: getattr(welcome, name) for name in WELCOME_FIELDS}, snapshot=SHOW)
        await self.send(welcome)
        return hello

    async def stay(self) -> None:
        await self.connection.wait_closed()


WELCOME_FIELDS = ("session_id", "epoch", "seq", "server_time_ms", "heartbeat_ms", "recovered", "holds")


@asynccontextmanager
async def gateway(script: Script) -> AsyncIterator[str]:
    """Run a gateway; what its script asserts fails the test."""
    failures: list[BaseException] = []
    connections = 0

    async def handle(connection: ServerConnection) -> None:
        nonlocal connections
        session = Session(connection, connections)
        connections += 1
        try:
            await script(session)
        except AssertionError as error:
            failures.append(error)

    server = await serve(handle, "127.0.0.1", 0, subprotocols=[Subprotocol(wire.JSON_SUBPROTOCOL)], compression=None)
    try:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
    assert failures == []


def client(url: str, **options: object) -> ShowdropClient:
    heard = cast(Callable[[wire.ServerMessage], None] | None, options.get("on_message"))
    return ShowdropClient(url, "show_1", cast(str | None, options.get("token")), on_message=heard, random01=lambda: 0.0)


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
