"""The role ``api``: HTTP for hosts, shops and pages, on one port."""

import asyncio
import contextlib
import os

from prometheus_client import CollectorRegistry

from checkout.apply_event import WebhookInbox
from checkout.exports_pg import Exports
from checkout.lines_pg import Lines
from checkout.payment_events_pg import PaymentEvents
from checkout.refund import Refunds
from checkout.reports_pg import Reports
from checkout.webhooks.delivery_log_pg import HookLog
from checkout.webhooks.endpoints_pg import HookEndpoints
from checkout.webhooks.signing import EndpointSecrets
from inventory.catalogue_pg import Catalogue
from inventory.channels.channels_pg import Channels
from inventory.channels.feeds import FeedTokens
from inventory.channels.feeds_pg import Feeds
from inventory.channels.inbox import ChannelInbox
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.channels.rows import ChannelRows
from inventory.draws_pg import Draws
from inventory.stock_pg import StockLedger
from kit.address_lookup import Addresses
from kit.metrics import new_registry, read_at_scrape
from kit.tasks import Tasks
from live.api.app_http import ApiParts, build_app
from live.api.health import once_passed
from live.api.idempotency_pg import Idempotency
from live.api.request_rates import RequestRates
from live.host_commands_pg import forget_old
from live.relay import Relay
from live.roles.ports import listen
from live.roles.server_http import HttpServer
from live.roles.stores import Place, Stores
from live.show_events_pg import ShowEvents
from live.site import site_of
from live.stage import Stage
from live.tokens import Tokens

POSTGRES_CONNECTIONS = 12
"""Most connections of one API process to Postgres: requests beyond wait for one of them."""

PURGE_EVERY_S = 3600.0


class ApiRole:
    """Built by ``start``, ended by ``stop``."""

    def __init__(self, serving: "asyncio.Task[None]", tasks: Tasks, opened: contextlib.AsyncExitStack) -> None:
        self._serving = serving
        self._tasks = tasks
        self._opened = opened

    @classmethod
    async def start(cls, place: Place, *, demo: bool, registry: CollectorRegistry | None = None) -> "ApiRole":
        """Connect, build, and listen; nothing stays open when that fails.

        Args:
            place: where its servers are.
            demo: whether anyone may get the token of a made-up buyer, and channels may live on private networks.
            registry: what ``/metrics`` shows, when it is shared with another role of this process.

        Raises:
            StartupError: the port is taken.
            SettingError: REDIS_URL is malformed.
            UnavailableError: Postgres does not answer.
        """
        async with contextlib.AsyncExitStack() as stack:
            listening = stack.enter_context(listen(place.settings.host, place.settings.http_port, "SHOWDROP_HTTP_PORT"))
            stores = await Stores.open(place, "api", connections=POSTGRES_CONNECTIONS)
            stack.push_async_callback(stores.close)
            idempotency = Idempotency(stores.postgres)
            tasks = Tasks()
            stack.push_async_callback(tasks.stop)
            shown = registry or new_registry()
            read_at_scrape(shown, stores.collect)
            server = HttpServer(build_app(_parts(stores, idempotency, demo=demo, registry=shown)))
            serving = asyncio.create_task(server.serve(sockets=[listening]), name="http")
            stack.push_async_callback(server.end, serving)
            tasks.forever("idempotency purge", idempotency.purge, every_s=PURGE_EVERY_S)
            tasks.forever("host command purge", lambda: forget_old(stores.postgres), every_s=PURGE_EVERY_S)
            return cls(serving, tasks, stack.pop_all())

    async def failed(self) -> str:
        """Wait, without limit, until the HTTP server or a loop ends by itself; return one line that says which."""
        return await self._tasks.failed(self._serving)

    async def stop(self) -> None:
        """Answer what was asked, within ``HTTP_STOP_S``, then close."""
        await self._opened.aclose()


def _parts(stores: Stores, idempotency: Idempotency, *, demo: bool, registry: CollectorRegistry) -> ApiParts:
    place, settings, catalogue = stores.place, stores.place.settings, Catalogue(stores.postgres)
    kinds = channel_kinds(place.secret, allow_private=demo, base_urls=place.channel_urls)
    channels = Channels(stores.postgres, kinds, channel_vault(place.secret))
    channel_rows = ChannelRows.of(stores.postgres, kinds)
    return ApiParts(
        tokens=Tokens(place.secret),
        idempotency=idempotency,
        stage=Stage(
            shows=stores.shows,
            offers=stores.show_offers,
            pools=stores.pools,
            holds=stores.holds,
            catalogue=catalogue,
            relay=Relay(ShowEvents(stores.postgres), stores.log),
            log=stores.log,
            redis=stores.redis,
        ),
        draws=Draws(stores.postgres),
        purchases=stores.purchases,
        catalogue=catalogue,
        stock=StockLedger(stores.postgres),
        orders=stores.orders,
        lines=Lines(stores.postgres),
        exports=Exports(stores.postgres),
        refunds=Refunds(stores.postgres, stores.providers),
        reports=Reports(stores.postgres),
        webhooks=WebhookInbox(PaymentEvents(stores.postgres), stores.providers),
        hooks=HookEndpoints(stores.postgres, EndpointSecrets(place.secret), Addresses(allow_private=demo)),
        hook_log=HookLog(stores.postgres),
        channels=channels,
        channel_rows=channel_rows,
        channel_inbox=ChannelInbox(channels, kinds, channel_rows.orders),
        feeds=Feeds(stores.postgres, FeedTokens(place.secret)),
        registry=registry,
        ws_url=settings.ws_url or site_of(settings, os.getpid()).ws_url,
        currency=settings.currency,
        demo=demo,
        origins=settings.origins,
        rates=RequestRates(address_per_s=settings.address_requests_per_s, token_per_s=settings.token_requests_per_s),
        proxies=settings.proxies,
        checks={
            "postgres": stores.postgres.ping,
            "redis": stores.check_redis,
            "schema": once_passed(stores.check_schema),
        },
    )
