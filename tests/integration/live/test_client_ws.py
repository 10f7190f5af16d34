"""The Python client against servers that are slow, dead, full or wrong, and lines that go dead. Real sockets only."""

import asyncio
import contextlib
import itertools
import socket
from functools import partial

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.datastructures import HeadersLike

from kit.ids import new_id
from live import wire
from live.client import ClientClosedError, ShowdropClient
from live.client_ws import ConnectionLostError, GatewayConnection, show_url
from tests.integration.live.scripted_gateway import Session, client, gateway, line

TIMER_S = 0.01  # a timer of the event loop may be this much early


async def welcoming(session: Session) -> None:
    await session.hello(4, recovered=session.number > 0)
    await session.stay()


async def is_live(viewer: ShowdropClient, welcomes: int = 1) -> None:
    async with asyncio.timeout(10):
        while viewer.welcomes < welcomes:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websock",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n",
    ],
    ids=["nothing", "half a line", "half an answer"],
)
async def test_a_server_that_does_not_finish_the_upgrade_is_given_up_and_hung_up_on(first: bytes) -> None:
    async with gateway(welcoming) as url, line(url, first) as bad, client(bad.url, welcome_timeout_s=0.3) as viewer:
        await is_live(viewer)
        await asyncio.wait_for(bad.hung_up.wait(), 5)
        assert 0.3 - TIMER_S <= bad.dials[1] - bad.dials[0] < 5


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"\x00\xff\x00 this is no HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: bm90aGluZw==\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=["hangs up", "no HTTP", "a web page", "a wrong key", "a strange redirect"],
)
async def test_an_answer_that_is_no_upgrade_leads_to_another_try(first: bytes) -> None:
    async with gateway(welcoming) as url, line(url, first, hang_up=True) as bad, client(bad.url) as viewer:
        await is_live(viewer)
        assert len(bad.dials) == 2


async def test_a_server_that_dies_before_it_was_asked_for_the_upgrade_is_dialled_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Late(ClientConnection):
        """The library's connection on a busy machine: the reset is there before the request is written."""

        async def handshake(
            self, additional_headers: HeadersLike | None = None, user_agent_header: str | None = None
        ) -> None:
            server.close()
            await self.wait_closed()
            await super().handshake(additional_headers, user_agent_header)

    monkeypatch.setattr("live.client_ws.connect", partial(connect, create_connection=Late))
    server = socket.create_server(("127.0.0.1", 0))
    url = show_url(f"ws://127.0.0.1:{server.getsockname()[1]}", new_id("show"))
    with pytest.raises(ConnectionLostError):
        await GatewayConnection.dial(url, binary=False)


async def test_a_dial_that_nobody_takes_is_given_up_and_the_client_is_there_when_the_server_is() -> None:
    # A listening socket whose queue is full drops what knocks: as an address does behind which there is no machine.
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    deaf.bind(("127.0.0.1", 0))
    deaf.listen(0)
    port = deaf.getsockname()[1]
    knocking = [socket.socket() for _ in range(4)]
    for one in knocking:
        one.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            one.connect(("127.0.0.1", port))
    viewer = client(f"ws://127.0.0.1:{port}", welcome_timeout_s=0.3, random01=0.5)
    async with viewer:
        dialled_at = asyncio.get_running_loop().time()
        async with asyncio.timeout(10):
            while viewer.phase != "waiting":
                await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - dialled_at >= 0.3 - TIMER_S
        for one in (*knocking, deaf):
            one.close()
        async with gateway(welcoming, port=port):
            await is_live(viewer)


async def test_a_welcome_that_never_comes_is_not_waited_for() -> None:
    tries: list[int] = []

    async def script(session: Session) -> None:
        tries.append(session.number)
        if session.number == 0:
            await session.heard()
            await session.send(wire.Viewers(count=1))  # any other message does not count
            await session.stay()
        else:
            await welcoming(session)

    async with gateway(script) as url, client(url, welcome_timeout_s=0.3) as viewer:
        await is_live(viewer)
        assert (tries, viewer.welcomes) == ([0, 1], 1)


async def test_a_line_that_goes_dead_is_noticed_within_two_heartbeats_and_the_show_resumed() -> None:
    loop = asyncio.get_running_loop()
    resumes: list[wire.Position | None] = []

    async def script(session: Session) -> None:
        hello = await session.hello(4, recovered=session.number > 0, heartbeat_ms=300)
        resumes.append(hello.resume)
        await session.stay()

    async with gateway(script) as url, line(url) as thin, client(thin.url) as viewer:
        await is_live(viewer)
        await asyncio.sleep(0.5)
        assert viewer.welcomes == 1
        thin.freeze()
        frozen_at = loop.time()
        await is_live(viewer, 2)
        assert thin.dials[1] - frozen_at < 0.3 * 2 + 0.5
    assert resumes == [None, wire.Position(epoch="epoch", seq=4)]


