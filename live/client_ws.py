"""A viewer's client for Python: one show, over one WebSocket that comes back by itself.

::

    async with ShowdropClient("ws://127.0.0.1:8001", "show_01J…", token) as client:
        await client.welcomed()
        answer = await client.claim("offer_01J…", 1)        # ClaimAccepted or ClaimRefused
        if isinstance(answer, ClaimAccepted):
            news = await client.checkout(answer.hold_id, "pm_test_ok")

``on_message`` gets every message of the server, in order, after the client has dealt with it: log events exactly once
each (repeats are dropped, a gap is filled by resuming), state as often as it comes. It is called on the event loop
and must not block.

It follows the rules of the browser's client: full-jitter back-off from 0.5 to 20 s that starts anew only after a
welcome, close codes 4500 to 4999 end it for good, a ``goodbye`` names the window in which to come back, and what was
asked but not answered is asked again, with the same ids, after every reconnect.
"""

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Literal

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from kit.ids import new_ulid
from live import wire
from live.client_requests import ClientClosedError, Requests, ServerRefusedError
from live.client_rules import LogPlace, ServerClock, backoff_s
from live.close_codes import may_reconnect

__all__ = ["ClaimAnswer", "ClientClosedError", "ServerRefusedError", "ShowdropClient"]

WELCOME_TIMEOUT_S: Final = 12.0
"""From dialling to ``welcome``; past it, that connection is given up."""

CLOSE_TIMEOUT_S: Final = 2.0
"""For the closing handshake."""

CLOCK_PINGS_S: Final = (0.05, 0.4, 1.2)
"""Extra pings after a welcome, so that the clock has several round trips to choose from."""

MESSAGE_MAX_BYTES: Final = 4 * 1024 * 1024
"""Bytes of one message of the server; a snapshot of 100 offers has about 60 KB."""

LOST_CODE: Final = 1006
"""Close code of a connection that ended without saying why."""

ClaimAnswer = wire.ClaimAccepted | wire.ClaimRefused
Phase = Literal["idle", "connecting", "live", "waiting", "stopped"]


_SUBPROTOCOL: Final = Subprotocol(wire.JSON_SUBPROTOCOL)
_PING: Final = wire.encode_json(wire.Ping())


class _Numbered(msgspec.Struct):
    """What is read of a message whose type is newer than this client."""

    seq: int | None = None


