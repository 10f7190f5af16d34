"""A viewer's client for Python: one show, over one WebSocket that comes back by itself.

::

    async with ShowdropClient("ws://127.0.0.1:8001", "show_01J…", token) as client:
        await client.welcomed()
        answer = await client.claim("offer_01J…", 1)
        if isinstance(answer, wire.ClaimAccepted):
            news = await client.checkout(answer.hold_id, "pm_test_ok")

``on_message`` gets every message of the server, in order, after the client has dealt with it: log events exactly once
each (repeats are dropped, a gap is filled by resuming), state as often as it comes, and a ``Welcome`` for every
connection: with a ``snapshot`` it replaces all that was known, without one the missed events follow. It is called on
the event loop and must not block; an exception of it ends the client.

``claim``, ``checkout``, ``release``, ``extend``, ``join_waitlist`` and ``leave_waitlist`` wait for their answer,
however many connections that takes: what was not answered is asked again after every welcome, with the same ids, which
is safe. They have no timeout; put your own around them (``asyncio.timeout``). A waiting list is joined again after
every welcome, until a unit came.

Nearly any loss leads to another try (``client_rules.Reconnect`` says when). Close codes 4500 to 4999 say that trying is
useless (a bad token, an unknown show), and so does a dial that was answered with HTTP 400 to 499, but for 408, 425 and
429 (a malformed show id, an origin that may not). Then the client ends, and every call raises ``ClientClosedError``
with ``details["close_code"]`` or ``details["status"]``. For another token make another client.

The rules that it keeps, and how to write one in another language: ``docs/clients.md``.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Final, Literal

from kit.ids import new_ulid
from kit.log import logger
from live import wire
from live.client_clock import ServerClock
from live.client_heartbeat import Heartbeat
from live.client_requests import Asked, ClientClosedError, Requests, ServerRefusedError
from live.client_rules import BACKOFF_MOST_S, LogPlace, Reconnect
from live.client_ws import ConnectionLostError, GatewayConnection, Unknown, show_url
from live.close_codes import CloseCode, may_reconnect

__all__ = ["BACKOFF_MOST_S", "ClaimAnswer", "ClientClosedError", "ServerRefusedError", "ShowdropClient"]

WELCOME_TIMEOUT_S: Final = 12.0
"""From dialling to ``welcome``; past it, that connection is given up. The gateway gives a ``hello`` ten seconds."""

ClaimAnswer = wire.ClaimAccepted | wire.ClaimRefused | wire.ClaimEntered
JoinAnswer = wire.WaitlistJoined | wire.WaitlistRefused
LeaveAnswer = wire.WaitlistLeft | wire.WaitlistRefused
Phase = Literal["idle", "connecting", "live", "waiting", "stopped"]

_log = logger("client")


class ShowdropClient:
    """One viewer of one show. Use ``async with``, or ``start`` and ``close``.

    Args:
        ws_url: base address of the gateway, such as ``wss://live.example.com``.
        show_id: the show to watch.
        token: a viewer's token; without one the client is a guest, who may watch but not claim.
        on_message: called with every message of the server.
        binary: speak MessagePack instead of JSON; the messages are the same.
        random01: gives numbers in [0, 1) for the jitter.
        welcome_timeout_s: seconds from dialling to the welcome, then that connection is given up.

    Raises:
        ClientClosedError: ``ws_url`` is no address of a WebSocket; raised at once, by the constructor.

    Attributes:
        phase: ``waiting`` is between two tries; ``stopped`` will not come back.
        welcomes: how often a welcome came: one more than the reconnects that succeeded.
    """

    def __init__(
        self,
        ws_url: str,
        show_id: str,
        token: str | None = None,
        *,
        on_message: Callable[[wire.ServerMessage], None] | None = None,
        binary: bool = False,
        random01: Callable[[], float] = random.random,
        welcome_timeout_s: float = WELCOME_TIMEOUT_S,
    ) -> None:
        self._url = show_url(ws_url, show_id)
        self._token = token
        self._on_message = on_message
        self._binary = binary
        self._welcome_timeout_s = welcome_timeout_s
        self.phase: Phase = "idle"
        self.welcomes = 0
        self._connection: GatewayConnection | None = None
        self._place = LogPlace()
        self._reconnect = Reconnect(random01)
        self._requests = Requests()
        self._heartbeat = Heartbeat(ping=lambda: self._send(wire.Ping()), cut=self.cut, random01=random01)
        self._welcomed = asyncio.Event()  # set while live, and for good when stopped
        self._ended: ClientClosedError | None = None
        self._task: asyncio.Task[None] | None = None

    # --- for users ---

    @property
    def position(self) -> wire.Position | None:
        """The last log event that was applied; None before the first welcome."""
        return self._place.position

    @property
    def clock(self) -> ServerClock:
        """What is known of the server's clock; it outlives a connection."""
        return self._heartbeat.clock

    def start(self) -> None:
        """Begin to connect, in a task of its own."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="showdrop client")
            self._task.add_done_callback(self._run_ended)

    async def close(self) -> None:
        """Leave for good; requests without an answer raise ``ClientClosedError``."""
        self._stop(ClientClosedError("the client was closed"))
        connection = self._connection
        if connection is not None:
            await connection.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def __aenter__(self) -> "ShowdropClient":
        self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def welcomed(self) -> None:
        """Wait until the client is live; at once when it is.

        Raises:
            ClientClosedError: it has ended.
        """
        await self._welcomed.wait()
        if self._ended is not None:
            raise self._ended

    async def ended(self) -> None:
        """Wait until the client has ended.

        Raises:
            ClientClosedError: always; it says why.
        """
        if self._task is not None:
            await asyncio.wait((self._task,))
        raise self._ended or ClientClosedError("the client was never started")

    def server_now_ms(self) -> float:
        """Return the server's time, milliseconds since the epoch."""
        return self._heartbeat.now_ms() + self.clock.offset_ms

    def has_reached(self, seq: int) -> bool:
        """Tell whether every log event up to ``seq`` was applied."""
        return self.position is not None and self.position.seq >= seq

    async def claim(self, offer_id: str, quantity: int, claim_id: str | None = None) -> ClaimAnswer:
        """Ask for units and wait for the answer; a refusal is an answer, not an error.

        Args:
            offer_id: the offer.
            quantity: units, at least 1.
            claim_id: a ULID. The same one again is the same wish: it gets the same hold, never a second one.

        Raises:
            ClientClosedError: the client ended before the answer came.
        """
        message = wire.Claim(claim_id=claim_id or new_ulid(), offer_id=offer_id, quantity=quantity)
        answer = await self._ask(message)
        if not isinstance(answer, ClaimAnswer):
            raise TypeError(f"a claim was answered with {answer!r}")
        return answer

    async def checkout(self, hold_id: str, payment_method: str) -> wire.ServerMessage:
        """Pay for a hold. Safe to repeat: a hold has at most one order.

        Returns:
            The first news of that hold: an ``Order…`` message, ``HoldExpired`` or ``HoldReleased``.

        Raises:
            ServerRefusedError: the server answered ``error``. It names no request, so every open one gets it.
            ClientClosedError: the client ended before the answer came.
        """
        return await self._ask(wire.Checkout(hold_id=hold_id, payment_method=payment_method))

    async def release(self, hold_id: str, *, keep: int = 0) -> wire.ServerMessage:
        """Give a hold back, all but ``keep`` units; safe to repeat.

        Returns:
            The news of that hold: ``HoldReleased``, ``HoldChanged`` when units are kept, ``HoldExpired`` …

        Raises:
            ServerRefusedError, ClientClosedError: as ``checkout`` does.
        """
        return await self._ask(wire.Release(hold_id=hold_id, keep=keep))

    async def extend(self, hold_id: str, extension: int = 1) -> wire.ServerMessage:
        """Ask for one more hold time, as the hold's n-th ``extension``; safe to repeat.

        Returns:
            ``HoldChanged`` with the new deadline, or the hold's end.

        Raises:
            ServerRefusedError: ``extension_limit``; else as ``checkout`` does.
            ClientClosedError: the client ended before the answer came.
        """
        return await self._ask(wire.Extend(hold_id=hold_id, extension=extension))

    async def join_waitlist(self, offer_id: str) -> JoinAnswer:
        """Wait for one unit; ``HoldPromoted`` comes to ``on_message`` when it is there. Asked again, tells the place.

        Raises:
            ClientClosedError: the client ended before the answer came.
        """
        answer = await self._ask(wire.WaitlistJoin(offer_id=offer_id))
        if not isinstance(answer, wire.WaitlistJoined | wire.WaitlistRefused):
            raise TypeError(f"a join was answered with {answer!r}")
        return answer

    async def leave_waitlist(self, offer_id: str) -> LeaveAnswer:
        """Wait no more.

        Raises:
            ClientClosedError: the client ended before the answer came.
        """
        answer = await self._ask(wire.WaitlistLeave(offer_id=offer_id))
        if not isinstance(answer, wire.WaitlistLeft | wire.WaitlistRefused):
            raise TypeError(f"a leave was answered with {answer!r}")
        return answer

    def react(self, kind: str, count: int = 1) -> None:
        """Tap a reaction; lost when the client is not live."""
        self._send(wire.React(kind=kind, count=count))

    def cut(self) -> None:
        """Drop the connection as a dead network would; the client comes back by itself."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.cut()

    # --- one connection after the other ---

    async def _run(self) -> None:
        while True:
            self.phase = "connecting"
            loss = await self._session()
            self._leave()
            if self._ended is not None:
                return
            if (reason := _stays_away(loss)) is not None:
                self._stop(reason)
                return
            self.phase = "waiting"
            self._welcomed.clear()
            await asyncio.sleep(self._reconnect.wait_s(loss.close_code, loss.retry_after_s))

    async def _session(self) -> ConnectionLostError:
        """Serve one connection from dialling to its end; return how it ended."""
        connection: GatewayConnection | None = None
        try:
            async with asyncio.timeout(self._welcome_timeout_s):
                connection = await GatewayConnection.dial(self._url, binary=self._binary)
                self._connection = connection
                self._heartbeat.asked()
                connection.send(wire.Hello(token=self._token, resume=self.position))
                while self.phase == "connecting" and self._connection is connection:
                    self._receive(await connection.receive())
            while self._connection is connection:
                self._receive(await connection.receive())
        except ConnectionLostError as error:
            return error
        except TimeoutError:
            return ConnectionLostError("no welcome came in time")
        finally:
            if connection is not None:
                connection.cut()
        return ConnectionLostError("the connection was cut")

    def _leave(self) -> None:
        self._connection = None
        self._heartbeat.stop()

    def _run_ended(self, task: "asyncio.Task[None]") -> None:
        self._leave()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Without its stack, which whoever calls gets as the cause: a program that has not set up its log would
            # print local variables with it, and the token among them.
            _log.error("client_failed", error=f"{type(error).__name__}: {error}")
            reason = ClientClosedError(f"the client failed: {error!r}")
            reason.__cause__ = error
            self._stop(reason)

    def _stop(self, reason: ClientClosedError) -> None:
        if self._ended is None:
            self._ended = reason
            self.phase = "stopped"
            self._requests.fail_all(reason)
            self._welcomed.set()

    async def _ask(self, message: Asked) -> wire.ServerMessage:
        if self._ended is not None:
            raise self._ended
        future = self._requests.open(message)
        self._send(message)
        # Two may wait for one answer: the one that gives up must not take it from the other.
        return await asyncio.shield(future)

    def _send(self, message: wire.ClientMessages) -> None:
        """Send when live; what must not be lost is sent again after the next welcome."""
        if self.phase == "live" and self._connection is not None:
            self._connection.send(message)

    # --- messages ---

    def _receive(self, message: wire.ServerMessages | Unknown) -> None:
        self._heartbeat.heard()
        if isinstance(message, Unknown):
            if message.seq is not None:
                self._advance(message.seq)
            return
        if isinstance(message, wire.Welcome):
            self._on_welcome(message)
        elif isinstance(message, wire.LogEvent):
            if not self._advance(message.seq):
                return
        elif isinstance(message, wire.Pong):
            self._heartbeat.answered(message.server_time_ms)
        elif isinstance(message, wire.Goodbye):
            self._reconnect.take_goodbye(message)
        else:
            crossed = self._requests.settle(message)
            if crossed is not None:
                self._send(crossed)
        if self._on_message is not None:
            self._on_message(message)

    def _on_welcome(self, welcome: wire.Welcome) -> None:
        self._heartbeat.answered(welcome.server_time_ms)
        self._place.welcome(welcome)
        self._reconnect.welcomed()
        self.welcomes += 1
        self.phase = "live"
        self._welcomed.set()
        self._requests.welcomed(welcome)
        for message in self._requests.unanswered():
            self._send(message)
        self._heartbeat.start(welcome.heartbeat_ms)

    def _advance(self, seq: int) -> bool:
        """Move to the position of a log event; false when it must not be applied."""
        verdict = self._place.take(seq)
        if verdict == "gap":
            self.cut()
        return verdict == "apply"


def _stays_away(loss: ConnectionLostError) -> ClientClosedError | None:
    """Return why it is useless to come back, if it is."""
    if loss.status is not None:
        return ClientClosedError(f"{loss.message}: do not reconnect", details={"status": loss.status})
    code = loss.close_code
    if may_reconnect(code):
        return None
    known = {one.value: f" ({one.name})" for one in CloseCode}
    why = f"the server closed with {code}{known.get(code, '')}: do not reconnect"
    return ClientClosedError(why, details={"close_code": code})
