"""A viewer's connection: bytes in, messages out (D3).

An ``asyncio.Protocol`` around the Sans-I/O protocol of the ``websockets`` library, which does the handshake and reads
frames. What the gateway sends are complete frames, written straight to the transport: no task, queue or coroutine per
viewer. What a message means is decided by the session (``session.py``).
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Protocol, cast

from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.frames import Frame as WsFrame
from websockets.frames import Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from live.close_codes import CloseCode
from live.handshake import choose_subprotocol, origin_allowed, show_of
from live.limits import (
    CLOSE_TIMEOUT_S,
    HANDSHAKE_TIMEOUT_S,
    HEARTBEAT_MISSED_MS,
    MESSAGE_MAX_BYTES,
    RETRY_AFTER_S,
    WELCOME_MOST_BYTES,
    WRITE_HIGH_BYTES,
    WRITE_LOW_BYTES,
)
from live.wire import MSGPACK_SUBPROTOCOL

REASON_MAX_BYTES = 123
"""Bytes of a close reason (RFC 6455, 5.5): a control frame carries 125, two of them are the code."""


class Session(Protocol):
    """What sits on top of a connection."""

    def received(self, payload: bytes) -> None:
        """Take one complete message."""
        ...

    def signalled(self) -> None:
        """Take note of a ping or pong frame."""
        ...

    def closed(self) -> None:
        """The connection is gone."""
        ...


class Door(Protocol):
    """What a connection needs of its gateway."""

    origins: frozenset[str]

    @property
    def full(self) -> bool:
        """Whether another viewer has to be sent away."""
        ...

    def enter(self, connection: "ViewerConnection", show_id: str) -> Session:
        """A viewer came through the handshake."""
        ...

    def opened(self, connection: "ViewerConnection") -> None:
        """A TCP connection was made."""
        ...

    def gone(self, connection: "ViewerConnection", *, slow: bool) -> None:
        """A TCP connection was lost."""
        ...

    def plain(self, path: str) -> Callable[[], Awaitable[tuple[int, str, bytes]]] | None:
        """Return what answers a plain GET (status, content type, body), or None."""
        ...


class ViewerConnection(asyncio.Protocol):
    """One TCP connection of one viewer.

    Attributes:
        binary: whether the viewer speaks MessagePack.
    """

    __slots__ = (
        "_close_timer",
        "_deadline",
        "_door",
        "_fragments",
        "_greeted",
        "_plain",
        "_protocol",
        "_session",
        "_slow",
        "_transport",
        "binary",
        "loop",
    )

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.binary = False
        self._door = door
        self._protocol = ServerProtocol(
            max_size=MESSAGE_MAX_BYTES,
            subprotocols=[],
            select_subprotocol=lambda _protocol, offered: cast(Subprotocol | None, choose_subprotocol(offered)),
        )
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None
        self._fragments = bytearray()
        self._greeted = False
        self._deadline = loop.time() + HANDSHAKE_TIMEOUT_S
        self._close_timer: asyncio.TimerHandle | None = None
        self._plain: asyncio.Task[None] | None = None
        self._slow = False

    # --- the transport's side -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; a viewer who reads too slowly shows by its write buffer."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(WELCOME_MOST_BYTES, WRITE_LOW_BYTES)
        self._door.opened(self)

    def data_received(self, data: bytes) -> None:
        """Feed the protocol and handle what it understood."""
        protocol = self._protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Request):
                self._handshake(event)
            elif isinstance(event, WsFrame):
                self._frame(event)
        self._flush()

    def eof_received(self) -> bool:
        """Let the protocol know that the viewer will send no more; the transport closes."""
        self._protocol.receive_eof()
        self._flush()
        return False

    def pause_writing(self) -> None:
        """Cut a viewer whose unread bytes passed the limit: it comes back and resumes; the show does not wait."""
        self._slow = True
        if self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is asyncio's
        """Leave everything."""
        self._transport = None
        if self._close_timer is not None:
            self._close_timer.cancel()
        if self._plain is not None:
            self._plain.cancel()
        if self._session is not None:
            self._session.closed()
        self._door.gone(self, slow=self._slow)

    # --- the session's side -------------------------------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send complete frames; after the close began they are dropped."""
        if self._transport is not None and self._protocol.state is State.OPEN:
            self._transport.write(data)

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Begin the closing handshake; a viewer who does not answer in time is cut."""
        if self._protocol.state is not State.OPEN or self._transport is None:
            return
        self._protocol.send_close(code, reason.encode()[:REASON_MAX_BYTES].decode(errors="ignore"))
        self._flush()
        self._close_timer = self.loop.call_later(CLOSE_TIMEOUT_S, self.cut)

    def cut(self) -> None:
        """Drop the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def greeted(self) -> None:
        """The viewer said hello: from now on the heartbeat counts instead of the handshake's deadline."""
        self._greeted = True
        self._heard()

    def welcomed(self) -> None:
        """The welcome was written: from here on a viewer who falls behind counts as slow."""
        if self._transport is not None:
            unread = self._transport.get_write_buffer_size()
            self._transport.set_write_buffer_limits(unread + WRITE_HIGH_BYTES, WRITE_LOW_BYTES)

    def check_deadline(self, now: float) -> None:
        """Close a viewer that was silent for too long; one that does not let itself be closed is cut."""
        if now <= self._deadline:
            return
        if self._protocol.state is not State.OPEN:
            self.cut()
        elif self._greeted:
            self.close(CloseCode.NO_HEARTBEAT, "nothing was heard for too long")
        else:
            self.close(CloseCode.BAD_MESSAGE, "no hello within ten seconds")

    # --- inside -------------------------------------------------------------------------------------------------

    def _handshake(self, request: Request) -> None:
        show_id = show_of(request.path)
        if show_id is None:
            self._answer_plain(request.path)
        elif not origin_allowed(request.headers.get("Origin"), self._door.origins):
            self._reject(HTTPStatus.FORBIDDEN, "this origin is not in SHOWDROP_ORIGINS\n")
        elif self._door.full:
            self._reject(HTTPStatus.SERVICE_UNAVAILABLE, "too many viewers here; come back soon\n", RETRY_AFTER_S)
        else:
            self._accept(request, show_id)

    def _accept(self, request: Request, show_id: str) -> None:
        if self._protocol.eof_sent:  # broken frames came right behind the request
            self._flush()
            return
        response = self._protocol.accept(request)
        self._protocol.send_response(response)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return
        self.binary = self._protocol.subprotocol == MSGPACK_SUBPROTOCOL
        self._deadline = self.loop.time() + HANDSHAKE_TIMEOUT_S
        self._flush()
        self._session = self._door.enter(self, show_id)

    def _answer_plain(self, path: str) -> None:
        answer = self._door.plain(path.partition("?")[0])
        if answer is None:
            self._reject(HTTPStatus.NOT_FOUND, "viewers connect to /v1/shows/{show_id}/live\n")
            return

        async def respond() -> None:
            status, content_type, body = await answer()
            self._respond(status, content_type, body)

        self._plain = asyncio.create_task(respond())

    def _reject(self, status: HTTPStatus, text: str, retry_after_s: int | None = None) -> None:
        self._respond(status, "text/plain; charset=utf-8", text.encode(), retry_after_s)

    def _respond(self, status: int, content_type: str, body: bytes, retry_after_s: int | None = None) -> None:
        headers = Headers([("Content-Type", content_type), ("Content-Length", str(len(body))), ("Connection", "close")])
        if retry_after_s is not None:
            headers["Retry-After"] = str(retry_after_s)
        if not self._protocol.eof_sent:  # else what followed the request was no WebSocket, and we hung up
            self._protocol.send_response(Response(int(status), HTTPStatus(status).phrase, headers, body))
        self._flush()

    def _heard(self) -> None:
        self._deadline = self.loop.time() + HEARTBEAT_MISSED_MS / 1000

    def _frame(self, frame: WsFrame) -> None:
        if self._greeted:
            # Before the hello nothing puts the deadline off: pings alone would keep a seat for ever.
            self._heard()
        if frame.opcode in (Opcode.PING, Opcode.PONG):
            if self._session is not None:
                self._session.signalled()
        elif frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            if frame.fin:
                self._message(bytes(frame.data))
            else:
                self._fragments = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT:
            # The protocol object bounds the sum of the fragments by its max_size.
            self._fragments += frame.data
            if frame.fin:
                whole, self._fragments = bytes(self._fragments), bytearray()
                self._message(whole)

    def _message(self, payload: bytes) -> None:
        if self._session is not None and self._protocol.state is State.OPEN:
            self._session.received(payload)

    def _flush(self) -> None:
        """Write what the protocol has to say (handshake, pongs, closes); an empty piece means: no more will come."""
        if self._transport is None or self._transport.is_closing():
            return
        for data in self._protocol.data_to_send():
            if data:
                self._transport.write(data)
            else:
                self._transport.close()
        if self._protocol.handshake_exc is not None and not isinstance(self._protocol.handshake_exc, InvalidHandshake):
            self._transport.close()
