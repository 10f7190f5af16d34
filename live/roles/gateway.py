"""The role ``gateway``: viewers over WebSocket, on one port."""

import os
from contextlib import AsyncExitStack

import msgspec

from kit.errors import StartupError, UnavailableError
from kit.ids import new_ulid
from kit.metrics import CONTENT_TYPE, new_registry, render_metrics
from kit.tasks import Tasks
from live.api.health import Check, failing_checks
from live.api.limits import CHECK_TIMEOUT_S
from live.claim_desk import ClaimDesk
from live.gateway import Gateway, PlainAnswer
from live.gateway_tick import Ticker
from live.log_reader_redis import LogReader
from live.roles.limits import DRAIN_S
from live.roles.stores import Place, Stores, open_redis
from live.room_opening import Rooms
from live.show_figures_pg import ShowFigures
from live.tokens import Tokens

POSTGRES_CONNECTIONS = 8


class GatewayRole:
    """Built by ``start``, ended by ``stop``."""

    def __init__(self, tasks: Tasks, opened: AsyncExitStack) -> None:
        self._tasks = tasks
        self._opened = opened

    @classmethod
    async def start(cls, place: Place) -> "GatewayRole":
        """Connect, build, and listen; nothing stays open when that fails.

        Raises:
            StartupError: the port is taken.
            SettingError: REDIS_URL is malformed.
            UnavailableError: Postgres does not answer.
        """
        async with AsyncExitStack() as stack:
            stores = await Stores.open(place, "gateway", connections=POSTGRES_CONNECTIONS)
            stack.push_async_callback(stores.close)
            rooms = Rooms(shows=stores.shows, log=stores.log, inbox=stores.inbox_log, offers=stores.offers)
            reader = LogReader(
                # Its own client: pub/sub keeps a connection for good.
                open_redis(place, max_connections=2),
                on_entry=rooms.heard,
                on_reconnect=rooms.check_all,
            )
            rooms.reader = reader
            stack.push_async_callback(rooms.close_reader)
            gateway = _gateway(stores, rooms, reader)
            tasks = Tasks()
            stack.push_async_callback(tasks.stop)
            stack.push_async_callback(rooms.close)
            await _listen(gateway, place)
            stack.push_async_callback(gateway.drain, DRAIN_S)
            tasks.forever("log reader", reader.run)
            tasks.forever("gateway tick", gateway.tick)
            tasks.forever("gateway deadlines", gateway.watch_deadlines)
            return cls(tasks, stack.pop_all())

    async def failed(self) -> str:
        """Wait, without limit, until a loop ends by itself; return one line that says which."""
        return await self._tasks.failed()

    async def stop(self) -> None:
        """Say goodbye to the viewers, wait for them at most ``DRAIN_S``, then close."""
        await self._opened.aclose()


def _gateway(stores: Stores, rooms: Rooms, reader: LogReader) -> Gateway:
    place, registry = stores.place, new_registry()
    desk = ClaimDesk(stores.holds, stores.offers)
    ticker = Ticker(
        gateway_id=new_ulid(),
        redis=stores.redis,
        holds=stores.holds,
        log=stores.log,
        figures=ShowFigures(stores.postgres),
        rooms=rooms,
        offers=stores.offers,
        desk=desk,
    )

    async def hears() -> None:
        if not reader.connected:
            raise UnavailableError("the log reader is not connected", code="redis_down")

    async def metrics() -> tuple[int, str, bytes]:
        return 200, CONTENT_TYPE, render_metrics(registry)

    checks: dict[str, Check] = {
        "postgres": stores.postgres.ping,
        "redis": stores.check_redis,
        "log_reader": hears,
    }
    return Gateway(
        tokens=Tokens(place.secret),
        rooms=rooms,
        log=stores.log,
        holds=stores.holds,
        orders=stores.orders,
        desk=desk,
        purchases=stores.purchases,
        ticker=ticker,
        origins=page_origins(place) | frozenset(place.settings.origins),
        plain={"/healthz": _healthz, "/readyz": _readyz(checks), "/metrics": metrics},
        registry=registry,
    )


async def _listen(gateway: Gateway, place: Place) -> None:
    host, port = place.settings.host, place.settings.ws_port
    try:
        await gateway.listen(host, port)
    except OSError as error:
        raise StartupError(
            f"cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}); "
            "set SHOWDROP_WS_PORT or SHOWDROP_HOST, or stop what uses it"
        ) from error


def page_origins(place: Place) -> frozenset[str]:
    """Return the origins of our own pages, by every name that this machine has for itself."""
    settings = place.settings
    names = {settings.host, "127.0.0.1", "localhost"} if settings.host in ("127.0.0.1", "0.0.0.0") else {settings.host}  # noqa: S104 - compared, not listened on
    return frozenset(f"http://{name}:{settings.http_port}" for name in names)


async def _healthz() -> tuple[int, str, bytes]:
    return 200, "application/json", b'{"status":"ok"}'


def _readyz(checks: dict[str, Check]) -> PlainAnswer:
    async def answer() -> tuple[int, str, bytes]:
        failing = await failing_checks(checks, timeout_s=CHECK_TIMEOUT_S)
        body = {"status": "not ready" if failing else "ready", "failing": failing}
        return 503 if failing else 200, "application/json", msgspec.json.encode(body)

    return answer
