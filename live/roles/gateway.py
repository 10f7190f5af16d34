"""The role ``gateway``: viewers over WebSocket, on one port."""

import contextlib
from contextlib import AsyncExitStack

from prometheus_client import CollectorRegistry

from inventory.draws_pg import Draws
from kit.errors import UnavailableError
from kit.ids import new_ulid
from kit.metrics import CONTENT_TYPE, new_registry, read_at_scrape, render_metrics
from kit.settings import Settings
from kit.tasks import Tasks
from live.api.health import Check, Readiness, once_passed
from live.api.limits import CHECK_TIMEOUT_S
from live.claim_desk import ClaimDesk
from live.gateway import Gateway, PlainAnswer
from live.gateway_figures import GatewayFigures
from live.gateway_tick import Ticker
from live.limits import FIGURES_EVERY_S, READER_BEACON_S, SERVER_CLOCK_EVERY_S
from live.log_reader_redis import LogReader
from live.own_state import OwnStates
from live.resumes import Resumes
from live.roles.limits import DRAIN_S
from live.roles.ports import cannot_listen
from live.roles.siblings import Seat, readiness
from live.roles.siblings_unix import Siblings
from live.roles.stores import Place, Stores, open_redis
from live.room_opening import Rooms
from live.server_clock_redis import ServerClock
from live.show_figures_pg import ShowFigures
from live.tokens import Tokens
from live.waiting_lists import WaitingLists

POSTGRES_CONNECTIONS = 8
"""Most connections of one gateway process to Postgres: for checkouts and for what a welcome or a
first claim looks up; more wait. Each of several processes has as many, and Postgres allows a hundred in all by
default."""

_LOOPBACK = ("127.0.0.1", "localhost")
_LOOPBACK_6 = ("[::1]", "localhost")
_SELF_NAMES = {"127.0.0.1": _LOOPBACK, "0.0.0.0": _LOOPBACK, "::1": _LOOPBACK_6, "::": _LOOPBACK_6}  # noqa: S104 - compared, not listened on
"""What this machine calls itself, by the address to listen on."""


class GatewayRole:
    """Built by ``start``, ended by ``stop``."""

    def __init__(self, tasks: Tasks, opened: AsyncExitStack) -> None:
        self._tasks = tasks
        self._opened = opened

    @classmethod
    async def start(cls, place: Place, seat: Seat | None = None) -> "GatewayRole":
        """Connect, build, and listen; nothing stays open when that fails.

        Args:
            place: where it runs.
            seat: its place among the processes of one gateway; None when it is the only one.

        Raises:
            StartupError: the port is taken.
            SettingError: REDIS_URL is malformed.
            UnavailableError: Postgres does not answer.
        """
        async with AsyncExitStack() as stack:
            stores = await Stores.open(place, "gateway", connections=POSTGRES_CONNECTIONS)
            stack.push_async_callback(stores.close)
            registry, figures = new_registry(), GatewayFigures()
            read_at_scrape(registry, stores.collect)
            desk = ClaimDesk(stores.holds, Draws(stores.postgres), stores.offers, traces=stores.traces)
            rooms = Rooms(
                shows=stores.shows,
                log=stores.log,
                inbox=stores.inbox_log,
                offers=stores.offers,
                registry=registry,
                busy=desk.busy,
                figures=figures,
            )
            reader = LogReader(
                # Its own client: pub/sub keeps a connection for good.
                open_redis(place, max_connections=2),
                publisher=stores.redis,
                gateway_id=new_ulid(),
                on_entry=rooms.heard,
                on_reconnect=rooms.check_all,
                registry=registry,
            )
            rooms.reader = reader
            stack.push_async_callback(reader.close)
            siblings = None if seat is None else Siblings(seat)
            clock = ServerClock(stores.redis)
            with contextlib.suppress(UnavailableError):
                await clock.look()
            gateway, ticker = _gateway(
                stores, rooms, reader, desk, clock, registry=registry, figures=figures, siblings=siblings
            )
            tasks = Tasks()
            stack.push_async_callback(tasks.stop)
            stack.push_async_callback(rooms.close)
            if siblings is not None:
                stack.push_async_callback(siblings.close)
                await siblings.listen()
            await _listen(gateway, place.settings, shared=siblings is not None)
            stack.push_async_callback(gateway.drain, DRAIN_S)
            tasks.forever("log reader", reader.run)
            tasks.forever("reader beacon", reader.beacon, every_s=READER_BEACON_S)
            tasks.forever("server clock", clock.look, every_s=SERVER_CLOCK_EVERY_S)
            tasks.forever("gateway tick", gateway.tick)
            tasks.forever("report figures", ticker.write_counts, every_s=FIGURES_EVERY_S)
            tasks.forever("gateway deadlines", gateway.watch_deadlines)
            tasks.forever("idle rooms", gateway.let_go)
            return cls(tasks, stack.pop_all())

    async def failed(self) -> str:
        """Wait, without limit, until a loop ends by itself; return one line that says which."""
        return await self._tasks.failed()

    async def stop(self) -> None:
        """Say goodbye to the viewers, wait for them at most ``DRAIN_S``, then close."""
        await self._opened.aclose()