class ShowdropClient:
    """One viewer of one show. Use ``async with``, or ``start`` and ``close``.

    Args:
        ws_url: base address of the gateway, such as ``wss://live.example.com``.
        show_id: the show to watch.
        token: a viewer's token; without one the client is a guest, who may watch but not claim.
        on_message: called with every message of the server.
        random01: gives numbers in [0, 1) for the jitter.

    Attributes:
        phase: ``waiting`` is between two tries; ``stopped`` will not come back.
        clock: the server's clock as measured on this connection.
        welcomes: how often a welcome came: one more than the reconnects that succeeded.
    """

    def __init__(
        self,
        ws_url: str,
        show_id: str,
        token: str | None = None,
        *,
        on_message: Callable[[wire.ServerMessage], None] | None = None,
        random01: Callable[[], float] = random.random,
    ) -> None:
        self._url = f"{ws_url.rstrip('/')}/v1/shows/{show_id}/live"
        self._token = token
        self._on_message = on_message
        self._random01 = random01
        self.phase: Phase = "idle"
        self.clock = ServerClock()
        self.welcomes = 0
        self._connection: ClientConnection | None = None
        self._attempt = 0
        self._place = LogPlace()
        self._goodbye: wire.Goodbye | None = None
        self._retry_after_s = 0.0
        self._heartbeat_s = 0.0
        self._last_heard_ms = 0.0
        self._asked_at_ms: deque[float] = deque()  # of hello and pings, which one connection answers in order
        self._timers: set[asyncio.TimerHandle] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self._requests = Requests()
        self._welcomed = asyncio.Event()  # set while live, and for good when stopped
        self._ended: ClientClosedError | None = None
        self._task: asyncio.Task[None] | None = None

    # --- for users ---

    @property
    def position(self) -> wire.Position | None:
        """The last log event that was applied; None before the first welcome."""
        return self._place.position

    def start(self) -> None:
        """Begin to connect, in a task of its own."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="showdrop client")

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

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def welcomed(self) -> None:
        """Wait until the client is live; at once when it is.

        Raises:
            ClientClosedError: it has ended.
        """
        await self._welcomed.wait()
        if self._ended is not None:
            raise self._ended

    def server_now_ms(self) -> float:
        """Return the server's time, milliseconds since the epoch."""
        return _now_ms() + self.clock.offset_ms

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
        claim_id = claim_id or new_ulid()
        message = wire.Claim(claim_id=claim_id, offer_id=offer_id, quantity=quantity)
        answer = await self._ask(message)
        if not isinstance(answer, wire.ClaimAccepted | wire.ClaimRefused):
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
        message = wire.Checkout(hold_id=hold_id, payment_method=payment_method)
        return await self._ask(message)

    async def release(self, hold_id: str) -> wire.ServerMessage:
        """Give a hold back; returns and raises as ``checkout`` does."""
        return await self._ask(wire.Release(hold_id=hold_id))

    def react(self, kind: str, count: int = 1) -> None:
        """Tap a reaction; lost when the client is not live."""
        self._send(wire.encode_json(wire.React(kind=kind, count=count)))

    def cut(self) -> None:
        """Drop the connection as a dead network would; the client comes back by itself."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.transport.abort()

    # --- the connection ---

    async def _run(self) -> None:
        while self._ended is None:
            self.phase = "connecting"
            code = await self._session()
            self.phase = "waiting"
            self._welcomed.clear()
            self._forget_connection()
            if not may_reconnect(code):
                self._stop(
                    ClientClosedError(f"the server closed with {code}: do not reconnect", details={"close_code": code})
                )
                return
            await asyncio.sleep(self._wait_s())

    def _wait_s(self) -> float:
        goodbye, self._goodbye = self._goodbye, None
        least_s, self._retry_after_s = self._retry_after_s, 0.0
        if goodbye is not None:
            spread_ms = max(0, goodbye.reconnect_max_ms - goodbye.reconnect_min_ms)
            return (goodbye.reconnect_min_ms + self._random01() * spread_ms) / 1000
        self._attempt += 1
        return least_s + backoff_s(self._attempt - 1, self._random01())

    async def _session(self) -> int:
        """Serve one connection from dialling to its end; return its close code."""
        connection: ClientConnection | None = None
        try:
            async with asyncio.timeout(WELCOME_TIMEOUT_S):
                connection = await connect(
                    self._url,
                    subprotocols=[_SUBPROTOCOL],
                    compression=None,
                    ping_interval=None,
                    open_timeout=None,
                    close_timeout=CLOSE_TIMEOUT_S,
                    max_size=MESSAGE_MAX_BYTES,
                    proxy=None,
                    user_agent_header=None,
                )
                self._connection = connection
                self._asked_at_ms.append(_now_ms())
                await connection.send(wire.encode_json(wire.Hello(token=self._token, resume=self.position)), text=True)
                while self.phase == "connecting" and self._connection is connection:
                    self._receive(await connection.recv(decode=False))
            while self._connection is connection:
                self._receive(await connection.recv(decode=False))
        except ConnectionClosed as error:
            return error.rcvd.code if error.rcvd is not None else LOST_CODE
        except InvalidStatus as error:
            self._retry_after_s = _seconds(error.response.headers.get("Retry-After", ""))
        except (OSError, TimeoutError, InvalidHandshake):
            pass
        finally:
            if connection is not None:
                connection.transport.abort()
        return LOST_CODE

    def _forget_connection(self) -> None:
        self._connection = None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._asked_at_ms.clear()

    def _stop(self, reason: ClientClosedError) -> None:
        if self._ended is not None:
            return
        self._ended = reason
        self.phase = "stopped"
        self._requests.fail_all(reason)
        self._welcomed.set()

    async def _ask(
        self,
        message: wire.Claim | wire.Checkout | wire.Release,
    ) -> wire.ServerMessage:
        if self._ended is not None:
            raise self._ended
        encoded = wire.encode_json(message)
        if isinstance(message, wire.Claim):
            future = self._requests.open_claim(message.claim_id, encoded)
        else:
            future = self._requests.open_hold(message.hold_id, encoded)
        self._send(encoded)
        # Two may wait for one answer: the one that gives up must not take it from the other.
        return await asyncio.shield(future)

    def _send(self, message: bytes) -> None:
        """Send when live; what must not be lost is sent again after the next welcome."""
        if self.phase == "live" and self._connection is not None:
            task = asyncio.create_task(_send_on(self._connection, message))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    # --- messages ---

    def _receive(self, payload: bytes) -> None:
        self._last_heard_ms = _now_ms()
        try:
            message: wire.ServerMessage = wire.decode_server(payload)
        except msgspec.ValidationError:
            # A type of a later version: only its position matters here.
            seq = msgspec.json.decode(payload, type=_Numbered).seq
            if seq is not None:
                self._advance(seq)
            return
        if isinstance(message, wire.Welcome):
            self._on_welcome(message)
        elif isinstance(message, wire.LogEvent):
            if not self._advance(message.seq):
                return
        elif isinstance(message, wire.Pong):
            self._learn(message.server_time_ms)
        elif isinstance(message, wire.Goodbye):
            self._goodbye = message
        else:
            self._requests.settle(message)
        if self._on_message is not None:
            self._on_message(message)

    def _on_welcome(self, welcome: wire.Welcome) -> None:
        self.clock.reset()
        self._learn(welcome.server_time_ms)
        self._place.welcome(welcome)
        self._attempt = 0
        self._heartbeat_s = welcome.heartbeat_ms / 1000
        self.welcomes += 1
        self.phase = "live"
        self._welcomed.set()
        for message in self._requests.unanswered():
            self._send(message)
        for delay_s in CLOCK_PINGS_S:
            self._later(delay_s, self._ping)
        self._later(self._heartbeat_s, self._beat)

    def _advance(self, seq: int) -> bool:
        """Move to the position of a log event; false when it must not be applied."""
        verdict = self._place.take(seq)
        if verdict == "gap":
            self.cut()
        return verdict == "apply"

    def _learn(self, server_time_ms: int) -> None:
        if self._asked_at_ms:
            self.clock.learn(self._asked_at_ms.popleft(), self._last_heard_ms, server_time_ms)

    def _ping(self) -> None:
        self._asked_at_ms.append(_now_ms())
        self._send(_PING)

    def _beat(self) -> None:
        if _now_ms() - self._last_heard_ms > 2000 * self._heartbeat_s:
            self.cut()
            return
        self._ping()
        self._later(self._heartbeat_s, self._beat)

    def _later(self, delay_s: float, action: Callable[[], None]) -> None:
        """Set a timer that dies with the connection."""

        def act() -> None:
            self._timers.discard(timer)
            action()

        timer = asyncio.get_running_loop().call_later(delay_s, act)
        self._timers.add(timer)


async def _send_on(connection: ClientConnection, message: bytes) -> None:
    # A connection that has just ended: the reader notices as well, and comes back.
    with contextlib.suppress(ConnectionClosed):
        await connection.send(message, text=True)


def _now_ms() -> float:
    return time.time_ns() / 1_000_000


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0
