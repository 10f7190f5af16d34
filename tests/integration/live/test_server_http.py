import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from live.roles import server_http
from live.roles.limits import HTTP_HEAD_BYTES
from live.roles.server_http import HttpServer

HEAD_S = 0.4
KEPT_S = 0.3
UNREAD_S = 0.5
LARGE = b"a" * 8_000_000
"""More than the buffers of two sockets take."""


async def slow(_request: Request) -> PlainTextResponse:
    await asyncio.sleep(2 * HEAD_S)
    return PlainTextResponse("done")


async def alive(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("alive")


async def large(_request: Request) -> Response:
    return Response(LARGE)


@pytest.fixture
def pieces() -> asyncio.Queue[bytes]:
    """Take what ``/pieces`` sends, one after the other."""
    return asyncio.Queue()


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch, pieces: asyncio.Queue[bytes]) -> AsyncIterator[HttpServer]:
    async def in_pieces(_request: Request) -> StreamingResponse:
        async def all_pieces() -> AsyncIterator[bytes]:
            while True:
                yield await pieces.get()

        return StreamingResponse(all_pieces())

    monkeypatch.setattr(server_http, "HTTP_HEAD_S", HEAD_S)
    monkeypatch.setattr(server_http, "HTTP_KEEP_ALIVE_S", KEPT_S)
    monkeypatch.setattr(server_http, "HTTP_UNREAD_ANSWER_S", UNREAD_S)
    listening = socket.create_server(("127.0.0.1", 0))
    routes = [Route("/", slow), Route("/healthz", alive), Route("/large", large), Route("/pieces", in_pieces)]
    server = HttpServer(Starlette(routes=routes))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    yield server
    await server.end(serving)
    listening.close()


@pytest.fixture
def port(server: HttpServer) -> int:
    number: int = server.servers[0].sockets[0].getsockname()[1]
    return number


async def answer_to(port: int, *pieces: bytes) -> bytes:
    """Send pieces, and return all that comes until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = b""
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        async with asyncio.timeout(10):
            answer = await reader.read()
    except ConnectionError:
        pass
    finally:
        writer.close()
    return answer


async def test_a_head_that_never_ends_is_cut_in_time(port: int) -> None:
    began = asyncio.get_running_loop().time()
    assert await answer_to(port, b"GET / HTTP/1.1\r\nHo") == b""
    assert HEAD_S * 0.9 <= asyncio.get_running_loop().time() - began < HEAD_S + 2


async def test_silence_is_cut_in_time(port: int) -> None:
    assert await answer_to(port) == b""


async def test_a_second_head_that_never_ends_is_cut_too(port: int) -> None:
    said = await answer_to(port, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HTTP/1.1\r\nHo")
    assert said.startswith(b"HTTP/1.1 200")
    assert said.count(b"HTTP/1.1") == 1


async def test_a_request_that_takes_longer_than_a_head_is_answered(port: int) -> None:
    said = await answer_to(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert said.endswith(b"done")


async def test_an_endless_head_is_refused_within_its_limit(port: int) -> None:
    header = b"X: " + b"a" * 8_000 + b"\r\n"
    headers = [header] * (4 * HTTP_HEAD_BYTES // len(header))
    said = await answer_to(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n", *headers, b"\r\n")
    assert not said.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("path", "pause_s", "status"),
    [
        (b"/", 0.0, b"400"),
        (b"/", 0.1, b"400"),
        (b"/healthz", 0.0, b"400"),
        (b"/healthz", 0.1, b"200"),
        (b"/large", 0.1, b"200"),
    ],
)
async def test_a_body_that_breaks_is_answered_once_and_leaves_no_trace(
    port: int, caplog: pytest.LogCaptureFixture, path: bytes, pause_s: float, status: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n" % path)
    if pause_s:
        await asyncio.sleep(pause_s)  # all but the slow one answer without the body
    writer.write(b"no chunk\r\n")
    said = b""
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            while some := await reader.read(65_536):
                said += some
    writer.close()
    assert said.startswith(b"HTTP/1.1 " + status)
    assert said.count(b"HTTP/1.1") == 1
    await asyncio.sleep(2.5 * HEAD_S)  # the slow one would answer now
    assert [one.getMessage() for one in caplog.records if one.levelname == "ERROR"] == []


async def test_who_breaks_a_body_and_reads_nothing_is_cut(
    server: HttpServer, port: int, pieces: asyncio.Queue[bytes]
) -> None:
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"GET /pieces HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    async with asyncio.timeout(10):
        while not server.server_state.connections:
            await asyncio.sleep(0.01)
        [connection] = server.server_state.connections
        while connection.transport.get_write_buffer_size() == 0:  # less than what would pause writing
            pieces.put_nowait(b"a" * 16_384)
            await asyncio.sleep(0.001)
        await asyncio.sleep(1.5 * HEAD_S)  # the time for its head is over
        client.sendall(b"no chunk\r\n")
        while server.server_state.connections:
            await asyncio.sleep(0.05)
    client.close()


async def test_a_crowd_is_answered_503_and_who_asks_whether_the_process_lives_is_not(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_http, "HTTP_CONNECTIONS_MOST", 3)
    monkeypatch.setattr(server_http, "HTTP_HEAD_S", 10.0)
    crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    try:
        refused = await answer_to(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        probed = await answer_to(port, b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    finally:
        for _, writer in crowd:
            writer.close()
    assert refused.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in refused
    assert probed.startswith(b"HTTP/1.1 200")
    said = await answer_to(port, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 200"), "when the crowd has gone"


async def read_after_pauses(port: int, request: bytes, pause_s: float) -> int:
    """Send something, then read a little after each pause; return how many bytes came until the server closed."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, request)
        came = 0
        try:
            async with asyncio.timeout(20):
                while True:
                    await asyncio.sleep(pause_s)
                    until_s = loop.time() + pause_s
                    while loop.time() < until_s:
                        piece = await loop.sock_recv(client, 65_536)
                        if not piece:
                            return came
                        came += len(piece)
                        await asyncio.sleep(0.005)
        except ConnectionResetError:
            return came


async def test_who_asks_for_much_and_reads_nothing_is_cut(port: int) -> None:
    asked = 60
    came = await read_after_pauses(port, b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n" * asked, 4 * UNREAD_S)
    assert came < len(LARGE)


async def test_a_slow_reader_gets_the_whole_answer(port: int) -> None:
    began = asyncio.get_running_loop().time()
    request = b"GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
    came = await read_after_pauses(port, request, UNREAD_S / 5)
    assert came > len(LARGE)
    assert asyncio.get_running_loop().time() - began > 2 * UNREAD_S, "slow enough to be cut for it"
