"""The gateway: many viewers, their shows, and the one connection that hears what happens (D3, D4)."""

import asyncio
import contextlib
import math
import random
import socket
from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry, Gauge

from kit.errors import UnavailableError
from kit.metrics import read_at_scrape
from kit.settings import Settings
from live import wire
from live.admission import Admission
from live.claim_desk import ClaimDesk
from live.close_codes import CloseCode
from live.door_figures import DoorFigures
from live.gateway_figures import GatewayFigures
from live.gateway_tick import Ticker
from live.limits import (
    CONNECTIONS_TURNED_AWAY_MOST,
    DRAIN_BATCH_VIEWERS,
    DRAIN_PAUSE_S,
    DRAIN_SEND_S,
    ROOM_IDLE_S,
    SOCKET_SEND_BYTES,
)
from live.own_state import OwnStates
from live.purchases import Purchases
from live.resumes import Resumes
from live.room import Room
from live.room_opening import Rooms
from live.server_clock_redis import ServerClock
from live.session import ViewerSession
from live.timer_wheel import TimerWheel
from live.tokens import Tokens
from live.viewer_ws import ViewerConnection
from live.waiting_lists import WaitingLists

PlainAnswer = Callable[[], Awaitable[tuple[int, str, bytes]]]


class Gateway:
    """Serves viewers on one listening socket.

    Args:
        tokens: checks who a viewer is.
        rooms: opens and keeps the shows that are watched here.
        resumes: brings rooms the events from before they were opened.
        own_states: a buyer's own holds and orders at the welcome.
        desk: decides claims.
        purchases: checks out, releases and extends.
        waiting_lists: puts buyers on the lists of offers.
        ticker: keeps counts current.
        clock: tells the time that viewers are told.
        origins: browser origins that may connect.
        plain: what answers plain GETs, by path.
        settings: limits, proxies and compression.
        registry: where this gateway's metrics go.
        figures: what is counted in plain numbers, with the rooms.
    """

    def __init__(
        self,
        *,
        tokens: Tokens,
        rooms: Rooms,
        resumes: Resumes,
        own_states: OwnStates,
        desk: ClaimDesk,
        purchases: Purchases,
        waiting_lists: WaitingLists,
        ticker: Ticker,
        clock: ServerClock,
        origins: frozenset[str],
        plain: dict[str, PlainAnswer],
        settings: Settings,
        registry: CollectorRegistry,
        figures: GatewayFigures | None = None,
    ) -> None:
        self._figures = GatewayFigures() if figures is None else figures
        self.tokens = tokens
        self.desk = desk
        self.purchases = purchases
        self.waiting_lists = waiting_lists
        self.origins = origins
        self.proxies = settings.proxies
        self.deflate = settings.deflate
        self._rooms = rooms
        self._resumes = resumes
        self._own_states = own_states
        self._ticker = ticker
        self.server_time_ms = clock.now_ms
        self._plain = plain
        self._connections: dict[ViewerConnection, ViewerSession | None] = {}
        self._connections_most = settings.max_viewers
        self._admission = Admission(
            connections_most=settings.max_viewers,
            joins_per_s=settings.joins_per_s,
            address_messages_per_s=settings.address_messages_per_s,
            address_viewers_most=settings.address_viewers,
            now=asyncio.get_running_loop().time(),
        )
        self.message_rates, self.claim_rates = self._admission.message_rates, self._admission.claim_rates
        self._wheel: TimerWheel[ViewerConnection] = TimerWheel()
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._server: asyncio.Server | None = None
        Gauge("showdrop_gateway_connections", "Open viewer connections", registry=registry).set_function(
            lambda: len(self._connections)
        )
        Gauge(
            "showdrop_gateway_connections_most", "Connections above which viewers are turned away", registry=registry
        ).set(settings.max_viewers)
        Gauge("showdrop_gateway_rooms", "Shows that are open here", registry=registry).set_function(
            lambda: len(rooms.open_rooms())
        )
        Gauge(
            "showdrop_gateway_behind_viewers", "Viewers with bytes that their sockets did not take", registry=registry
        ).set_function(lambda: sum(room.behind for room in rooms.open_rooms()))
        read_at_scrape(registry, self._figures.collect)
        read_at_scrape(registry, desk.collect)
        self._door = DoorFigures(registry)

    # --- serving ------------------------------------------------------------------------------------------------

    async def listen(self, host: str, port: int, *, reuse_port: bool) -> None:
        """Listen for viewers.

        Args:
            host: address to listen on.
            port: TCP port.
            reuse_port: share the port with other processes of the same user, each with a listening socket of its own
                among which the kernel spreads viewers. Else a port that somebody listens on is an error.

        Raises:
            OSError: the port is taken, or the address is not ours.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: ViewerConnection(self, loop), host, port, backlog=4096, reuse_port=reuse_port
        )
        for listening in self._server.sockets:
            # Accepted sockets inherit it.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_SEND_BYTES)

    async def watch_deadlines(self) -> None:
        """Once: close who was silent for too long, and cut who does not read."""
        await asyncio.sleep(1)
        now = asyncio.get_running_loop().time()
        for connection in self._wheel.due(now):
            if connection in self._connections:
                self.look_at(connection, now)  # again in a second, should the check fail
                self.look_at(connection, max(now, connection.check(now)))

    async def let_go(self) -> None:
        """Once: let go of shows that nobody watches."""
        await asyncio.sleep(1)
        await self._rooms.let_go(idle_since=asyncio.get_running_loop().time() - ROOM_IDLE_S)

    async def tick(self) -> None:
        """Once: bring every room's counts up to date."""
        await self._ticker.tick(self._rooms.open_rooms())

    async def drain(self, timeout_s: float) -> None:
        """Say goodbye to everyone, in batches, close, and wait for the last ones at most ``timeout_s`` seconds."""
        self._draining = True
        if self._server is not None:
            self._server.close()
        everyone = list(self._connections)
        batch = max(DRAIN_BATCH_VIEWERS, math.ceil(len(everyone) * DRAIN_PAUSE_S / DRAIN_SEND_S))
        for at in range(0, len(everyone), batch):
            for connection in everyone[at : at + batch]:
                session = self._connections.get(connection)
                if session is None:
                    connection.cut()
                else:
                    session.send_home("restart", CloseCode.SERVICE_RESTART)
            await asyncio.sleep(DRAIN_PAUSE_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._empty.wait()
        for connection in list(self._connections):
            connection.cut()
        await self.desk.close()
        await self._own_states.close()
        await self._resumes.close()
        with contextlib.suppress(UnavailableError):
            await self._ticker.write_counts()

    # --- what connections need ----------------------------------------------------------------------------------

    def opened(self, connection: ViewerConnection, deadline_s: float) -> None:
        """Note a TCP connection; past all measure it is cut before it can ask for anything."""
        self._connections[connection] = None
        self._empty.clear()
        connection.wheel_slot = self._wheel.put(connection, deadline_s)
        if len(self._connections) > self._connections_most + CONNECTIONS_TURNED_AWAY_MOST:
            self._door.cut_off.inc()
            connection.cut()

    def turned_away(self, address: str) -> int | None:
        """Return after how many seconds another viewer of this address should come back, or None to let it in."""
        connections = self._connections_most + 1 if self._draining else len(self._connections)
        now, spread = asyncio.get_running_loop().time(), random.random()  # noqa: S311 - spreads a crowd, hides nothing
        retry_after_s = self._admission.turned_away(address, connections, now, spread)
        if retry_after_s is not None:
            self._door.turned_away.inc()
        return retry_after_s

    def enter(self, connection: ViewerConnection, show_id: str, address: str) -> ViewerSession:
        """Give a viewer who came through the handshake a session."""
        connection.network = network = self._admission.entered(address)
        session = ViewerSession(connection, self, show_id, network)
        self._connections[connection] = session
        self._door.joined.inc()
        return session

    def look_at(self, connection: ViewerConnection, deadline_s: float) -> None:
        """Look at this connection at another time than planned."""
        self._wheel.remove(connection, connection.wheel_slot)
        connection.wheel_slot = self._wheel.put(connection, deadline_s)

    def gone(self, connection: ViewerConnection, code: int | None) -> None:
        """Forget a TCP connection."""
        self._connections.pop(connection, None)
        self._wheel.remove(connection, connection.wheel_slot)
        if connection.network is not None:
            self._admission.left(connection.network)
            connection.network = None
        if not self._connections:
            self._empty.set()
        if code == CloseCode.SLOW:
            self._figures.slow["cut"] += 1
        if code is not None:
            self._door.closes.labels(code=str(int(code))).inc()

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

    async def reach_back(self, room: Room, resume: wire.Position) -> None:
        """Let a room know the events after a position, as far as the log has them.

        The room's own frames serve a storm of viewers who come back: the log is read once for all of them.
        """
        await self._resumes.reach_back(room, resume)

    async def own_state(self, room: Room, buyer_id: str) -> tuple[list[wire.HoldCard], list[wire.ServerMessage]]:
        """Return a buyer's live holds, and how their orders stand. Raises UnavailableError."""
        own = await self._own_states.read(room.show_id, room.offer_ids, buyer_id)
        return own.holds, own.orders
