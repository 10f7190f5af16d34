"""Servers for the tests of the Python client: a gateway that says what a test tells it to, and lines that go bad."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from live import wire
from live.client import ShowdropClient

SHOW = wire.Snapshot(
    show=wire.ShowCard(show_id="show_1", title="Mugs", currency="EUR", state="live"), spotlight=[], offers=[]
)
HEARTBEAT_MS = 60_000


class Session:
    """The gateway's side of one connection.

    Attributes:
        number: 0 for the first connection of a test.
        pings: how many came so far.
    """

    def __init__(self, connection: ServerConnection, number: int) -> None:
        self.connection = connection
        self.number = number
        self.pings = 0
        self._binary = connection.subprotocol == wire.MSGPACK_SUBPROTOCOL

    async def send(self, message: wire.ServerMessage) -> None:
        if self._binary:
            await self.connection.send(wire.encode_msgpack(message), text=False)
        else:
            await self.connection.send(wire.encode_json(message), text=True)

    async def heard(self, server_time_ms: int = 1) -> wire.ClientMessages:
        """Return the next message that is no ping."""
        while True:
            message = wire.client_decoder(binary=self._binary)(await self.connection.recv(decode=False))
            if not isinstance(message, wire.Ping):
                return message
            self.pings += 1
            await self.send(wire.Pong(server_time_ms=server_time_ms))

    async def hello(
        self, seq: int, *, recovered: bool = False, server_time_ms: int = 0, heartbeat_ms: int = HEARTBEAT_MS
    ) -> wire.Hello:
        """Take the hello and welcome the client at ``seq``."""
        hello = await self.heard()
        assert isinstance(hello, wire.Hello)
        welcome = wire.Welcome(
            session_id="session",
            epoch="epoch",
            seq=seq,
            server_time_ms=server_time_ms,
            heartbeat_ms=heartbeat_ms,
            recovered=recovered,
            holds=[],
            snapshot=msgspec.UNSET if recovered else SHOW,
        )
        await self.send(welcome)
        return hello

    async def stay(self) -> None:
        """Answer pings until the client is gone."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.heard()


Script = Callable[[Session], Awaitable[None]]


@asynccontextmanager
async def gateway(script: Script, *, port: int = 0, subprotocol: str | None = None) -> AsyncIterator[str]:
    """Run a gateway; what its script asserts fails the test. It speaks what the client asks for, or ``subprotocol``."""
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

    spoken = [subprotocol] if subprotocol else [wire.JSON_SUBPROTOCOL, wire.MSGPACK_SUBPROTOCOL]
    server = await serve(
        handle,
        "127.0.0.1",
        port,
        select_subprotocol=lambda _connection, asked: next((Subprotocol(one) for one in spoken if one in asked), None),
        compression=None,
    )
    try:
        yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
    assert failures == []


class Line:
    """A network between a client and its gateway.

    Attributes:
        dials: the loop's time of every connection so far.
        url: where the client dials.
    """

    def __init__(self, gateway_port: int, first: bytes | None, *, hang_up: bool) -> None:
        self._gateway_port = gateway_port
        self._first = first
        self._hang_up = hang_up
        self._dead: set[int] = set()
        self.dials: list[float] = []
        self.hung_up = asyncio.Event()
        self.url = ""

    def freeze(self) -> None:
        """Everything that is open goes dead: no byte arrives any more on either side, and nobody is told."""
        self._dead = set(range(len(self.dials)))

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self.dials)
        self.dials.append(asyncio.get_running_loop().time())
        try:
            if number == 0 and self._first is not None:
                writer.write(self._first)
                while not self._hang_up and await reader.read(4096):
                    pass
                self.hung_up.set()
                return
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._gateway_port)
            with contextlib.closing(far_writer):
                ways = [self._pipe(number, reader, far_writer), self._pipe(number, far_reader, writer)]
                await asyncio.gather(*ways)
        finally:
            writer.close()

    async def _pipe(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(4096):
                if number not in self._dead:
                    writer.write(data)
        if number not in self._dead:
            writer.close()


@asynccontextmanager
async def line(gateway_url: str, first: bytes | None = None, *, hang_up: bool = False) -> AsyncIterator[Line]:
    """Lay a line to a gateway. With ``first``, its first connection gets those bytes and nothing else.

    Args:
        gateway_url: the gateway.
        first: what the first connection is answered, whatever it says.
        hang_up: whether that connection is closed then, or left open until the client hangs up.
    """
    laid = Line(int(gateway_url.rpartition(":")[2]), first, hang_up=hang_up)
    connections: set[asyncio.Task[None]] = set()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(laid.take(reader, writer))
        connections.add(task)

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    laid.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield laid
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await server.wait_closed()


def client(
    url: str,
    token: str | None = None,
    *,
    on_message: Callable[[wire.ServerMessage], None] | None = None,
    binary: bool = False,
    random01: float = 0.0,
    welcome_timeout_s: float = 12.0,
) -> ShowdropClient:
    """Return a client without jitter: by default its waits are zero long."""
    return ShowdropClient(
        url,
        "show_1",
        token,
        on_message=on_message,
        binary=binary,
        random01=lambda: random01,
        welcome_timeout_s=welcome_timeout_s,
    )
