"""A viewer's connection: bytes in, messages out (D3).

An ``asyncio.Protocol`` around the Sans-I/O protocol of the ``websockets`` library, which reads frames. What the gateway
sends are complete frames, written straight to the transport or, for broadcasts, to its descriptor (``fan_out.py``): no
task, queue or coroutine per viewer. What a message means is decided by the session (``session.py``).
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Protocol, cast

from websockets.frames import Frame as WsFrame
from websockets.frames import Opcode
from websockets.protocol import Protocol as FrameProtocol
from websockets.protocol import State

from live.backlog import Backlog
from live.close_codes import CloseCode
from live.frames import JSON
from live.limits import (
    CLOSE_TIMEOUT_S,
    CLOSING_MOST_BYTES,
    HANDSHAKE_TIMEOUT_S,
    HEARTBEAT_MISSED_MS,
    READ_PIECE_BYTES,
    WELCOME_BEHIND_MOST_S,
    WELCOME_MOST_BYTES,
    WRITE_BEHIND_MOST_S,
    WRITE_HARD_BYTES,
)
from live.session_ports import Session
from live.upgrade_ws import Accepted, Entrance, Refused, Upgrade, http_answer, refusal, take_apart
from live.whole_messages_ws import FrameTail, whole_messages

NOT_FOUND = "viewers connect to /v1/shows/{show_id}/live, with an id like show_01K8Z5Q4T9V3N6C7M2R8X1B5DA\n"

REASON_MAX_BYTES = 123
"""Bytes of a close reason (RFC 6455, 5.5): a control frame carries 125, two of them are the code."""


class Door(Entrance, Protocol):
    """What a connection needs of its gateway."""

    def enter(self, connection: "ViewerConnection", show_id: str, address: str) -> Session:
        """A viewer came through the handshake."""
        ...

    def opened(self, connection: "ViewerConnection", deadline_s: float) -> None:
        """A TCP connection was made; look at it when the loop's clock shows ``deadline_s``."""
        ...

    def look_at(self, connection: "ViewerConnection", deadline_s: float) -> None:
        """Look at this connection when the loop's clock shows ``deadline_s``, and not when it was planned."""
        ...

    def gone(self, connection: "ViewerConnection", code: int | None) -> None:
        """A TCP connection was lost; ``code`` is what we closed it with, if we did."""
        ...

    def plain(self, path: str) -> Callable[[], Awaitable[tuple[int, str, bytes]]] | None:
        """Return what answers a plain GET (status, content type, body), or None."""
        ...


