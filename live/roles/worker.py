"""The role ``worker``: moves what waits - payments, the clock of offers, holds that end, channels."""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

import httpx
from prometheus_client import CollectorRegistry

from checkout.housekeeping_pg import Housekeeping
from checkout.order import SaleTerms
from checkout.order_rows_pg import OrderRows
from checkout.payments.bank_webhooks_http import BankWebhooks
from checkout.rebook import Rebooker
from checkout.webhooks.worker import HookWorker
from checkout.workers import CheckoutWorker
from inventory.book_figures import BookFigures
from inventory.channels.channels_pg import Channels
from inventory.channels.figures import ChannelFigures
from inventory.channels.leader_pg import Leadership
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.channels.rows import ChannelRows
from inventory.channels.sync import ChannelSync
from inventory.draw_line import DrawLine
from inventory.draws_pg import Draws
from inventory.holds import Hold, Pool
from inventory.keeper import Keeper
from kit.address_lookup import Addresses
from kit.metrics import new_registry, read_at_scrape
from kit.tasks import Tasks
from live.api.health import Check, once_passed
from live.draw_clock import DrawClock
from live.housekeeping_pg import ShowHousekeeping
from live.offer_clock import OfferClock
from live.reconcile.watch import ReconcileWatch
from live.relay import Relay
from live.roles.stores import Place, Stores
from live.show_draws_pg import ShowDraws
from live.show_events_pg import ShowEvents
from live.site import site_of

POSTGRES_CONNECTIONS = 18
"""Most connections of one worker to Postgres: its loops run side by side and take one each while a
round lasts, the checkout's several, and the two leads keep one each."""

POSTGRES_LISTENERS = 1
"""Connections of one worker beside those: what hears at once of new orders and levels."""

KEEPER_EVERY_S = 0.2
CLOCK_EVERY_S = 0.05
DRAW_EVERY_S = 0.2
RELAY_EVERY_S = 0.25
HOUSEKEEPING_EVERY_S = 60.0


