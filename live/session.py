"""A viewer's session: what each message means, from ``hello`` to the last word."""

import asyncio
from typing import assert_never

import msgspec

from kit.errors import NotFoundError, UnauthorisedError, UnavailableError
from kit.ids import new_id
from kit.log import logger
from live import wire
from live.close_codes import CloseCode
from live.frames import Frame, Variant, frame_of
from live.limits import (
    EARLY_MOST_MESSAGES,
    GOODBYE_MAX_MS,
    GOODBYE_MIN_MS,
    HEARTBEAT_MS,
    NEWS_MOST,
    REACTION_KIND_MAX_CHARS,
    REACTION_MOST_TAPS,
    SHARED_LEAST_BYTES,
    VIEWER_MESSAGES_BURST,
    VIEWER_MESSAGES_PER_S,
    VIEWER_MESSAGES_REFUSED,
    VIEWER_MESSAGES_REFUSED_PER_S,
)
from live.room import Room
from live.session_ports import Connection, House
from live.token_bucket import TokenBucket
from live.viewer_requests import ViewerRequests

_log = logger("session")

_Asked = (
    wire.Claim
    | wire.Checkout
    | wire.Release
    | wire.Extend
    | wire.WaitlistJoin
    | wire.WaitlistLeave
    | wire.React
    | wire.Ping
)
"""What a viewer may send after the hello."""