class ViewerConnection(asyncio.Protocol):
    """One TCP connection of one viewer.

    Attributes:
        variant: which frames the viewer reads.
        fd: the socket's descriptor.
        wheel_slot: where the gateway's wheel keeps it.
        network: what the gateway counts it under among the viewers of its address; None while it does not.
    """

    __slots__ = (
        "_backlog",
        "_code",
        "_deadline",
        "_door",
        "_ending",
        "_fragments",
        "_greeted",
        "_is_open",
        "_plain",
        "_protocol",
        "_session",
        "_tail",
        "_transport",
        "_upgrade",
        "_welcomed",
        "fd",
        "loop",
        "network",
        "variant",
        "wheel_slot",
    )

    def __init__(self, door: Door, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.variant = JSON
        self.fd = -1
        self.wheel_slot = 0
        self.network: str | None = None
        self._door = door
        self._upgrade: Upgrade | None = None  # until the request is read
        self._protocol: FrameProtocol | None = None  # from then on, if it was for a WebSocket
        self._session: Session | None = None
        self._transport: asyncio.Transport | None = None
        self._backlog: Backlog | None = None  # while bytes wait that the socket did not take
        self._fragments: bytearray | None = None
        self._tail: FrameTail | None = None  # while a frame has begun and not ended
        self._is_open = False  # from the handshake until a close or the end begins
        self._greeted = False
        self._welcomed = False
        self._deadline = loop.time() + HANDSHAKE_TIMEOUT_S
        self._plain: asyncio.Task[None] | None = None
        self._code: int | None = None  # what we closed with, or counted it as
        self._ending = False

    # --- the transport's side -----------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; with limits of zero it tells whenever its buffer is not empty, and when it is again."""
        self._transport = cast(asyncio.Transport, transport)
        peer = self._transport.get_extra_info("peername")
        if peer is None:
            self._transport.abort()  # it was reset before it was accepted
            return
        self._transport.set_write_buffer_limits(0, 0)
        self._upgrade = Upgrade(self._door, peer[0])
        self._door.opened(self, self._deadline)

    def data_received(self, data: bytes) -> None:
        """Read the request, then frames; what comes behind the end of either is dropped."""
        if self._is_open and self._tail is None and self._fragments is None and len(data) <= READ_PIECE_BYTES:
            # Past the library's reader, which stands between two frames: most messages come like this.
            messages = whole_messages(data)
            if messages is not None:
                self._receive_whole(messages)
                return
        if self._protocol is not None:
            self._receive_frames(data, self._protocol)
        elif self._upgrade is not None:
            self._receive_request(data, self._upgrade)

    def eof_received(self) -> bool:
        """The viewer will send no more: the transport closes."""
        self._is_open = False
        if self._protocol is not None:
            self._protocol.receive_eof()
        return False

    def pause_writing(self) -> None:
        """Note that the socket is full."""
        if self._welcomed:
            self._backlog = Backlog(WRITE_HARD_BYTES, WRITE_BEHIND_MOST_S)
        else:
            self._backlog = Backlog(WELCOME_MOST_BYTES, WELCOME_BEHIND_MOST_S)
        if self._session is not None:
            self._session.fell_behind()

    def resume_writing(self) -> None:
        """Note that the socket took everything."""
        backlog, self._backlog = self._backlog, None
        if self._session is not None and backlog is not None:
            self._session.caught_up(missed_state=backlog.missed_state)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the name is asyncio's
        """Leave everything; nothing is left in a circle for the garbage collector to find."""
        close = None if self._protocol is None or self._protocol.close_rcvd is not None else self._protocol.close_sent
        if self._code is None and close is not None:
            self._code = close.code  # the protocol's own: a broken frame, a message that is too long
        self._is_open = False
        if self._protocol is not None:
            take_apart(self._protocol)
        if self._upgrade is not None:
            self._upgrade.end()
        self._transport = self._protocol = self._upgrade = None
        if self._plain is not None:
            self._plain.cancel()
        if self._session is not None:
            self._session.closed()
            self._session = None
        self._door.gone(self, self._code)

    # --- the session's side -------------------------------------------------------------------------------------

    @property
    def is_behind(self) -> bool:
        """Whether bytes wait that the socket did not take."""
        return self._backlog is not None

    def write(self, data: bytes | memoryview) -> None:
        """Send complete frames, or the rest of some; a viewer that leaves too much unread is cut.

        After the close began they are dropped.
        """
        transport = self._transport
        if transport is None or not self._is_open:
            return
        if self._backlog is None:
            transport.write(data)
        else:
            self._write(transport, data)

    def write_behind(self, data: bytes, log: bytes) -> None:
        """Send ``data`` to a viewer who fell behind; only ``log``, which is part of it, when too much waits already."""
        backlog = self._backlog
        if backlog is not None and self._transport is not None:
            was_lagging = backlog.overdue_at is not None
            data = backlog.choose(self._transport.get_write_buffer_size(), data, log, self.loop.time())
            if backlog.overdue_at is not None and not was_lagging:
                self._door.look_at(self, min(self._deadline, backlog.overdue_at))
        if data:
            self.write(data)

    def close(self, code: CloseCode, reason: str = "") -> None:
        """Begin the closing handshake; a viewer who does not answer in time is cut."""
        if self._protocol is not None and self._protocol.state is State.OPEN:
            self._code = code
            self._protocol.send_close(code, reason.encode()[:REASON_MAX_BYTES].decode(errors="ignore"))
            self._flush(self._protocol)

    def cut(self, code: CloseCode | None = None) -> None:
        """Drop the connection without a word; ``code`` is what it counts as."""
        if self._transport is not None:
            self._code = self._code or code
            self._is_open = False
            self._transport.abort()
            if self._session is not None:
                self._session.closing()

    def greeted(self) -> None:
        """The viewer said hello: from now on the heartbeat counts instead of the handshake's deadline."""
        self._greeted = True
        self._heard()

    def welcomed(self) -> None:
        """The welcome was written: from here on a viewer who falls behind counts as slow."""
        self._welcomed = True
        if self._backlog is not None and self._transport is not None:
            self._backlog.welcomed(self._transport.get_write_buffer_size(), self.loop.time())
            if self._backlog.overdue_at is not None:
                self._door.look_at(self, min(self._deadline, self._backlog.overdue_at))

    def check(self, now: float) -> float:
        """Close a viewer that was silent for too long; cut one that does not read, or does not let itself be closed.

        Returns:
            When to look again, by the loop's clock; it may be past already.
        """
        backlog = self._backlog
        if backlog is not None and self._transport is not None:
            if backlog.overdue(self._transport.get_write_buffer_size(), now):
                self.cut(CloseCode.SLOW)
            elif backlog.overdue_at is not None and now <= self._deadline:
                return min(self._deadline, backlog.overdue_at)
        if now > self._deadline:
            if self._protocol is None or self._protocol.state is not State.OPEN:
                self.cut()
            elif self._greeted:
                self.close(CloseCode.NO_HEARTBEAT, "nothing was heard for too long")
            else:
                self.close(CloseCode.BAD_MESSAGE, "no hello within ten seconds")
        return self._deadline

    # --- the request --------------------------------------------------------------------------------------------

    def _receive_request(self, data: bytes, upgrade: Upgrade) -> None:
        outcome = upgrade.receive(data)
        if outcome is None:
            return
        self._upgrade = None
        match outcome:
            case Refused(answer=answer):
                self._hang_up(answer)
            case Accepted():
                self._enter(outcome)
            case _:
                self._answer_plain(outcome.path)

    def _enter(self, accepted: Accepted) -> None:
        assert self._transport is not None
        self._transport.write(accepted.response)
        self._protocol = accepted.protocol
        self._is_open = True
        self.variant = accepted.variant
        self.fd = self._transport.get_extra_info("socket").fileno()
        self._deadline = self.loop.time() + HANDSHAKE_TIMEOUT_S
        self._session = self._door.enter(self, accepted.show_id, accepted.address)
        if accepted.early:
            self._receive_frames(accepted.early, accepted.protocol)

    def _answer_plain(self, path: str) -> None:
        answer = self._door.plain(path)
        if answer is None:
            self._hang_up(refusal(HTTPStatus.NOT_FOUND, NOT_FOUND).answer)
            return

        async def respond() -> None:
            try:
                status, content_type, body = await answer()
            except Exception:
                self._hang_up(b"")
                raise
            self._hang_up(http_answer(status, body, ("Content-Type", content_type)))

        self._plain = asyncio.create_task(respond())

    def _hang_up(self, answer: bytes) -> None:
        """Send the last bytes; what comes from the other end is not read any more."""
        if self._transport is not None:
            self._transport.write(answer)
            self._transport.close()

    # --- frames -------------------------------------------------------------------------------------------------

    def _receive_frames(self, data: bytes, protocol: FrameProtocol) -> None:
        tail = self._tail or FrameTail()
        self._tail = tail if tail.takes(data) else None
        # In pieces: of what follows a message that ends the connection, nothing is even parsed.
        for at in range(0, len(data), READ_PIECE_BYTES):
            protocol.receive_data(data[at : at + READ_PIECE_BYTES])
            for event in protocol.events_received():
                if isinstance(event, WsFrame):
                    self._frame(event, protocol)
            self._flush(protocol)
            if self._ending and len(data) > CLOSING_MOST_BYTES:
                # Nobody answers a close with so much. The deadline of the close ends it.
                if self._transport is not None and not self._transport.is_closing():
                    self._transport.pause_reading()
                return

    def _receive_whole(self, messages: list[bytes]) -> None:
        if self._greeted:
            self._deadline = self.loop.time() + HEARTBEAT_MISSED_MS / 1000
        for message in messages:
            if not self._is_open or self._session is None:
                return
            self._session.received(message)

    def _heard(self) -> None:
        self._deadline = self.loop.time() + HEARTBEAT_MISSED_MS / 1000

    def _frame(self, frame: WsFrame, protocol: FrameProtocol) -> None:
        if self._greeted and protocol.state is State.OPEN:
            # Before the hello nothing puts the deadline off: pings alone would keep a seat for ever.
            self._heard()
        if self._session is not None and (not frame.fin or frame.opcode in (Opcode.PING, Opcode.PONG)):
            # Fragments count like messages too; their sum is bounded by the protocol object's max_size.
            self._session.signalled()
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            if frame.fin:
                self._message(bytes(frame.data))
            else:
                self._fragments = bytearray(frame.data)
        elif frame.opcode is Opcode.CONT and self._fragments is not None:
            self._fragments += frame.data
            if frame.fin:
                whole, self._fragments = bytes(self._fragments), None
                self._message(whole)

    def _message(self, payload: bytes) -> None:
        # One that came right before the viewer's own close is served: a page that goes away gives back its hold.
        if self._session is not None and self._code is None:
            self._session.received(payload)

    def _flush(self, protocol: FrameProtocol) -> None:
        """Write what the protocol has to say (pongs, closes); an empty piece means: no more will come."""
        if protocol.state is not State.OPEN:
            self._closing()
        for data in protocol.data_to_send():
            if self._transport is None or self._transport.is_closing():
                return
            if data:
                self._write(self._transport, data)
            else:
                self._transport.close()

    def _closing(self) -> None:
        if self._ending:
            return
        self._ending = True
        self._is_open = False
        if self._session is not None:
            self._session.closing()
        self._deadline = self.loop.time() + CLOSE_TIMEOUT_S
        self._door.look_at(self, self._deadline)

    def _write(self, transport: asyncio.Transport, data: bytes | memoryview) -> None:
        backlog = self._backlog
        if backlog is not None and not backlog.takes(transport.get_write_buffer_size(), len(data)):
            self.cut(CloseCode.SLOW)
        else:
            transport.write(data)
