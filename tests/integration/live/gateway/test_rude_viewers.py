"""Viewers who break the rules end with a close code or a cut, and nobody else notices."""

import asyncio
import contextlib
import os
import socket
import struct
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from live import wire
from live.close_codes import CloseCode
from live.limits import MESSAGE_MAX_BYTES, VIEWER_MESSAGES_BURST, VIEWER_MESSAGES_REFUSED
from tests.integration.live.gateway.house import House, upgrade

HELLO = b'{"type":"hello"}'
SLOW = 'showdrop_gateway_closes_total{code="4001"}'
CONT, TEXT, BINARY, CLOSE, PING = 0x0, 0x1, 0x2, 0x8, 0x9


def frame(opcode: int, payload: bytes, *, fin: bool = True, mask: bool = True) -> bytes:
    """Return one frame of a client."""
    head = bytes([(0x80 if fin else 0) | opcode])
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head += bytes([bit | len(payload)])
    elif len(payload) < 1 << 16:
        head += struct.pack("!BH", bit | 126, len(payload))
    else:
        head += struct.pack("!BQ", bit | 127, len(payload))
    # A mask of zeros leaves the payload as it is.
    return head + (b"\0\0\0\0" if mask else b"") + payload


class RawViewer:
    """A viewer that writes bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def frame(self) -> tuple[int, bytes]:
        """Return the next frame of the server."""
        first, second = await self.reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            [length] = struct.unpack("!H", await self.reader.readexactly(2))
        elif length == 127:
            [length] = struct.unpack("!Q", await self.reader.readexactly(8))
        return first & 0xF, await self.reader.readexactly(length)

    async def until(self, part: bytes) -> bytes:
        """Read up to the frame that contains this, and return what it holds."""
        async with asyncio.timeout(8):
            while part not in (payload := (await self.frame())[1]):
                pass
            return payload

    async def close_code(self) -> int:
        """Return the code of the close frame; 0 when the connection was cut without one."""
        try:
            async with asyncio.timeout(8):
                while True:
                    opcode, payload = await self.frame()
                    if opcode == CLOSE:
                        code: int = struct.unpack("!H", payload[:2])[0]
                        return code
        except (asyncio.IncompleteReadError, ConnectionError):
            return 0


@asynccontextmanager
async def raw_viewer(house: House, show_id: str) -> AsyncIterator[RawViewer]:
    """Bring a raw viewer through the handshake, and the hello."""
    reader, writer = await house.raw()
    try:
        writer.write(upgrade(show_id))
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        viewer = RawViewer(reader, writer)
        writer.write(frame(TEXT, HELLO))
        assert b'"type":"welcome"' in (await viewer.frame())[1]
        yield viewer
    finally:
        writer.close()


@asynccontextmanager
async def undisturbed(house: House, show_id: str) -> AsyncIterator[None]:
    """Check that another viewer sits there all the while and hears the next event."""
    other = await house.watch(show_id)
    yield
    await house.events(show_id, 1)
    await other.up_to(await house.seq(show_id))
    assert other.close_code is None


BAD: dict[str, tuple[bytes, set[int]]] = {
    # The rest of it is on its way when the gateway hangs up, which may overtake the close frame.
    "1 MB": (frame(TEXT, b"x" * 1_000_000), {1009, 0}),
    "just too long": (frame(TEXT, b"x" * (MESSAGE_MAX_BYTES + 1)), {1009}),
    "a length of 2**63": (b"\x81\xff" + struct.pack("!Q", 2**63) + b"\0\0\0\0", {1009}),
    "unmasked": (frame(TEXT, HELLO, mask=False), {1002}),
    "reserved bits": (b"\xf1\x80\0\0\0\0", {1002}),
    "unknown opcode": (frame(0x3, b""), {1002}),
    "long ping": (frame(PING, b"x" * 126), {1002}),
    "fragmented ping": (frame(PING, b"", fin=False), {1002}),
    "continuation of nothing": (frame(CONT, b"x"), {1002}),
    "new message in a fragmented one": (frame(TEXT, b"{", fin=False) + frame(TEXT, b"}"), {1002}),
    "fragments that are too long together": (
        frame(TEXT, b"x" * 5000, fin=False) + frame(CONT, b"x" * 5000),
        {1009},
    ),
    "close code 1005": (frame(CLOSE, struct.pack("!H", 1005)), {1002}),
    "invalid UTF-8": (frame(TEXT, b'{"type":"release","hold_id":"\xff\xfe"}'), {CloseCode.BAD_MESSAGE}),
    "garbage": (frame(BINARY, os.urandom(200)), {CloseCode.BAD_MESSAGE}),
    "empty": (frame(TEXT, b""), {CloseCode.BAD_MESSAGE}),
    "not an object": (frame(TEXT, b"[]"), {CloseCode.BAD_MESSAGE}),
    "unknown type": (frame(TEXT, b'{"type":"welcome"}'), {CloseCode.BAD_MESSAGE}),
    "unknown field": (frame(TEXT, b'{"type":"ping","x":1}'), {CloseCode.BAD_MESSAGE}),
    "deeply nested": (frame(TEXT, b"[" * 8000), {CloseCode.BAD_MESSAGE}),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_frame_closes_its_sender_only(house: House, name: str) -> None:
    show_id = await house.show()
    data, codes = BAD[name]
    async with undisturbed(house, show_id), raw_viewer(house, show_id) as viewer:
        viewer.writer.write(data)
        assert await viewer.close_code() in codes
        with contextlib.suppress(ConnectionResetError):
            viewer.writer.write(frame(CLOSE, struct.pack("!H", 1000)))
            assert await asyncio.wait_for(viewer.reader.read(), 5) == b""


async def test_a_message_in_fragments_with_a_ping_between_them_is_served(house: House) -> None:
    show_id = await house.show()
    async with raw_viewer(house, show_id) as viewer:
        data = frame(TEXT, b'{"type"', fin=False) + frame(PING, b"!") + frame(CONT, b"", fin=False) * 40
        viewer.writer.write(data + frame(CONT, b':"ping"}'))
        heard: list[bytes] = []
        while len(heard) < 2:
            one = (await asyncio.wait_for(viewer.frame(), 8))[1]
            if one == b"!" or b'"pong"' in one:
                heard.append(one[:1])
        assert sorted(heard) == [b"!", b"{"]


async def test_who_does_not_answer_the_close_does_not_keep_the_gateway(house: House) -> None:
    async with house.another_gateway() as other:
        show_id = await other.show()
        reader, writer = await other.raw()
        writer.write(upgrade(show_id) + frame(TEXT, HELLO))
        viewer = RawViewer(reader, writer)
        await reader.readuntil(b"\r\n\r\n")
        await viewer.until(b'"welcome"')
        began = time.monotonic()
    assert time.monotonic() - began < 8
    await viewer.until(b'"goodbye"')
    assert await viewer.close_code() == CloseCode.SERVICE_RESTART
    writer.close()


async def test_frames_right_behind_the_request_are_served(house: House) -> None:
    show_id = await house.show()
    reader, writer = await house.raw()
    writer.write(upgrade(show_id) + frame(TEXT, HELLO) + frame(TEXT, b'{"type":"ping"}'))
    await reader.readuntil(b"\r\n\r\n")
    viewer = RawViewer(reader, writer)
    answers = [wire.decode_server(await viewer.until(part)) for part in (b'"welcome"', b'"pong"')]
    assert [type(one) for one in answers] == [wire.Welcome, wire.Pong]
    writer.close()


CUT = 0
BAD_REQUESTS = {
    "10,000 bytes of header": (upgrade("show_" + "0" * 26, ["X: " + "x" * 10_000]), 431),
    "endless path": (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\n\r\n", 414),
    "200 headers": (upgrade("show_" + "0" * 26, [f"X-{n}: 1" for n in range(200)]), 431),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", CUT),
    "POST": (b"POST /healthz HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}", CUT),
    "no upgrade": (b"GET /v1/shows/show_" + b"0" * 26 + b"/live HTTP/1.1\r\nHost: x\r\n\r\n", 426),
    "broken frames behind it": (upgrade("show_" + "0" * 26) + frame(TEXT, b"x", mask=False), 101),
    "another request behind it": (b"GET /healthz HTTP/1.1\r\n\r\n" * 2, 200),
    "another request behind a wrong path": (b"GET /x HTTP/1.1\r\n\r\n" * 2, 404),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
async def test_a_bad_request_is_answered_or_cut(house: House, name: str) -> None:
    show_id = await house.show()
    data, status = BAD_REQUESTS[name]
    async with undisturbed(house, show_id):
        reader, writer = await house.raw()
        writer.write(data)
        try:
            said = await asyncio.wait_for(reader.read(), 5)
        except ConnectionResetError:
            said = b""
        assert (int(said.split()[1]) if said else CUT) == status
        writer.close()


async def test_connections_past_all_measure_are_cut_and_taken_again_when_there_is_room(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.gateway.CONNECTIONS_TURNED_AWAY_MOST", 1)
    show_id = await house.show()
    async with house.another_gateway(max_viewers=3) as other, undisturbed(other, show_id):
        idle = [await other.raw() for _ in range(3)]
        reader, writer = await other.raw()
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 8) == b""
        writer.close()
        for _, one in idle:
            one.close()
        await asyncio.sleep(0.2)
        async with raw_viewer(other, show_id):
            pass


async def test_who_hangs_up_before_the_answer_leaves_no_trace(house: House) -> None:
    show_id = await house.show()
    async with undisturbed(house, show_id):
        connections = await house.metric("showdrop_gateway_connections")
        for request in (b"GET /metrics HTTP/1.1\r\n\r\n", b"GET /readyz HTTP/1.1\r\n\r\n", upgrade(show_id)):
            _, writer = await house.raw()
            writer.write(request)
            writer.write_eof()
            writer.close()
        await asyncio.sleep(0.2)
        assert await house.metric("showdrop_gateway_connections") == connections


async def test_a_flood_of_messages_or_pings_is_closed(house: House) -> None:
    show_id = await house.show()
    most = int(VIEWER_MESSAGES_BURST) + VIEWER_MESSAGES_REFUSED
    fragment = frame(CONT, b"", fin=False)
    for one in (frame(TEXT, b'{"type":"ping"}'), frame(PING, b""), frame(0xA, b""), fragment):
        async with undisturbed(house, show_id), raw_viewer(house, show_id) as viewer:
            viewer.writer.write((frame(TEXT, b"{", fin=False) if one is fragment else b"") + one * (2 * most))
            assert await viewer.close_code() == CloseCode.OVERLOAD


async def test_a_flood_of_the_shortest_frames_does_not_hold_up_the_loop(house: House) -> None:
    show_id = await house.show()
    async with raw_viewer(house, show_id) as viewer:
        longest_s, until = 0.0, time.monotonic() + 1.5
        viewer.writer.write(frame(PING, b"") * 200_000)
        while (began := time.monotonic()) < until:
            await asyncio.sleep(0)
            longest_s = max(longest_s, time.monotonic() - began)
    # A read brings up to 256 kB, which is 40,000 pings; parsed as a whole they take half a second.
    assert longest_s < 0.2


async def test_messages_over_the_rate_are_refused_before_the_connection_is_closed(house: House) -> None:
    show_id = await house.show()
    viewer = await house.watch(show_id)
    for _ in range(int(VIEWER_MESSAGES_BURST) + 20):
        await viewer.say(wire.Ping())
    await viewer.get(wire.Error)
    assert {(one.code, one.temporary) for one in viewer.all(wire.Error)} == {("rate_limited", True)}
    await asyncio.sleep(0.5)
    pongs = len(viewer.all(wire.Pong))
    await viewer.say(wire.Ping())
    await viewer.get(wire.Pong, pongs + 1)


def deaf_socket(house: House) -> socket.socket:
    """Return a socket that takes in very little."""
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", house.place.settings.ws_port))
    deaf.setblocking(False)
    return deaf


async def test_who_does_not_read_is_cut_and_the_show_goes_on(house: House) -> None:
    show_id = await house.show()
    product_id, _ = await house.product(variants=500)
    with deaf_socket(house) as deaf:
        deaf.send(upgrade(show_id) + frame(TEXT, HELLO))
        other = await house.watch(show_id)
        for n in range(400):
            await house.stage.spotlight(show_id, [product_id])
            if n % 20 == 0 and await house.metric(SLOW):
                break
        assert await house.metric(SLOW) == 1
        await other.up_to(await house.seq(show_id))
        assert other.seqs == list(range(2, other.seqs[-1] + 1))
        assert other.close_code is None


async def test_a_large_welcome_is_no_slow_reading(house: House) -> None:
    show_id = await house.show()
    epoch = (await (await house.watch(show_id)).get(wire.Welcome)).epoch
    for _ in range(2):
        product_id, _ = await house.product(variants=9_000)
        await house.stage.spotlight(show_id, [product_id])
    # Much more than what the kernel takes in and a viewer may leave unread later on.
    with deaf_socket(house) as deaf:
        hello = wire.encode_json(wire.Hello(resume=wire.Position(epoch, 1)))
        deaf.send(upgrade(show_id) + frame(TEXT, hello))
        await asyncio.sleep(1.0)
        assert await house.metric(SLOW) == 0
        reader, writer = await asyncio.open_connection(sock=deaf.dup())
        await reader.readuntil(b"\r\n\r\n")
        viewer = RawViewer(reader, writer)
        assert b'"recovered":true' in (await viewer.frame())[1]
        for _ in range(2):
            assert b'"product.spotlight"' in (await viewer.frame())[1]
        writer.close()


async def test_who_missed_more_than_fits_takes_a_snapshot_instead_of_being_cut_for_ever(house: House) -> None:
    show_id = await house.show()
    epoch = (await (await house.watch(show_id)).get(wire.Welcome)).epoch
    product_id, _ = await house.product(variants=9_000)
    for _ in range(6):
        await house.stage.spotlight(show_id, [product_id])
    back = await house.watch(show_id, resume=wire.Position(epoch, 1))
    assert not (await back.get(wire.Welcome)).recovered
