"""Many viewers who cost the test next to nothing: bytes in, what they were told out."""

import asyncio
import contextlib
import resource
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import cast

import msgspec

from live import wire
from live.roles.gateway import GatewayRole
from live.roles.stores import Place
from loadtests.free_ports import free_port
from tests.integration.live.gateway.house import SECRET, House, upgrade

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
RSV1 = 0x40
CUT = 0
FILES_MOST = 12_000
PATIENCE_S = 8.0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What the tests want to know of a message."""

    type: str
    seq: int = 0
    epoch: str = ""
    recovered: bool = False
    code: str = ""
    held: int = 0
    holds: tuple[msgspec.Raw, ...] = ()


_told = msgspec.json.Decoder(Told)


def client_frame(
    opcode: int, payload: bytes, *, fin: bool = True, rsv: int = 0, mask: bytes | None = bytes(4)
) -> bytes:
    """Return one frame of a client; unmasked when there is no mask."""
    bit = 0 if mask is None else 0x80
    if len(payload) < 126:
        length = struct.pack("!B", bit | len(payload))
    elif len(payload) < 1 << 16:
        length = struct.pack("!BH", bit | 126, len(payload))
    else:
        length = struct.pack("!BQ", bit | 127, len(payload))
    head = bytes([(0x80 if fin else 0) | rsv | opcode]) + length
    if mask is None:
        return head + payload
    if any(mask):
        payload = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
    return head + mask + payload


def say(message: wire.ClientMessages) -> bytes:
    """Return a message as a client sends it."""
    return client_frame(TEXT, wire.encode_json(message))


def take_frames(data: bytearray) -> list[tuple[int, bytes]]:
    """Take the complete frames of a server off the front: first byte without FIN, and payload."""
    frames, at = [], 0
    while len(data) >= at + 2:
        first, length, begin = data[at] & 0x7F, data[at + 1], at + 2
        if length >= 126:
            begin += 2 if length == 126 else 8
            if len(data) < begin:
                break
            length = int.from_bytes(data[at + 2 : begin], "big")
        if len(data) < begin + length:
            break
        frames.append((first, bytes(data[begin : begin + length])))
        at = begin + length
    del data[:at]
    return frames


def inflated(first: int, payload: bytes) -> bytes:
    """Return what a server's frame says, without knowing any frame before it."""
    return zlib.decompress(payload + b"\x00\x00\xff\xff\x03\x00", -zlib.MAX_WBITS) if first & RSV1 else payload


class Light(asyncio.Protocol):
    """A viewer that says something as soon as it is connected, and remembers what it was told.

    Args:
        opening: what it says.
        keep: whether it keeps the frames themselves.
    """

    def __init__(self, opening: bytes, *, keep: bool = False) -> None:
        self.head = b""
        self.told: list[Told] = []
        self.frames: list[tuple[int, bytes]] = []
        self.close_code: int | None = None
        self.transport: asyncio.Transport
        self._opening = opening
        self._keep = keep
        self._data = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self.transport.write(self._opening)

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self.head:
            end = self._data.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            self.head = bytes(self._data[:end])
            del self._data[:end]
        if not self.is_in:
            return
        for first, payload in take_frames(self._data):
            if self._keep:
                self.frames.append((first, payload))
            if first == CLOSE:
                [self.close_code] = struct.unpack("!H", payload[:2])
                self.transport.write(client_frame(CLOSE, payload[:2]))
            elif first & ~RSV1 == TEXT:
                self.told.append(_told.decode(inflated(first, payload)))

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is asyncio's
        if self.close_code is None:
            self.close_code = CUT

    @property
    def is_in(self) -> bool:
        """Whether the gateway let it in."""
        return self.head.startswith(b"HTTP/1.1 101 ")

    @property
    def seqs(self) -> list[int]:
        """The positions of the log events."""
        return [one.seq for one in self.told if one.seq and one.type != "welcome"]

    def all(self, kind: str) -> list[Told]:
        return [one for one in self.told if one.type == kind]


async def until(happened: Callable[[], bool]) -> None:
    """Wait until something is so."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not happened():
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError("did not happen") from None


def files_enough() -> None:
    """Let this process open as many files as a storm needs, where that is allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES_MOST if hard == resource.RLIM_INFINITY else min(FILES_MOST, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def connect(port: int, viewers: Sequence[Light], *, receive_bytes: int | None = None) -> None:
    """Open the viewers' connections, a hundred at a time."""
    files_enough()
    loop = asyncio.get_running_loop()

    async def one(viewer: Light) -> None:
        ours = socket.socket()
        if receive_bytes is not None:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        ours.setblocking(False)
        try:
            await loop.sock_connect(ours, ("127.0.0.1", port))
        except OSError:
            ours.close()
            raise
        await loop.create_connection(lambda: viewer, sock=ours)

    for at in range(0, len(viewers), 100):
        await asyncio.gather(*(one(viewer) for viewer in viewers[at : at + 100]))


@asynccontextmanager
async def crowd(
    port: int,
    show_id: str,
    hellos: Sequence[wire.Hello],
    *,
    extra: Sequence[str] = (),
    receive_bytes: int | None = None,
) -> AsyncIterator[list[Light]]:
    """Viewers of one show, one for each hello, all of them welcomed."""
    viewers = [Light(upgrade(show_id, extra) + say(hello)) for hello in hellos]
    try:
        await connect(port, viewers, receive_bytes=receive_bytes)
        await until(lambda: all(one.all("welcome") for one in viewers))
        yield viewers
    finally:
        for viewer in viewers:
            viewer.transport.abort()
        await asyncio.sleep(0.05)  # the gateway sees them go


@asynccontextmanager
async def own_gateway(house: House, **changes: object) -> AsyncIterator[tuple[GatewayRole, int]]:
    """Run one more gateway that the test may stop itself; yields it and its port."""
    settings = msgspec.structs.replace(house.place.settings, ws_port=free_port(), **changes)
    place = Place(
        settings=settings, database_url=house.place.database_url, redis_url=house.place.redis_url, secret=SECRET
    )
    role = await GatewayRole.start(place)
    try:
        yield role, settings.ws_port
    finally:
        await role.stop()


async def say_to_all(viewers: Sequence[Light], data: bytes) -> None:
    for viewer in viewers:
        with contextlib.suppress(OSError):
            viewer.transport.write(data)
    await asyncio.sleep(0)


def resident_bytes() -> int:
    """Return the memory of this process: the gateway and its viewers."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