class WorkerRole:
    """Built by ``start``, ended by ``stop``. Any number may run.

    Attributes:
        checks: what has to answer for it to work, by name.
    """

    def __init__(
        self, tasks: Tasks, opened: AsyncExitStack, *, checks: Mapping[str, Check], stuck: Callable[[], list[str]]
    ) -> None:
        self._tasks = tasks
        self._opened = opened
        self._stuck = stuck
        self.checks = checks

    @classmethod
    async def start(cls, place: Place, *, demo: bool, registry: CollectorRegistry | None = None) -> "WorkerRole":
        """Connect, build, and start every loop; nothing stays open when that fails.

        Args:
            place: where its servers are.
            demo: whether channels may live on private networks.
            registry: of the port that shows the worker's figures: its own, or that of the role beside it.

        Raises:
            SettingError: REDIS_URL is malformed.
            UnavailableError: Postgres or Redis does not answer.
        """
        registry = registry or new_registry()
        async with AsyncExitStack() as stack:
            stores = await Stores.open(place, "worker", connections=POSTGRES_CONNECTIONS)
            stack.push_async_callback(stores.close)
            client = await stack.enter_async_context(httpx.AsyncClient(timeout=10))
            relay = Relay(ShowEvents(stores.postgres), stores.log)
            clock = OfferClock(stores.show_offers, relay)
            line = DrawLine(Draws(stores.postgres), stores.holds)
            draw_clock = DrawClock(ShowDraws(stores.postgres, stores.show_offers), line, relay)
            read_at_scrape(registry, stores.collect)
            keeper = build_keeper(stores, registry)
            kinds = channel_kinds(place.secret, allow_private=demo, base_urls=place.channel_urls)
            channel_rows = ChannelRows.of(stores.postgres, kinds)
            sync = ChannelSync(
                Channels(stores.postgres, kinds, channel_vault(place.secret)),
                channel_rows,
                Leadership(stores.postgres),
                kinds,
                ChannelFigures(registry),
            )
            watch = ReconcileWatch(stores, registry)
            # The keeper first: a book that a dead Redis left behind is rebuilt before anything is sold from it.
            await keeper.round()
            tasks = Tasks()
            stack.push_async_callback(tasks.stop)
            tasks.forever("keeper", keeper.round, every_s=KEEPER_EVERY_S, watched=True)
            tasks.forever("offer clock", clock.round, every_s=CLOCK_EVERY_S, watched=True)
            tasks.forever("draw clock", draw_clock.round, every_s=DRAW_EVERY_S, watched=True)
            tasks.forever("relay", relay.relay_all, every_s=RELAY_EVERY_S, watched=True)
            tasks.forever("channel sync", sync.run)
            tasks.forever("reconcile watch", watch.run)
            tasks.forever("checkout housekeeping", Housekeeping(stores.postgres).round, every_s=HOUSEKEEPING_EVERY_S)
            tasks.forever("channel housekeeping", channel_rows.orders.forget_old_pushes, every_s=HOUSEKEEPING_EVERY_S)
            tasks.forever("show housekeeping", ShowHousekeeping(stores.postgres).round, every_s=HOUSEKEEPING_EVERY_S)
            hooks = HookWorker(stores.postgres, place.secret, Addresses(allow_private=demo), registry=registry)
            stack.push_async_callback(hooks.stop)
            hooks.start()
            checkout = _checkout(stores, client, registry)
            stack.push_async_callback(checkout.stop)
            checkout.start()
            checks: dict[str, Check] = {
                "postgres": stores.postgres.ping,
                "redis": stores.check_redis,
                "schema": once_passed(stores.check_schema),
            }

            def stuck() -> list[str]:
                return [*tasks.stuck(), *hooks.stuck(), *checkout.stuck()]

            return cls(tasks, stack.pop_all(), checks=checks, stuck=stuck)

    def stuck(self) -> list[str]:
        """Return the names of the loops whose round does not end; none is well."""
        return self._stuck()

    async def failed(self, *others: "asyncio.Task[None]") -> str:
        """Wait, without limit, until a loop, or one of ``others``, ends by itself; return one line that says which."""
        return await self._tasks.failed(*others)

    async def stop(self) -> None:
        """Cut off the rounds under way, then close; what they had not committed is taken up by the next worker."""
        await self._opened.aclose()


def _checkout(stores: Stores, client: httpx.AsyncClient, registry: CollectorRegistry) -> CheckoutWorker:
    place, settings = stores.place, stores.place.settings
    api_url = settings.api_url or site_of(settings, os.getpid()).http_url
    webhooks = BankWebhooks(stores.postgres, place.secret)

    async def pool_of(pool_id: str) -> Pool | None:
        state = await stores.pools.get(pool_id)
        return None if state is None or state.closed else state

    return CheckoutWorker(
        postgres=stores.postgres,
        database_url=place.database_url,
        holds=stores.holds,
        rebooker=Rebooker(OrderRows(stores.postgres), stores.holds, pool_of),
        providers=stores.providers,
        registry=registry,
        traces=stores.traces,
        deliver=stores.inbox.orders,
        deliver_webhooks=None
        if stores.bank is None
        else lambda: webhooks.deliver_due(client, f"{api_url}/v1/webhooks/payments/test"),
    )


def build_keeper(stores: Stores, registry: CollectorRegistry | None = None) -> Keeper:
    """Return the keeper of the hold book; nothing runs yet. Its figures go to ``registry``."""

    async def settle_stale(hold: Hold) -> None:
        offer = await stores.offers.get(hold.pool_id)
        if offer is not None:
            terms = SaleTerms(pool_id=hold.pool_id, show_id=offer.show_id, sku=offer.pool.sku, unit_price=offer.price)
            await stores.orders.tombstone(hold, terms)

    return Keeper(
        pools=stores.pools,
        holds=stores.holds,
        orders_of=stores.orders.open_orders,
        tell=stores.inbox.holds,
        settle_stale=settle_stale,
        figures=None if registry is None else BookFigures(registry),
    )
