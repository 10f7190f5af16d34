"""One connection of a client to its gateway, over the ``websockets`` library. ``client.py`` makes the next one."""

import asyncio
import contextlib
import time
from typing import Final

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from kit.errors import ShowdropError
from live import wire
from live.client_rules import parse_retry_after

CLOSE_TIMEOUT_S: Final = 2.0
"""For the closing handshake."""

MESSAGE_MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one message of the server; a snapshot of 100 offers has about 60 KB."""

LOST_CODE: Final = 1006
"""Close code of a connection that ended without saying why, or never began."""

_JSON: Final = Subprotocol(wire.JSON_SUBPROTOCOL)
_MSGPACK: Final = Subprotocol(wire.MSGPACK_SUBPROTOCOL)


class Unknown(msgspec.Struct, frozen=True):
    """A message of a later version than this client; if it stands in the show log, its position counts."""

    seq: int | None = None


class ConnectionLostError(ShowdropError):
    """The connection ended, or never began.

    Attributes:
        close_code: what the server said, or ``LOST_CODE``.
        retry_after_s: the least wait that the refusal of an upgrade asked for, in seconds; 0 without one.
    """

    default_code = "connection_lost"
    temporary = True

    def __init__(self, message: str, *, close_code: int = LOST_CODE, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.retry_after_s = retry_after_s


class GatewayConnection:
    """An open WebSocket; made by ``dial``."""

    def __init__(self, websocket: ClientConnection) -> None:
        self._websocket = websocket
        self._is_binary = websocket.subprotocol == _MSGPACK
        self._sending: set[asyncio.Task[None]] = set()

    @classmethod
    async def dial(cls, url: str, *, binary: bool) -> "GatewayConnection":
        """Connect and upgrade, without a timeout of its own. ``binary`` asks for MessagePack instead of JSON.

        Raises:
            ConnectionLostError: there is no such server, or it refused, or it sent us elsewhere.
            websockets.exceptions.InvalidURI: ``url`` is no address of a WebSocket.
        """
        dialling = connect(
            url,
            subprotocols=[_MSGPACK if binary else _JSON],
            compression=None,
            ping_interval=None,
            open_timeout=None,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MESSAGE_MAX_BYTES,
            proxy=None,
            user_agent_header=None,
        )
        try:
            websocket = await dialling
        except InvalidStatus as error:
            retry_after_s = parse_retry_after(error.response.headers.get("Retry-After", ""), time.time() * 1000)
            raise ConnectionLostError(str(error), retry_after_s=retry_after_s) from error
        except (OSError, InvalidHandshake, InvalidURI) as error:
            raise ConnectionLostError(str(error)) from error
        return cls(websocket)

    def send(self, message: wire.ClientMessages) -> None:
        """Send without waiting. On a connection that has just ended it is lost; ``receive`` tells."""
        task = asyncio.create_task(self._send(message))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, message: wire.ClientMessages) -> None:
        with contextlib.suppress(ConnectionClosed):
            if self._is_binary:
                await self._websocket.send(wire.encode_msgpack(message), text=False)
            else:
                await self._websocket.send(wire.encode_json(message), text=True)

    async def receive(self) -> wire.ServerMessages | Unknown:
        """Wait for the next message.

        Raises:
            ConnectionLostError: the connection ended, or what came is no message at all.
        """
        try:
            payload = await self._websocket.recv(decode=False)
        except ConnectionClosed as error:
            code = error.rcvd.code if error.rcvd is not None else LOST_CODE
            raise ConnectionLostError(str(error), close_code=code) from error
        try:
            return self._decode(payload)
        except (msgspec.DecodeError, RecursionError) as error:  # nested a thousand deep: no message of ours
            raise ConnectionLostError(f"the server sent what is no message: {error}") from error

    def _decode(self, payload: bytes) -> wire.ServerMessages | Unknown:
        try:
            return wire.decode_server(payload, binary=self._is_binary)
        except msgspec.ValidationError:
            decode = msgspec.msgpack.decode if self._is_binary else msgspec.json.decode
            return decode(payload, type=Unknown)

    async def close(self) -> None:
        """Close politely, within ``CLOSE_TIMEOUT_S``."""
        await self._websocket.close()

    def cut(self) -> None:
        """Drop the connection without a word."""
        self._websocket.transport.abort()
