"""Whatever bytes a viewer sends, in whatever pieces: it is served or closed with the right code, and nothing breaks."""

import asyncio
import contextlib
import logging
import socket
import struct
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Frame as WsFrame
from websockets.http11 import Request
from websockets.server import ServerProtocol

from kit.settings import Network
from live import wire
from live.close_codes import CloseCode
from live.limits import MESSAGE_MAX_BYTES
from live.viewer_ws import ViewerConnection
from tests.integration.live.gateway.crowd import BINARY, CLOSE, CONT, RSV1, TEXT, client_frame, take_frames
from tests.integration.live.gateway.house import House, upgrade
from tests.integration.live.gateway.odd_bytes import (
    DEEP,
    DEEP_BINARY,
    SHOW_ID,
    conversation,
    deflated,
    pieces,
    requests,
    sizes,
    small,
    traffic,
)

DEFLATE = ["Sec-WebSocket-Extensions: permessage-deflate"]
PATIENCE_S = 8.0
FAILURES = {1002, 1007, 1009}
VERDICTS = FAILURES | {CloseCode.OVERLOAD, CloseCode.BAD_MESSAGE, CloseCode.BAD_TOKEN}
BOMB_MEMORY_BYTES = 1_000_000
fuzzed = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


async def exchange(port: int, parts: list[bytes]) -> bytes:
    """Send pieces, hang up, and return everything that came back."""
    loop = asyncio.get_running_loop()
    with socket.socket() as ours:
        ours.setblocking(False)
        await loop.sock_connect(ours, ("127.0.0.1", port))
        ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        answer = b""
        with contextlib.suppress(ConnectionError):  # it may hang up first; what it said is still there
            for part in parts:
                await loop.sock_sendall(ours, part)
                await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(OSError):
                ours.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while data := await loop.sock_recv(ours, 1 << 16):
                    answer += data
    return answer


def after_head(answer: bytes) -> bytes:
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 101 ")
    return rest


# --- frames -----------------------------------------------------------------------------------------------------------


class Listener:
    """A session that takes every message."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def received(self, payload: bytes) -> None:
        self.messages.append(payload)

    def signalled(self) -> None: ...
    def fell_behind(self) -> None: ...
    def caught_up(self, *, missed_state: bool) -> None: ...
    def closing(self) -> None: ...
    def closed(self) -> None: ...


class OpenDoor:
    """Lets everybody in."""

    origins: frozenset[str] = frozenset()
    proxies: tuple[Network, ...] = ()
    deflate = True

    def __init__(self) -> None:
        self.latest = Listener()
        self.connections = 0

    def turned_away(self, address: str) -> int | None:
        return None if address == "127.0.0.1" else 1

    def enter(self, connection: ViewerConnection, show_id: str, address: str) -> Listener:
        assert (connection.variant.binary, show_id, address) == (False, SHOW_ID, "127.0.0.1")
        self.latest = Listener()
        return self.latest

    def opened(self, connection: ViewerConnection, deadline_s: float) -> None:
        assert deadline_s > connection.loop.time()
        self.connections += 1

    def look_at(self, connection: ViewerConnection, deadline_s: float) -> None: ...

    def gone(self, connection: ViewerConnection, code: int | None) -> None:
        assert not connection.is_behind
        assert code in {None, 1002, 1007, 1009}
        self.connections -= 1

    def plain(self, path: str) -> Callable[[], Awaitable[tuple[int, str, bytes]]] | None:
        assert path.startswith("/")
        return None


@pytest.fixture
async def listening() -> AsyncIterator[tuple[OpenDoor, int]]:
    """Connections without a gateway behind them; yields their door and port."""
    door, loop = OpenDoor(), asyncio.get_running_loop()
    server = await loop.create_server(lambda: ViewerConnection(door, loop), "127.0.0.1", 0)
    yield door, server.sockets[0].getsockname()[1]
    server.close()


def check_log(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing may end in an error or a stack trace."""
    broken = [one.getMessage() for one in caplog.records if one.exc_info or one.levelno >= logging.ERROR]
    caplog.clear()
    assert broken == []


def reference(request: bytes, data: bytes) -> tuple[list[bytes], bytes, int | None]:
    """Return what the library alone makes of the same bytes: the messages, its answer, and why it failed."""
    protocol = ServerProtocol(
        extensions=[ServerPerMessageDeflateFactory(server_no_context_takeover=True, client_no_context_takeover=True)],
        max_size=MESSAGE_MAX_BYTES,
    )
    protocol.receive_data(request)
    [asked] = protocol.events_received()
    assert isinstance(asked, Request)
    protocol.send_response(protocol.accept(asked))
    protocol.data_to_send()
    protocol.receive_data(data)
    messages, fragments = [], b""
    for frame in protocol.events_received():
        if isinstance(frame, WsFrame) and frame.opcode in (TEXT, BINARY, CONT):
            fragments = bytes(frame.data) if frame.opcode != CONT else fragments + bytes(frame.data)
            if frame.fin:
                messages.append(fragments)
    code = None if protocol.close_sent is None or protocol.close_rcvd else protocol.close_sent.code
    return messages, b"".join(protocol.data_to_send()), code


