"""What a viewer writes, held against the library that the gateway may use."""

import pytest
from websockets.frames import Frame, Opcode
from websockets.server import ServerProtocol

from loadtests.bench.client_frames import (
    PING,
    after_headers,
    first_frame_complete,
    retry_after_s,
    status_of,
    text_frame,
    upgrade_request,
)
from loadtests.bench.server_frames import text_frame as server_frame


@pytest.mark.parametrize("size", [0, 125, 126, 700])
def test_a_server_understands_the_upgrade_and_the_frames(size: int) -> None:
    server = ServerProtocol()
    server.receive_data(upgrade_request("/v1/shows/show_1/live", 8001))
    [request] = server.events_received()
    server.send_response(server.accept(request))  # type: ignore[arg-type] # the first event is the request
    server.receive_data(PING + text_frame(b"x" * size))
    ping, text = server.events_received()
    assert isinstance(ping, Frame)
    assert isinstance(text, Frame)
    assert (ping.opcode, text.opcode, len(text.data)) == (Opcode.PING, Opcode.TEXT, size)


@pytest.mark.parametrize("size", [0, 125, 126, 65_535])
def test_a_frame_is_complete_with_its_last_byte(size: int) -> None:
    frame = server_frame(b"x" * size)
    assert first_frame_complete(frame + b"more")
    assert not first_frame_complete(frame[:-1])


def test_a_long_frame_is_complete_with_its_last_byte() -> None:
    frame = b"\x81\x7f" + (70_000).to_bytes(8, "big") + b"x" * 70_000
    assert first_frame_complete(frame)
    assert not first_frame_complete(frame[:-1])


def test_a_refusal_says_when_to_come_again() -> None:
    refusal = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 7\r\n\r\nfull"
    assert (status_of(refusal), retry_after_s(refusal), after_headers(refusal)) == (503, 7.0, b"full")


@pytest.mark.parametrize("received", [b"", b"HTTP/1.1 1", b'INFO {"server_id":1}\r\n'])
def test_what_is_no_answer_has_no_status(received: bytes) -> None:
    assert (status_of(received), retry_after_s(received)) == (None, None)


def test_headers_under_way_are_not_complete() -> None:
    assert after_headers(b"HTTP/1.1 101 Switching Protocols\r\n") is None
