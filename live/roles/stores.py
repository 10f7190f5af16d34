"""What every role builds first: the connections, and what reads and writes through them."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from prometheus_client import Metric

from checkout.orders_pg import Orders
from checkout.payments.bank_pg import TestBank
from checkout.payments.provider import Providers
from checkout.submit import Submitter
from inventory.holds_redis import RedisHolds
from inventory.pools_pg import Pools
from kit.errors import SettingError, UnavailableError
from kit.log import logger
from kit.metrics import Spread, gauge, histogram
from kit.migrate import missing_migrations
from kit.postgres import Postgres
from kit.redis_client import MAX_CONNECTIONS, RedisClient, connect_redis, redis_errors
from kit.settings import Settings
from kit.traces import Traces
from kit.traces_otlp import open_traces
from live.inbox import Inbox
from live.offers import OfferDirectory
from live.purchases import Purchases
from live.roles.limits import FINISH_S
from live.roles.payments import open_providers
from live.schema import MIGRATIONS
from live.show_log_redis import RedisLog
from live.show_offers_pg import ShowOffers
from live.shows_pg import Shows

_log = logger("roles")


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a role runs: settings, with the addresses and the secret filled in.

    Attributes:
        channel_urls: addresses of fake channels by kind; kinds that are not in it are called where they really are.
    """

    settings: Settings
    database_url: str
    redis_url: str
    secret: str
    channel_urls: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Built by ``open``, closed in reverse order by ``close``.

    Attributes:
        bank: the test bank; None when the settings turn it off.
        traces: where spans go.
    """

    place: Place
    role: str
    traces: Traces
    postgres: Postgres
    redis: RedisClient
    bank: TestBank | None
    providers: Providers
    holds: RedisHolds
    pools: Pools
    shows: Shows
    show_offers: ShowOffers
    orders: Orders
    log: RedisLog
    inbox_log: RedisLog
    offers: OfferDirectory
    inbox: Inbox
    submitter: Submitter
    purchases: Purchases
    _redis_waits: Spread
    _opened: AsyncExitStack

    @classmethod
    async def open(cls, place: Place, role: str, *, connections: int) -> "Stores":
        """Connect and build; nothing stays open when that fails.

        Args:
            place: its settings, which the process may have changed for all of its roles, say who takes payments.
            role: shown in ``pg_stat_activity``.
            connections: most connections to Postgres.

        Raises:
            SettingError: REDIS_URL is malformed, or traces are wanted and cannot be.
            UnavailableError: Postgres does not answer.
        """
        async with AsyncExitStack() as stack:
            traces = open_traces(role, os.environ)
            stack.push_async_callback(traces.close)
            redis_waits = Spread()
            redis = open_redis(place, waits=redis_waits)
            stack.push_async_callback(redis.aclose)
            postgres = await Postgres.connect(
                place.database_url, max_size=connections, application_name=f"showdrop {role}"
            )
            stack.push_async_callback(postgres.close)
            bank = TestBank(postgres, place.secret) if place.settings.test_bank else None
            if bank is not None:
                stack.push_async_callback(_finish, "test bank", bank.close)
            providers = open_providers(postgres, place.secret, bank, stack)
            holds, pools, orders = RedisHolds(redis), Pools(postgres), Orders(postgres)
            shows, show_offers = Shows(postgres), ShowOffers(postgres)
            log, inbox_log = RedisLog(redis, "log"), RedisLog(redis, "inbox")
            offers = OfferDirectory(pools, show_offers)
            stack.push_async_callback(_finish, "offers", offers.close)
            inbox = Inbox(inbox_log, offers)
            stack.push_async_callback(_finish, "news", inbox.close)
            submitter = Submitter(holds, orders, providers, traces=traces)
            stack.push_async_callback(_finish, "checkouts", submitter.close)
            return cls(
                place=place,
                role=role,
                traces=traces,
                postgres=postgres,
                redis=redis,
                bank=bank,
                providers=providers,
                holds=holds,
                pools=pools,
                shows=shows,
                show_offers=show_offers,
                orders=orders,
                log=log,
                inbox_log=inbox_log,
                offers=offers,
                inbox=inbox,
                submitter=submitter,
                purchases=Purchases(offers, holds, submitter, inbox),
                _redis_waits=redis_waits,
                _opened=stack.pop_all(),
            )

    async def close(self) -> None:
        """Give what was begun ``FINISH_S`` to be committed, and close the connections. A failed step skips no other."""
        await self._opened.aclose()

    def collect(self) -> Iterator[Metric]:
        """Yield the families of metrics that every role has; the label says whose they are."""
        role, (busy, most) = self.role, self.postgres.in_use()
        yield histogram(
            "showdrop_connection_wait_seconds",
            "Seconds that callers waited for a connection, by store",
            [((role, "postgres"), self.postgres.waits), ((role, "redis"), self._redis_waits)],
            ["role", "store"],
        )
        yield gauge(
            "showdrop_postgres_connections_busy",
            "Connections to Postgres that are lent out",
            [((role,), busy)],
            ["role"],
        )
        yield gauge(
            "showdrop_postgres_connections_most",
            "Connections to Postgres that there may be",
            [((role,), most)],
            ["role"],
        )
        yield histogram(
            "showdrop_batch_size",
            "Items that shared one call, by batch",
            [((role, batch), spread) for batch, spread in self.submitter.sizes.items()],
            ["role", "batch"],
        )

    async def check_redis(self) -> None:
        """Return when Redis answers; of a cluster, when one node does. Raises UnavailableError."""
        with redis_errors():
            await self.redis.ping()

    async def check_schema(self) -> None:
        """Return when the database has every migration. Raises UnavailableError; SettingError for a malformed URL."""
        missing = await asyncio.to_thread(missing_migrations, self.place.database_url, MIGRATIONS)
        if missing:
            raise UnavailableError(
                f"the database lacks migrations ({', '.join(missing)}); run showdrop migrate", code="not_migrated"
            )


def open_redis(place: Place, *, max_connections: int = MAX_CONNECTIONS, waits: Spread | None = None) -> RedisClient:
    """Return a client of the place's Redis; nothing is sent yet, and the caller closes it.

    Raises:
        SettingError: REDIS_URL is malformed.
    """
    try:
        client = connect_redis(place.redis_url, max_connections=max_connections, waits=waits)
        # A wrong option in the URL shows only when a connection is made, which does not connect it yet.
        with redis_errors():
            client.connection_pool.connection_class(**client.connection_pool.connection_kwargs)
    except (ValueError, TypeError, UnavailableError) as error:
        # The value may hold a password: it is not repeated, and neither is what the driver said.
        raise SettingError(
            "REDIS_URL is malformed; write it like redis://host:6379/0, or redis+cluster://host:6379,host:6379"
        ) from error
    return client


async def _finish(what: str, close: Callable[[], Awaitable[None]]) -> None:
    try:
        async with asyncio.timeout(FINISH_S):
            await close()
    except TimeoutError:
        _log.warning("cut_off", what=what, after_s=FINISH_S)