@fuzzed
@given(data=traffic, lengths=sizes, extra=st.sampled_from([[], DEFLATE]))
@example(data=client_frame(TEXT, deflated(bytes(MESSAGE_MAX_BYTES)), rsv=RSV1), lengths=[], extra=DEFLATE)
@example(data=client_frame(TEXT, deflated(bytes(MESSAGE_MAX_BYTES + 1)), rsv=RSV1), lengths=[], extra=DEFLATE)
async def test_a_connection_says_exactly_what_the_library_alone_would_say(
    listening: tuple[OpenDoor, int], caplog: pytest.LogCaptureFixture, data: bytes, lengths: list[int], extra: list[str]
) -> None:
    door, port = listening
    request = upgrade(SHOW_ID, extra)
    messages, said, failed = reference(request, data)
    answer = after_head(await exchange(port, pieces(request + data, lengths)))
    assert answer == said
    assert failed in {None} | FAILURES
    # What came in one piece with what ended the connection is not served any more.
    closed = any(first == CLOSE for first, _ in take_frames(bytearray(said)))
    served = door.latest.messages
    assert served == messages[: len(served)]
    assert closed or served == messages
    assert max([len(one) for one in served], default=0) <= MESSAGE_MAX_BYTES
    assert door.connections == 0
    check_log(caplog)


def bombs() -> dict[str, bytes]:
    few_kilobytes, more = deflated(bytes(8_000_000)), deflated(bytes(100_000_000))
    half = len(few_kilobytes) // 2
    return {
        "8 KB that are 8 MB": client_frame(BINARY, few_kilobytes, rsv=RSV1),
        "the same in two fragments": client_frame(BINARY, few_kilobytes[:half], fin=False, rsv=RSV1)
        + client_frame(CONT, few_kilobytes[half:]),
        "a byte at a time": client_frame(BINARY, few_kilobytes[:1], fin=False, rsv=RSV1)
        + b"".join(client_frame(CONT, few_kilobytes[n : n + 1], fin=False) for n in range(1, 1000)),
        "100 KB that are 100 MB": client_frame(BINARY, more, rsv=RSV1),
    }


@pytest.mark.parametrize("kind", bombs())
async def test_a_compressed_bomb_is_too_big_and_is_never_inflated(
    listening: tuple[OpenDoor, int], caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    door, port = listening
    bomb = bombs()[kind]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        answer = after_head(await exchange(port, [upgrade(SHOW_ID, DEFLATE), bomb]))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    [(first, payload)] = take_frames(bytearray(answer))
    assert (first, payload[:2]) == (CLOSE, struct.pack("!H", 1009))
    assert door.latest.messages == []
    assert peak - before < BOMB_MEMORY_BYTES
    check_log(caplog)


# --- messages ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def show_id(house: House) -> AsyncIterator[str]:
    """A show with an offer, in which somebody else sits all the while and notices nothing."""
    show_id = await house.show()
    await house.offer(show_id)
    other = await house.watch(show_id)
    yield show_id
    await house.events(show_id, 1)
    await other.up_to(await house.seq(show_id))
    assert other.close_code is None


@fuzzed
@given(talk=conversation(), lengths=sizes)
@example(talk=(False, "nobody", [client_frame(TEXT, DEEP)]), lengths=[])
@example(talk=(False, "guest", [client_frame(TEXT, DEEP + b"]" * 4000 + b"}")]), lengths=[])
@example(talk=(True, "nobody", [client_frame(TEXT, DEEP_BINARY)]), lengths=[])
async def test_a_gateway_serves_whatever_is_said_or_closes_with_the_right_code(
    house: House,
    show_id: str,
    caplog: pytest.LogCaptureFixture,
    talk: tuple[bool, str, list[bytes]],
    lengths: list[int],
) -> None:
    binary, who, said = talk
    token = None if who == "guest" else house.token(who)
    hello = wire.Hello(token=token)
    opening = client_frame(TEXT, wire.encode_msgpack(hello) if binary else wire.encode_json(hello))
    data = b"".join([b"" if who == "nobody" else opening, *said])
    request = upgrade(show_id, ["Sec-WebSocket-Protocol: showdrop.msgpack"] if binary else [])
    rest = bytearray(after_head(await exchange(house.place.settings.ws_port, pieces(request + data, lengths))))
    frames = take_frames(rest)
    assert not rest
    closes = [payload[:2] for first, payload in frames if first == CLOSE]
    _, library_said, _ = reference(request, data)
    echoes = [payload[:2] for first, payload in take_frames(bytearray(library_said)) if first == CLOSE]
    assert len(closes) <= 1
    assert closes in ([], echoes) or struct.unpack("!H", closes[0])[0] in VERDICTS
    check_log(caplog)


# --- requests ---


@fuzzed
@given(request=st.one_of(requests, requests, st.binary(max_size=300)), behind=small, lengths=sizes)
@example(request=upgrade(SHOW_ID, ["Origin: http://a.test", "Origin: http://b.test"]), behind=b"", lengths=[])
async def test_whatever_is_asked_for_is_answered_in_http_or_cut(
    house: House, caplog: pytest.LogCaptureFixture, request: bytes, behind: bytes, lengths: list[int]
) -> None:
    answer = await exchange(house.place.settings.ws_port, pieces(request + behind, lengths))
    assert not answer or answer.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))
    assert not answer or int(answer.split()[1]) in {101, 200, 400, 403, 404, 405, 414, 426, 431, 501, 503, 505}
    check_log(caplog)
