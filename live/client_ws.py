"""One connection of a client to its gateway, over the ``websockets`` library. ``client.py`` makes the next one."""

import asyncio
import contextlib
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.http11 import Response
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from kit.clock import now_ms
from kit.errors import ShowdropError
from kit.retry_after import retry_after_ms
from live import wire
from live.client_requests import ClientClosedError
from live.client_rules import may_dial_again
from live.limits import RESUME_MOST_BYTES, WELCOME_MOST_BYTES

CLIENT_CLOSE_TIMEOUT_S: Final = 2.0
"""Seconds that the gateway has to answer our close."""

SERVER_MESSAGE_MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one message of the gateway; a snapshot of 100 offers has about 60 KB."""

REFUSAL_TEXT_MAX_CHARACTERS: Final = 200
"""Characters of what the server said to a dial that it refused."""

LOST_CODE: Final = 1006
"""Close code of a connection that ended without saying why, or never began."""

_JSON: Final = Subprotocol(wire.JSON_SUBPROTOCOL)
_MSGPACK: Final = Subprotocol(wire.MSGPACK_SUBPROTOCOL)

# No gateway sends a larger welcome, snapshot and all, nor a larger event.
assert SERVER_MESSAGE_MAX_BYTES >= WELCOME_MOST_BYTES
assert SERVER_MESSAGE_MAX_BYTES >= RESUME_MOST_BYTES


class Unknown(msgspec.Struct, frozen=True):
    """A message of a later version than this client; if it stands in the show log, its position counts."""

    seq: int | None = None


class ConnectionLostError(ShowdropError):
    """The connection ended, or never began.

    Attributes:
        close_code: what the server said, or ``LOST_CODE``.
        retry_after_s: the least wait that the refusal of an upgrade asked for, in seconds; 0 without one.
        status: the HTTP status of a dial that is useless to repeat; None for every other loss.
    """

    default_code = "connection_lost"
    temporary = True

    def __init__(
        self, message: str, *, close_code: int = LOST_CODE, retry_after_s: float = 0.0, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.retry_after_s = retry_after_s
        self.status = status


def show_url(ws_url: str, show_id: str) -> str:
    """Return the address of a show on the gateway at ``ws_url``.

    Raises:
        ClientClosedError: ``ws_url`` is no base address; it is not repeated, for there may be a password in it.
    """
    url = f"{ws_url.rstrip('/')}/v1/shows/{quote(show_id, safe='')}/live"
    try:
        parts = urlsplit(url)
        parse_uri(url)
    except (InvalidURI, ValueError):
        parts = None
    if parts is None or parts.query:
        raise ClientClosedError("ws_url must start with ws:// or wss:// and name a host, as in wss://live.example.com")
    return url


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
        """
        dialling = connect(
            url,
            subprotocols=[_MSGPACK if binary else _JSON],
            compression=None,
            ping_interval=None,
            open_timeout=None,
            close_timeout=CLIENT_CLOSE_TIMEOUT_S,
            max_size=SERVER_MESSAGE_MAX_BYTES,
            proxy=None,
            user_agent_header=None,
        )
        try:
            websocket = await dialling
        except InvalidStatus as error:
            raise _refused(error.response) from error
        except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed) as error:
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
        """Close politely, within ``CLIENT_CLOSE_TIMEOUT_S``."""
        await self._websocket.close()

    def cut(self) -> None:
        """Drop the connection without a word."""
        self._websocket.transport.abort()


def _refused(response: Response) -> ConnectionLostError:
    status = response.status_code
    text = " ".join(bytes(response.body or b"").decode(errors="replace").split())[:REFUSAL_TEXT_MAX_CHARACTERS]
    return ConnectionLostError(
        f"the server answered HTTP {status}: {text or response.reason_phrase}",
        retry_after_s=(retry_after_ms(response.headers.get("Retry-After", ""), now_ms()) or 0) / 1000,
        status=None if may_dial_again(status) else status,
    )
