import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from live.roles import server_http
from live.roles.limits import HTTP_HEAD_BYTES
from live.roles.server_http import HttpServer

HEAD_S = 0.4


async def slow(_request: Request) -> PlainTextResponse:
    await asyncio.sleep(2 * HEAD_S)
    return PlainTextResponse("done")


async def alive(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("alive")


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(server_http, "HTTP_HEAD_S", HEAD_S)
    monkeypatch.setattr(server_http, "HTTP_KEEP_ALIVE_S", 0)
    listening = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(Starlette(routes=[Route("/", slow), Route("/healthz", alive)]))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    number: int = listening.getsockname()[1]
    yield number
    await server.end(serving)
    listening.close()


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
