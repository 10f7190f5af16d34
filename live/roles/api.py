"""The role ``api``: HTTP for hosts, shops and pages, on one port."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Iterator

import uvicorn

from checkout.apply_event import WebhookInbox
from checkout.payment_events_pg import PaymentEvents
from checkout.refund import Refunds
from checkout.reports_pg import Reports
from inventory.catalogue_pg import Catalogue
from inventory.channels.channels_pg import Channels
from inventory.channels.registry import channel_kinds
from inventory.stock_pg import StockLedger
from kit.errors import StartupError
from kit.metrics import new_registry
from kit.tasks import Tasks
from live.api.app_http import ApiParts, build_app
from live.api.idempotency_pg import Idempotency
from live.relay import Relay
from live.roles.stores import Place, Stores
from live.show_events_pg import ShowEvents
from live.stage import Stage
from live.tokens import Tokens

POSTGRES_CONNECTIONS = 12
SHUTDOWN_S = 5
PURGE_EVERY_S = 3600.0


class ApiRole:
    """Built by ``start``, ended by ``stop``."""

    def __init__(self, stores: Stores, server: "_Server", serving: "asyncio.Task[None]", tasks: Tasks) -> None:
        self._stores = stores
        self._server = server
        self._serving = serving
        self._tasks = tasks

    @classmethod
    async def start(cls, place: Place, *, demo: bool) -> "ApiRole":
        """Connect, build, and listen.

        Args:
            place: where its servers are.
            demo: whether anyone may get the token of a made-up buyer, and channels may live on private networks.

        Raises:
            StartupError: the port is taken.
            UnavailableError: Postgres does not answer.
        """
        settings = place.settings
        listening = _listen(settings.host, settings.http_port)
        stores = await Stores.open(place, "api", connections=POSTGRES_CONNECTIONS)
        registry = new_registry()
        catalogue = Catalogue(stores.postgres)
        idempotency = Idempotency(stores.postgres)
        app = build_app(
            ApiParts(
                tokens=Tokens(place.secret),
                idempotency=idempotency,
                stage=Stage(
                    shows=stores.shows,
                    pools=stores.pools,
                    holds=stores.holds,
                    catalogue=catalogue,
                    relay=Relay(ShowEvents(stores.postgres), stores.log),
                    log=stores.log,
                    redis=stores.redis,
                ),
                purchases=stores.purchases,
                catalogue=catalogue,
                stock=StockLedger(stores.postgres),
                orders=stores.orders,
                refunds=Refunds(stores.postgres, stores.providers),
                reports=Reports(stores.postgres),
                webhooks=WebhookInbox(PaymentEvents(stores.postgres), stores.providers),
                channels=Channels(stores.postgres, channel_kinds(allow_private=demo)),
                registry=registry,
                ws_url=settings.ws_url or f"ws://{settings.host}:{settings.ws_port}",
                currency=settings.currency,
                demo=demo,
                origins=settings.origins,
                checks={"postgres": stores.postgres.ping, "redis": stores.check_redis, "schema": stores.check_schema},
            )
        )
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            ws="none",
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_S,
            timeout_keep_alive=30,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]), name="http")
        tasks = Tasks()
        tasks.forever("idempotency purge", idempotency.purge, every_s=PURGE_EVERY_S)
        return cls(stores, server, serving, tasks)

    async def stop(self) -> None:
        """Answer what was asked, then close."""
        self._server.should_exit = True
        await self._serving
        await self._tasks.stop()
        await self._stores.close()


class _Server(uvicorn.Server):
    """uvicorn without its own signal handlers: the process that starts the roles stops them, in order."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=1024)
    except OSError as error:
        raise StartupError(
            f"cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}); "
            "set SHOWDROP_HTTP_PORT or stop what uses it"
        ) from error