def _gateway(
    stores: Stores,
    rooms: Rooms,
    reader: LogReader,
    desk: ClaimDesk,
    clock: ServerClock,
    *,
    registry: CollectorRegistry,
    figures: GatewayFigures,
    siblings: Siblings | None,
) -> tuple[Gateway, Ticker]:
    place = stores.place
    ticker = Ticker(
        gateway_id=reader.gateway_id,
        redis=stores.redis,
        holds=stores.holds,
        figures=ShowFigures(stores.postgres),
        rooms=rooms,
        offers=stores.offers,
        desk=desk,
        registry=registry,
        loop_lag=figures.loop_lag,
    )

    async def hears() -> None:
        reader.require_current()
        ticker.require_current()

    async def metrics() -> tuple[int, str, bytes]:
        return 200, CONTENT_TYPE, render_metrics(registry)

    checks: dict[str, Check] = {
        "postgres": stores.postgres.ping,
        "redis": stores.check_redis,
        "schema": once_passed(stores.check_schema),
        "log_reader": hears,
    }
    plain: dict[str, PlainAnswer] = {"/healthz": _healthz, "/readyz": _readyz(checks), "/metrics": metrics}
    gateway = Gateway(
        tokens=Tokens(place.secret),
        rooms=rooms,
        resumes=Resumes(stores.log),
        own_states=OwnStates(stores.holds, stores.orders),
        desk=desk,
        purchases=stores.purchases,
        waiting_lists=WaitingLists(stores.offers, stores.holds),
        ticker=ticker,
        clock=clock,
        origins=page_origins(place.settings) | frozenset(place.settings.origins),
        plain=plain if siblings is None else siblings.merged(plain),
        settings=place.settings,
        registry=registry,
        figures=figures,
    )
    return gateway, ticker


async def _listen(gateway: Gateway, settings: Settings, *, shared: bool) -> None:
    try:
        await gateway.listen(settings.host, settings.ws_port, reuse_port=shared)
    except OSError as error:
        raise cannot_listen(settings.host, settings.ws_port, "SHOWDROP_WS_PORT", error) from error


def page_origins(settings: Settings) -> frozenset[str]:
    """Return the origins of our own pages, by every name that this machine has for itself."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    names = {host, *_SELF_NAMES.get(settings.host, ())}
    return frozenset(f"http://{name}:{settings.http_port}" for name in names)


async def _healthz() -> tuple[int, str, bytes]:
    return 200, "application/json", b'{"status":"ok","role":"gateway"}'


def _readyz(checks: dict[str, Check]) -> PlainAnswer:
    asked = Readiness(checks, timeout_s=CHECK_TIMEOUT_S)

    async def answer() -> tuple[int, str, bytes]:
        return readiness(await asked.failing())

    return answer
