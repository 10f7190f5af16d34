"""The role ``gateway``: viewers over WebSocket, on one port."""

import os

import msgspec

from kit.errors import StartupError, UnavailableError
from kit.ids import new_ulid
from kit.metrics import CONTENT_TYPE, new_registry, render_metrics
from kit.redis_client import connect_redis
from kit.tasks import Tasks
from live.api.health import Check, failing_checks
from live.claim_desk import ClaimDesk
from live.gateway import Gateway, PlainAnswer
from live.gateway_tick import Ticker
from live.log_reader_redis import LogReader
from live.roles.stores import Place, Stores
from live.room_opening import Rooms
from live.show_figures_pg import ShowFigures
from live.tokens import Tokens

POSTGRES_CONNECTIONS = 8
DRAIN_S = 5.0
CHECK_TIMEOUT_S = 3.0


class GatewayRole:
    """Built by ``start``, ended by ``stop``."""

    def __init__(self, stores: Stores, gateway: Gateway, rooms: Rooms, tasks: Tasks) -> None:
        self._stores = stores
        self._gateway = gateway
        self._rooms = rooms
        self._tasks = tasks

    @classmethod
    async def start(cls, place: Place) -> "GatewayRole":
        """Connect, build, and listen.

        Raises:
            StartupError: the port is taken.
            UnavailableError: Postgres does not answer.
        """
        settings = place.settings
        stores = await Stores.open(place, "gateway", connections=POSTGRES_CONNECTIONS)
        registry = new_registry()
        rooms = Rooms(shows=stores.shows, log=stores.log, inbox=stores.inbox_log, offers=stores.offers)
        reader = LogReader(
            # Its own client: pub/sub keeps a connection for good.
            connect_redis(place.redis_url, max_connections=2),
            on_entry=rooms.heard,
            on_reconnect=rooms.check_all,
        )
        rooms.reader = reader
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
        gateway = Gateway(
            tokens=Tokens(place.secret),
            rooms=rooms,
            log=stores.log,
            holds=stores.holds,
            orders=stores.orders,
            desk=desk,
            purchases=stores.purchases,
            ticker=ticker,
            origins=page_origins(place) | frozenset(settings.origins),
            plain={"/healthz": _healthz, "/readyz": _readyz(checks), "/metrics": metrics},
            registry=registry,
        )
        try:
            await gateway.listen(settings.host, settings.ws_port)
        except OSError as error:
            await stores.close()
            raise StartupError(
                f"cannot listen on {settings.host}:{settings.ws_port} ({os.strerror(error.errno or 0)}); "
                "set SHOWDROP_WS_PORT or stop what uses it"
            ) from error
        tasks = Tasks()
        tasks.forever("log reader", reader.run)
        tasks.forever("gateway tick", gateway.tick)
        tasks.forever("gateway deadlines", gateway.watch_deadlines)
        return cls(stores, gateway, rooms, tasks)

    async def stop(self) -> None:
        """Say goodbye to the viewers, then close."""
        await self._gateway.drain(DRAIN_S)
        await self._rooms.close()
        await self._tasks.stop()
        await self._rooms.close_reader()
        await self._stores.close()


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