class ViewerSession:
    """One viewer in one show; also its seat in the room.

    Attributes:
        buyer_id: whose holds and orders these are; None for a guest, who may only watch.
    """

    __slots__ = (
        "_connection",
        "_decode",
        "_early",
        "_encode",
        "_entering",
        "_hello",
        "_house",
        "_network",
        "_news",
        "_rate",
        "_refusals",
        "_requests",
        "_room",
        "_said_hello",
        "_show_id",
        "buyer_id",
        "is_staff",
    )

    def __init__(self, connection: Connection, house: House, show_id: str, network: str) -> None:
        self.buyer_id: str | None = None
        self.is_staff = False
        self._connection = connection
        self._decode = wire.client_decoder(binary=connection.variant.binary)
        self._encode = wire.encoder(binary=connection.variant.binary)
        self._house = house
        self._show_id = show_id
        self._network = network
        self._room: Room | None = None
        self._entering: Room | None = None
        self._said_hello = False
        self._hello: asyncio.Task[None] | None = None
        self._news: list[bytes] | None = None  # what came for the buyer while the welcome is made
        self._early: list[_Asked] | None = None  # what was asked meanwhile
        self._requests: ViewerRequests | None = None  # made by the first one
        self._rate = TokenBucket(VIEWER_MESSAGES_PER_S, VIEWER_MESSAGES_BURST, connection.loop.time())
        self._refusals: TokenBucket | None = None  # made by the first one

    # --- the room's side ----------------------------------------------------------------------------------------

    @property
    def variant(self) -> Variant:
        """Which frames the viewer reads."""
        return self._connection.variant

    @property
    def fd(self) -> int:
        """The socket's descriptor."""
        return self._connection.fd

    @property
    def is_behind(self) -> bool:
        """Whether bytes wait that the socket did not take."""
        return self._connection.is_behind

    def write(self, data: bytes | memoryview) -> None:
        """Send complete frames; news that come while the welcome is made wait behind it."""
        if self._room is not None:
            self._connection.write(data)
        elif self._news is None:
            self._news = [bytes(data)]
        elif len(self._news) < NEWS_MOST:
            self._news.append(bytes(data))
        else:
            self.state_lost()

    def write_behind(self, data: bytes, log: bytes) -> None:
        """Send frames to a viewer who fell behind, or only the log events among them."""
        self._connection.write_behind(data, log)

    # --- the connection's side ----------------------------------------------------------------------------------

    def fell_behind(self) -> None:
        """The viewer's socket is full."""
        if self._room is not None:
            self._room.fell_behind(self)

    def caught_up(self, *, missed_state: bool) -> None:
        """The viewer has read everything: tell the state that was left out, as it is now."""
        if self._room is not None:
            self._room.caught_up(self, missed_state=missed_state)
            if missed_state:
                for count in self._room.counts():
                    self._send(count)

    def closing(self) -> None:
        """No frame may be sent any more: leave the room; what was begun for the buyer (a checkout) goes on."""
        if self._hello is not None:
            self._hello.cancel()
        for room in (self._entering, self._room):
            if room is not None:
                room.leave(self)

    def closed(self) -> None:
        """The connection is gone."""
        self.closing()
        self._requests = None

    def state_lost(self) -> None:
        """Close: the gateway cannot tell what this viewer missed; it comes back, spread in time with all others."""
        self.send_home("state_lost", CloseCode.STATE_LOST)

    def send_home(self, reason: str, code: CloseCode) -> None:
        """Say goodbye and close."""
        self._send(wire.Goodbye(reason=reason, reconnect_min_ms=GOODBYE_MIN_MS, reconnect_max_ms=GOODBYE_MAX_MS))
        self._connection.close(code, reason)

    def received(self, payload: bytes) -> None:
        """Take one message."""
        try:
            message = self._decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            self._bad_message(str(error))
            return
        now = self._connection.loop.time()
        if not self._rate.allows(now):
            self._count_refusal(now)
            self._over_rate(message)
        elif not self._house.message_rates.allows(self._network, now):
            self._over_rate(message)
        elif self._room is not None and not isinstance(message, wire.Hello):
            self._serve(message, self._room, now)
        elif isinstance(message, wire.Hello):
            if self._said_hello:
                self._bad_message("hello was said before")
            else:
                self._said_hello = True
                self._connection.greeted()
                self._hello = asyncio.create_task(self._greet(message))
                self._hello.add_done_callback(self._greeting_ended)
        elif not self._said_hello:
            self._connection.close(CloseCode.BAD_MESSAGE, "say hello first")
        elif self._early is None:
            self._early = [message]
        elif len(self._early) < EARLY_MOST_MESSAGES:
            self._early.append(message)
        else:
            self._over_rate(message)

    def signalled(self) -> None:
        """Take a ping or pong frame: they count like messages, or a flood of them would cost us and nobody else."""
        now = self._connection.loop.time()
        if not self._rate.allows(now):
            self._count_refusal(now)
        else:
            self._house.message_rates.allows(self._network, now)

    # --- hello --------------------------------------------------------------------------------------------------

    async def _greet(self, hello: wire.Hello) -> None:
        try:
            identity = None if hello.token is None else self._house.tokens.verify(hello.token)
            if identity is not None and not identity.may_enter(self._show_id):
                self._connection.close(CloseCode.FORBIDDEN, "this token is for another show")
                return
            if identity is not None and identity.role == "viewer":
                self.buyer_id = identity.subject
            self.is_staff = identity is not None and identity.role != "viewer"
            while self._room is None:
                room = await self._house.room(self._show_id)
                await self._seat(room, hello.resume)
        except UnauthorisedError as error:
            self._connection.close(CloseCode.BAD_TOKEN, error.message)
        except NotFoundError:
            self._connection.close(CloseCode.UNKNOWN_SHOW, "there is no such show")
        except UnavailableError as error:
            _log.debug("hello_waits", show_id=self._show_id, error=error.message)
            self._connection.close(CloseCode.OVERLOAD, "not ready; come back soon")

    def _greeting_ended(self, greeting: "asyncio.Task[None]") -> None:
        self._hello = None
        if not greeting.cancelled() and (error := greeting.exception()) is not None:
            _log.error("hello_failed", show_id=self._show_id, exc_info=error)
            self._connection.close(CloseCode.OVERLOAD, "come back soon")

    async def _seat(self, room: Room, resume: wire.Position | None) -> None:
        """Give the viewer the welcome and a seat; without either when the room was replaced meanwhile."""
        holds: list[wire.HoldCard] = []
        orders: list[wire.ServerMessage] = []
        if self.buyer_id is not None:
            # Listen first, then read: what happens in between comes behind the welcome instead of never.
            self._entering = room
            room.expect(self)
            holds, orders = await self._house.own_state(room, self.buyer_id)
        if resume is not None:
            await self._house.reach_back(room, resume)
        if not self._house.is_open(room):
            room.leave(self)
            return
        # From here on nothing awaits: the welcome, the missed events and the seat belong to the same moment.
        missed = None if resume is None else room.missed(resume, self.variant)
        recovered = missed is not None
        welcome = wire.Welcome(
            session_id=new_id("session"),
            epoch=room.epoch,
            seq=room.seq,
            server_time_ms=self._house.server_time_ms(),
            heartbeat_ms=HEARTBEAT_MS,
            recovered=recovered,
            holds=holds,
            snapshot=msgspec.UNSET if recovered else room.encoded_snapshot(binary=self.variant.binary),
        )
        counts = room.counts() if recovered else ()
        told: list[wire.ServerMessage] = [*counts, *orders]
        news, self._news = self._news, None
        first = Frame(welcome).of(self.variant)
        rest = b"".join([*(Frame(one).of(self.variant) for one in told), *(news or ())])
        if missed is not None and len(missed) > SHARED_LEAST_BYTES:
            # As they are, not joined: many viewers share these bytes, and who does not read them holds no copy.
            for data in (first, missed, rest):
                self._connection.write(data)
        else:
            self._connection.write(b"".join([first, missed or b"", rest]))
        self._room = room
        room.join(self)
        self._connection.welcomed()
        early, self._early = self._early, None
        for asked in early or ():
            self._serve(asked, room, self._connection.loop.time())

    # --- requests -----------------------------------------------------------------------------------------------

    def _serve(self, message: _Asked, room: Room, now: float) -> None:
        match message:
            case wire.Claim():
                (self._requests or self._requests_of_viewer()).claim(message, room, now)
            case wire.Ping():
                self._send(wire.Pong(server_time_ms=self._house.server_time_ms()))
            case wire.React(kind=kind, count=count):
                self._react(room, kind, count)
            case wire.WaitlistJoin() | wire.WaitlistLeave():
                self._requests_of_viewer().wait(message, room, now)
            case wire.Checkout() | wire.Release() | wire.Extend():
                self._requests_of_viewer().purchase(message)
            case _:
                assert_never(message)

    def _requests_of_viewer(self) -> ViewerRequests:
        if self._requests is not None:
            return self._requests
        requests = ViewerRequests(self._house, self._show_id, self.buyer_id, self._send)
        if self._room is not None:
            # Before the welcome it is not known who asks: what answers a flood then must not answer the rest.
            self._requests = requests
        return requests

    def _react(self, room: Room, kind: str, count: int) -> None:
        if not (1 <= len(kind) <= REACTION_KIND_MAX_CHARS and kind.isidentifier() and 1 <= count <= REACTION_MOST_TAPS):
            message = f"react: kind is a word of {REACTION_KIND_MAX_CHARS} letters, count 1 to {REACTION_MOST_TAPS}"
            self._send(wire.Error(code="invalid", message=message, temporary=False))
        else:
            room.tap(kind, count)

    # --- limits and replies -------------------------------------------------------------------------------------

    def _count_refusal(self, now: float) -> None:
        """Count what exceeds the viewer's own rate; who goes on like that is cut off."""
        if self._refusals is None:
            self._refusals = TokenBucket(VIEWER_MESSAGES_REFUSED_PER_S, VIEWER_MESSAGES_REFUSED, now)
        if not self._refusals.allows(now):
            self._connection.close(CloseCode.OVERLOAD, "too many messages")

    def _over_rate(self, message: wire.ClientMessages) -> None:
        if isinstance(message, wire.Hello):
            self._connection.close(CloseCode.OVERLOAD, "too many messages from this address; come back soon")
        elif isinstance(message, wire.Claim):
            self._requests_of_viewer().refuse(message, "rate_limited", temporary=True)
        elif isinstance(message, wire.WaitlistJoin | wire.WaitlistLeave):
            self._requests_of_viewer().refuse_waiting(message, "rate_limited")
        else:
            self._send(wire.Error(code="rate_limited", message="too many messages; slow down", temporary=True))

    def _bad_message(self, why: str) -> None:
        self._send(wire.Error(code="invalid", message=why[:200], temporary=False))
        self._connection.close(CloseCode.BAD_MESSAGE, why[:100])

    def _send(self, message: wire.ServerMessage) -> None:
        connection = self._connection
        connection.write(frame_of(self._encode(message), connection.variant))