async def test_a_claim_on_a_dead_line_gets_its_answer_on_the_next_one() -> None:
    async def script(session: Session) -> None:
        await session.hello(4, recovered=session.number > 0, heartbeat_ms=200)
        claim = await session.heard()
        assert isinstance(claim, wire.Claim)
        await session.send(
            wire.ClaimRefused(claim_id=claim.claim_id, offer_id="offer_1", reason="sold_out", temporary=True)
        )
        await session.stay()

    async with gateway(script) as url, line(url) as thin, client(thin.url) as viewer:
        await is_live(viewer)
        thin.freeze()
        answer = await asyncio.wait_for(viewer.claim("offer_1", 1), 10)
        assert isinstance(answer, wire.ClaimRefused)
        assert len(thin.dials) == 2


async def test_closing_on_a_dead_line_does_not_hang() -> None:
    async with gateway(welcoming) as url, line(url) as thin:
        viewer = client(thin.url)
        viewer.start()
        await is_live(viewer)
        thin.freeze()
        await asyncio.wait_for(viewer.close(), 4)
        assert viewer.phase == "stopped"


async def test_what_is_no_message_ends_the_connection_and_the_show_is_resumed() -> None:
    resumes: list[wire.Position | None] = []

    async def script(session: Session) -> None:
        hello = await session.hello(4, recovered=session.number > 0)
        resumes.append(hello.resume)
        if session.number == 0:
            await session.connection.send("<html>")
        if session.number == 1:
            await session.connection.send('{"type":"poll.opened","seq":"five"}')
        if session.number == 2:
            await session.connection.send('{"type":"viewers","count":' + "[" * 100_000)
        await session.stay()

    async with gateway(script) as url, client(url) as viewer:
        await is_live(viewer, 4)
    assert resumes == [None, *[wire.Position(epoch="epoch", seq=4)] * 3]


@pytest.mark.parametrize(("random01", "wait_s"), [(0.0, 1.0), (0.5, 1.5)])
async def test_a_full_server_is_left_alone_for_as_long_as_it_says_and_some(random01: float, wait_s: float) -> None:
    first = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with gateway(welcoming) as url, line(url, first, hang_up=True) as full:
        async with client(full.url, random01=random01) as viewer:
            await is_live(viewer)
        assert wait_s - TIMER_S <= full.dials[1] - full.dials[0] < wait_s + 0.9


@pytest.mark.parametrize("status", [400, 401, 403, 404, 426, 499])
async def test_a_dial_that_is_refused_for_good_ends_the_client_with_what_the_server_said(status: int) -> None:
    text = b"no show\n is called that " + b"x" * 300
    first = b"HTTP/1.1 %d Odd\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (status, len(text), text)
    async with gateway(welcoming) as url, line(url, first, hang_up=True) as shut, client(shut.url) as viewer:
        with pytest.raises(ClientClosedError) as caught:
            await asyncio.wait_for(viewer.claim("offer_1", 1), 5)
        assert viewer.phase == "stopped"
        await asyncio.sleep(0.05)
        assert len(shut.dials) == 1
    assert caught.value.details == {"status": status}
    said = f"no show is called that {'x' * 300}"[:200]
    assert caught.value.message == f"the server answered HTTP {status}: {said}: do not reconnect"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
async def test_a_dial_that_is_refused_for_now_is_repeated(status: int) -> None:
    first = b"HTTP/1.1 %d Odd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status
    async with gateway(welcoming) as url, line(url, first, hang_up=True) as busy, client(busy.url) as viewer:
        await is_live(viewer)
        assert len(busy.dials) == 2


async def test_a_show_id_is_one_part_of_the_address_whatever_it_holds() -> None:
    paths = []

    async def script(session: Session) -> None:
        assert session.connection.request is not None
        paths.append(session.connection.request.path)
        await welcoming(session)

    async with gateway(script) as url, ShowdropClient(url, "show 1/?#é") as viewer:
        await is_live(viewer)
    assert paths == ["/v1/shows/show%201%2F%3F%23%C3%A9/live"]


async def test_the_waits_grow_while_connections_are_taken_and_dropped_and_shrink_after_a_welcome() -> None:
    at: list[float] = []
    done = asyncio.Event()

    async def script(session: Session) -> None:
        at.append(asyncio.get_running_loop().time())
        if session.number == 4:
            await session.hello(0)
        elif session.number == 5:
            done.set()
        session.connection.transport.abort()

    async with gateway(script) as url, client(url, random01=0.1):
        await asyncio.wait_for(done.wait(), 10)
    waits = [later - earlier for earlier, later in itertools.pairwise(at)]
    for waited, least in zip(waits, [0.05, 0.1, 0.2, 0.4], strict=False):
        assert waited >= least - TIMER_S
    assert waits[4] < 0.7


async def test_nobody_listening_is_no_error_of_ours() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with client(f"ws://127.0.0.1:{port}", random01=0.2) as viewer:
        await asyncio.sleep(0.1)
        before = viewer.phase
        async with gateway(welcoming, port=port):
            await is_live(viewer)
            assert (before, viewer.phase) == ("waiting", "live")
