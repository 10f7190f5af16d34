"""A viewer's session: what each message means, from ``hello`` to the last word."""

import asyncio
from typing import assert_never

import msgspec

from inventory.holds import Accepted, ClaimAnswer, ClaimRequest, Refused
from kit.clock import now_ms
from kit.errors import NotFoundError, RequestError, UnauthorisedError, UnavailableError
from kit.ids import is_ulid, new_id
from kit.log import logger
from live import wire
from live.buyer_news import order_state
from live.close_codes import CloseCode
from live.frames import Frame
from live.limits import (
    EARLY_MOST_MESSAGES,
    HEARTBEAT_MS,
    OFFER_MOST_UNITS,
    REACTION_KIND_MAX_CHARS,
    REACTION_MOST_TAPS,
    VIEWER_MESSAGES_REFUSED,
)
from live.message_rate import MessageRate
from live.room import Room
from live.session_ports import Connection, House

_log = logger("session")

_Asked = wire.Claim | wire.Checkout | wire.Release | wire.WaitlistJoin | wire.WaitlistLeave | wire.React | wire.Ping
"""What a viewer may send after the hello."""


class ViewerSession:
    """One viewer in one show; also its seat in the room.

    Attributes:
        buyer_id: whose holds and orders these are; None for a guest, who may only watch.
    """

    __slots__ = (
        "_connection",
        "_early",
        "_entering",
        "_hello",
        "_house",
        "_news",
        "_rate",
        "_refused",
        "_room",
        "_show_id",
        "_tasks",
        "binary",
        "buyer_id",
        "is_staff",
    )

    def __init__(self, connection: Connection, house: House, show_id: str) -> None:
        self.binary = connection.binary
        self.buyer_id: str | None = None
        self.is_staff = False
        self._connection = connection
        self._house = house
        self._show_id = show_id
        self._room: Room | None = None
        self._entering: Room | None = None
        self._news: list[bytes] = []
        self._hello: asyncio.Task[None] | None = None
        self._early: list[_Asked] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._rate = MessageRate(connection.loop.time())
        self._refused = 0

    def write(self, data: bytes) -> None:
        """Send complete frames; news that come while the welcome is made wait behind it."""
        if self._room is None:
            self._news.append(data)
        else:
            self._connection.write(data)

    def closed(self) -> None:
        """Leave the room; what was begun for the buyer (a checkout) goes on."""
        if self._hello is not None:
            self._hello.cancel()
        for room in (self._entering, self._room):
            if room is not None:
                room.leave(self)

    def state_lost(self, code: CloseCode) -> None:
        """Close: the gateway cannot tell what this viewer missed."""
        self._connection.close(code, "come back for a snapshot")

    def received(self, payload: bytes) -> None:
        """Take one message."""
        try:
            message = wire.decode_client(payload, binary=self.binary)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            self._bad_message(str(error))
            return
        if not self._within_rate():
            self._over_rate(message)
        elif isinstance(message, wire.Hello):
            if self._hello is not None:
                self._bad_message("hello was said before")
            else:
                self._connection.greeted()
                self._hello = asyncio.create_task(self._greet(message))
                self._hello.add_done_callback(self._greeting_ended)
        elif self._hello is None:
            self._connection.close(CloseCode.BAD_MESSAGE, "say hello first")
        elif self._room is not None:
            self._serve(message, self._room)
        elif len(self._early) < EARLY_MOST_MESSAGES:
            self._early.append(message)
        else:
            self._over_rate(message)

    def signalled(self) -> None:
        """Take a ping or pong frame: they count like messages, or a flood of them would cost us and nobody else."""
        if not self._within_rate():
            self._count_refusal()

    def _serve(self, message: _Asked, room: Room) -> None:
        match message:
            case wire.Ping():
                self._send(wire.Pong(server_time_ms=now_ms()))
            case wire.Claim():
                self._claim(message)
            case wire.React(kind=kind, count=count):
                self._react(room, kind, count)
            case wire.WaitlistJoin() | wire.WaitlistLeave():
                self._send(wire.Error(code="no_waitlist", message="this offer keeps no waiting list", temporary=False))
            case wire.Checkout() | wire.Release():
                task = asyncio.create_task(self._purchase(message))
                self._tasks.add(task)
                task.add_done_callback(lambda done: self._purchase_ended(message, done))
            case _:
                assert_never(message)

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
            _log.warning("hello_waits", show_id=self._show_id, error=error.message)
            self._connection.close(CloseCode.OVERLOAD, "not ready; come back soon")

    def _greeting_ended(self, greeting: "asyncio.Task[None]") -> None:
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
        missed = None if resume is None else await self._house.missed(room, resume)
        if not self._house.is_open(room):
            room.leave(self)
            return
        # From here on nothing awaits: the welcome, the missed events and the seat belong to the same moment.
        recovered = missed is not None
        welcome = wire.Welcome(
            session_id=new_id("session"),
            epoch=room.epoch,
            seq=room.seq,
            server_time_ms=now_ms(),
            heartbeat_ms=HEARTBEAT_MS,
            recovered=recovered,
            holds=holds,
            snapshot=msgspec.UNSET if recovered else room.snapshot,
        )
        room.flush()
        self._send(welcome)
        self._room = room
        for frame in missed or ():
            self.write(frame.msgpack if self.binary else frame.json)
        for count in room.counts() if recovered else ():
            self._send(count)
        for message in orders:
            self._send(message)
        for data in self._news:
            self.write(data)
        self._news.clear()
        room.join(self)
        self._connection.welcomed()
        early, self._early = self._early, []
        for asked in early:
            self._serve(asked, room)

    # --- claims, purchases, reactions ---------------------------------------------------------------------------

    def _claim(self, claim: wire.Claim) -> None:
        if self.buyer_id is None:
            self._refuse(claim, "unauthorised", temporary=False)
        elif not is_ulid(claim.claim_id) or not 1 <= claim.quantity <= OFFER_MOST_UNITS:
            self._refuse(claim, "invalid", temporary=False)
        elif self._room is None or claim.offer_id not in self._room.offer_ids:
            self._refuse(claim, "unknown_offer", temporary=False)
        else:
            request = ClaimRequest(
                pool_id=claim.offer_id, claim_id=claim.claim_id, buyer_id=self.buyer_id, quantity=claim.quantity
            )
            try:
                answer = self._house.desk.claim(request)
            except UnavailableError:
                self._refuse(claim, "rate_limited", temporary=True)
                return
            answer.add_done_callback(lambda done: self._claimed(claim, done))

    def _claimed(self, claim: wire.Claim, done: "asyncio.Future[ClaimAnswer]") -> None:
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, UnavailableError):
            _log.error("claim_failed", show_id=self._show_id, offer_id=claim.offer_id, exc_info=error)
        if done.cancelled() or error is not None:
            self._refuse(claim, "recovering", temporary=True)
            return
        match done.result():
            case Accepted(hold_id=hold_id, expires_at_ms=expires_at_ms):
                self._house.desk.count(self._show_id, "accepted")
                self._send(
                    wire.ClaimAccepted(
                        claim_id=claim.claim_id,
                        hold_id=hold_id,
                        offer_id=claim.offer_id,
                        quantity=claim.quantity,
                        expires_at_ms=expires_at_ms,
                    )
                )
            case Refused(reason=reason, temporary=temporary):
                self._refuse(claim, reason, temporary=temporary)

    def _refuse(self, claim: wire.Claim, reason: wire.RefusalReason, *, temporary: bool) -> None:
        self._house.desk.count(self._show_id, reason)
        self._send(
            wire.ClaimRefused(claim_id=claim.claim_id, offer_id=claim.offer_id, reason=reason, temporary=temporary)
        )

    async def _purchase(self, message: wire.Checkout | wire.Release) -> None:
        if self.buyer_id is None:
            self._send(wire.Error(code="unauthorised", message="a guest has no holds", temporary=False))
            return
        try:
            if isinstance(message, wire.Checkout):
                await self._check_out(message, self.buyer_id)
            else:
                await self._release(message.hold_id, self.buyer_id)
        except (RequestError, UnavailableError) as error:
            self._send(wire.Error(code=error.code, message=error.message, temporary=error.temporary))

    def _purchase_ended(self, message: wire.Checkout | wire.Release, purchase: "asyncio.Task[None]") -> None:
        self._tasks.discard(purchase)
        if not purchase.cancelled() and (error := purchase.exception()) is not None:
            _log.error("purchase_failed", show_id=self._show_id, hold_id=message.hold_id, exc_info=error)
            self._send(wire.Error(code="internal", message="this could not be done; try again", temporary=True))

    async def _check_out(self, message: wire.Checkout, buyer_id: str) -> None:
        """The inbox tells every connection once; who asks again is answered here, and told how the order stands."""
        order, is_news = await self._house.purchases.checkout(message.hold_id, buyer_id, message.payment_method, None)
        if not is_news:
            self._send(wire.OrderSubmitted(order_id=order.order_id, hold_id=order.hold_id, amount=order.amount))
            state = order_state(order)
            if not isinstance(state, wire.OrderSubmitted):
                self._send(state)

    async def _release(self, hold_id: str, buyer_id: str) -> None:
        hold, is_news = await self._house.purchases.release(hold_id, buyer_id)
        if hold.status in ("submitted", "sold"):
            why = "the hold is being paid, or was sold, and cannot be given back"
            self._send(wire.Error(code=f"hold_{hold.status}", message=why, temporary=False))
        elif not is_news:
            told = wire.HoldExpired if hold.status == "expired" else wire.HoldReleased
            self._send(told(hold_id=hold_id, offer_id=hold.pool_id))

    def _react(self, room: Room, kind: str, count: int) -> None:
        if not (1 <= len(kind) <= REACTION_KIND_MAX_CHARS and kind.isidentifier() and 1 <= count <= REACTION_MOST_TAPS):
            message = f"react: kind is a word of {REACTION_KIND_MAX_CHARS} letters, count 1 to {REACTION_MOST_TAPS}"
            self._send(wire.Error(code="invalid", message=message, temporary=False))
        else:
            room.tap(kind, count)

    # --- limits and replies -------------------------------------------------------------------------------------

    def _within_rate(self) -> bool:
        return self._rate.allows(self._connection.loop.time())

    def _count_refusal(self) -> None:
        self._refused += 1
        if self._refused > VIEWER_MESSAGES_REFUSED:
            self._connection.close(CloseCode.OVERLOAD, "too many messages")

    def _over_rate(self, message: wire.ClientMessages) -> None:
        self._count_refusal()
        if isinstance(message, wire.Claim):
            self._refuse(message, "rate_limited", temporary=True)
        else:
            self._send(wire.Error(code="rate_limited", message="too many messages; slow down", temporary=True))

    def _bad_message(self, why: str) -> None:
        self._send(wire.Error(code="invalid", message=why[:200], temporary=False))
        self._connection.close(CloseCode.BAD_MESSAGE, why[:100])

    def _send(self, message: wire.ServerMessage) -> None:
        frame = Frame(message)
        self._connection.write(frame.msgpack if self.binary else frame.json)
