"""The gateway: many viewers, their shows, and the one connection that hears what happens (D3, D4)."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge

from checkout.orders_pg import Orders
from inventory.holds import Holds
from kit.errors import UnavailableError
from kit.log import logger
from live import wire
from live.buyer_news import order_state
from live.claim_desk import ClaimDesk
from live.close_codes import CloseCode
from live.frames import Frame
from live.gateway_tick import Ticker
from live.limits import (
    CONNECTIONS_MOST,
    CONNECTIONS_TURNED_AWAY_MOST,
    GOODBYE_MAX_MS,
    GOODBYE_MIN_MS,
    LOG_READ_ENTRIES,
    ROOM_IDLE_S,
)
from live.purchases import Purchases
from live.room import Room
from live.room_opening import Rooms
from live.session import ViewerSession
from live.show_log_redis import RedisLog
from live.tokens import Tokens
from live.viewer_ws import ViewerConnection

_log = logger("gateway")

PlainAnswer = Callable[[], Awaitable[tuple[int, str, bytes]]]


class Gateway:
    """Serves viewers on one listening socket.

    Args:
        tokens: checks who a viewer is.
        rooms: opens and keeps the shows that are watched here.
        log: where events older than a room are read.
        holds: the buyer's own holds at the welcome.
        orders: the buyer's own orders at the welcome.
        desk: decides claims.
        purchases: checks out and releases.
        ticker: keeps counts current.
        origins: browser origins that may connect.
        plain: what answers plain GETs, by path.
        registry: where this gateway's metrics go.
    """

    def __init__(
        self,
        *,
        tokens: Tokens,
        rooms: Rooms,
        log: RedisLog,
        holds: Holds,
        orders: Orders,
        desk: ClaimDesk,
        purchases: Purchases,
        ticker: Ticker,
        origins: frozenset[str],
        plain: dict[str, PlainAnswer],
        registry: CollectorRegistry,
    ) -> None:
        self.tokens = tokens
        self.desk = desk
        self.purchases = purchases
        self.origins = origins
        self._rooms = rooms
        self._log = log
        self._holds = holds
        self._orders = orders
        self._ticker = ticker
        self._plain = plain
        self._connections: dict[ViewerConnection, ViewerSession | None] = {}
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._server: asyncio.Server | None = None
        Gauge("showdrop_gateway_connections", "Open viewer connections", registry=registry).set_function(
            lambda: len(self._connections)
        )
        self._joined = Counter("showdrop_gateway_joins_total", "Viewers let in by the handshake", registry=registry)
        self._slow = Counter("showdrop_gateway_slow_viewers_total", "Viewers cut for slow reading", registry=registry)

    @property
    def full(self) -> bool:
        """Whether another viewer has to be sent away."""
        return self._draining or len(self._connections) >= CONNECTIONS_MOST

    # --- serving ------------------------------------------------------------------------------------------------

    async def listen(self, host: str, port: int) -> None:
        """Listen for viewers.

        Raises:
            OSError: the port is taken, or the address is not ours.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: ViewerConnection(self, loop), host, port, backlog=4096)

    async def watch_deadlines(self) -> None:
        """Once: close who was silent for too long, and let go of shows that nobody watches."""
        await asyncio.sleep(1)
        now = asyncio.get_running_loop().time()
        for connection in list(self._connections):
            connection.check_deadline(now)
        await self._rooms.let_go(idle_since=now - ROOM_IDLE_S)

    async def tick(self) -> None:
        """Once: bring every room's counts up to date."""
        await self._ticker.tick(self._rooms.open_rooms())

    async def drain(self, timeout_s: float) -> None:
        """Say goodbye to everyone, close, and wait for them at most ``timeout_s`` seconds."""
        self._draining = True
        if self._server is not None:
            self._server.close()
        goodbye = Frame(
            wire.Goodbye(reason="restart", reconnect_min_ms=GOODBYE_MIN_MS, reconnect_max_ms=GOODBYE_MAX_MS)
        )
        for connection, session in list(self._connections.items()):
            if session is None:
                connection.cut()
            else:
                connection.write(goodbye.msgpack if connection.binary else goodbye.json)
                connection.close(CloseCode.SERVICE_RESTART, "restart")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
        for connection in list(self._connections):
            connection.cut()
        await self.desk.close()
        with contextlib.suppress(UnavailableError):
            await self._ticker.write_counts()

    # --- what connections need ----------------------------------------------------------------------------------

    def opened(self, connection: ViewerConnection) -> None:
        """Note a TCP connection; past all measure it is cut before it can ask for anything."""
        self._connections[connection] = None
        self._empty.clear()
        if len(self._connections) > CONNECTIONS_MOST + CONNECTIONS_TURNED_AWAY_MOST:
            connection.cut()

    def enter(self, connection: ViewerConnection, show_id: str) -> ViewerSession:
        """Give a viewer who came through the handshake a session."""
        session = ViewerSession(connection, self, show_id)
        self._connections[connection] = session
        self._joined.inc()
        return session

    def gone(self, connection: ViewerConnection, *, slow: bool) -> None:
        """Forget a TCP connection."""
        self._connections.pop(connection, None)
        if not self._connections:
            self._empty.set()
        if slow:
            self._slow.inc()

    def plain(self, path: str) -> PlainAnswer | None:
        """Return what answers a plain GET of this path, or None."""
        return self._plain.get(path)

    # --- what sessions need -------------------------------------------------------------------------------------

    async def room(self, show_id: str) -> Room:
        """Return the show's room. Raises NotFoundError, UnavailableError."""
        return await self._rooms.get(show_id)

    def is_open(self, room: Room) -> bool:
        """Tell whether this room still hears its show; one that was renewed or let go does not."""
        return self._rooms.is_open(room)

    async def missed(self, room: Room, resume: wire.Position) -> list[Frame] | None:
        """Return the events after a position, or None when they cannot all be told.

        The room's own frames serve a storm of viewers who come back; only older positions are read from Redis.
        """
        if resume.epoch != room.epoch or not 0 <= resume.seq <= room.seq:
            return None
        kept = room.frames_after(resume.seq)
        if kept is not None:
            return kept
        try:
            entries = await self._log.read(room.show_id, resume, limit=LOG_READ_ENTRIES)
        except UnavailableError:
            return None
        # What the room has not taken yet it will broadcast itself.
        older = [one for one in entries or () if one.seq <= room.seq]
        rest = room.frames_after(older[-1].seq) if older else None
        if rest is None:
            return None
        try:
            return [Frame(wire.decode_log_event(one.payload)) for one in older] + rest
        except msgspec.DecodeError:
            return None  # an event of a newer release: this gateway cannot tell it

    async def own_state(self, room: Room, buyer_id: str) -> tuple[list[wire.HoldCard], list[wire.ServerMessage]]:
        """Return a buyer's live holds, and how their orders stand; a show without offers asks nobody."""
        pools = [offer.offer_id for offer in room.snapshot.offers]
        if not pools:
            return [], []
        holds = [
            wire.HoldCard(
                hold_id=one.hold_id,
                offer_id=one.pool_id,
                claim_id=one.claim_id,
                quantity=one.quantity,
                expires_at_ms=one.expires_at_ms,
                state="submitted" if one.status == "submitted" else "held",
            )
            for one in await self._holds.holds_of(pools, buyer_id)
        ]
        orders = await self._orders.of_buyer(room.show_id, buyer_id)
        return holds, [order_state(order) for order in reversed(orders)]
