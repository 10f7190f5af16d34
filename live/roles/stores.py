"""What every role builds first: the connections, and what reads and writes through them."""

import asyncio
from dataclasses import dataclass

from checkout.orders_pg import Orders
from checkout.payments.bank_pg import TestBank
from checkout.payments.provider import Providers
from checkout.submit import Submitter
from inventory.holds_redis import RedisHolds
from inventory.pools_pg import Pools
from kit.errors import UnavailableError
from kit.migrate import missing_migrations
from kit.postgres import Postgres
from kit.redis_client import RedisClient, connect_redis, redis_errors
from kit.settings import Settings
from live.inbox import Inbox
from live.migrations import MIGRATIONS
from live.offers import OfferDirectory
from live.purchases import Purchases
from live.show_log_redis import RedisLog
from live.shows_pg import Shows


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a role runs: settings, with the addresses and the secret filled in."""

    settings: Settings
    database_url: str
    redis_url: str
    secret: str


@dataclass(frozen=True, kw_only=True)
class Stores:
    """Built by ``open``, closed in reverse order by ``close``."""

    place: Place
    postgres: Postgres
    redis: RedisClient
    bank: TestBank
    providers: Providers
    holds: RedisHolds
    pools: Pools
    shows: Shows
    orders: Orders
    log: RedisLog
    inbox_log: RedisLog
    offers: OfferDirectory
    inbox: Inbox
    submitter: Submitter
    purchases: Purchases

    @classmethod
    async def open(cls, place: Place, role: str, *, connections: int) -> "Stores":
        """Connect and build.

        Raises:
            UnavailableError: Postgres does not answer.
        """
        postgres = await Postgres.connect(place.database_url, max_size=connections, application_name=f"showdrop {role}")
        redis = connect_redis(place.redis_url)
        bank = TestBank(postgres, place.secret)
        providers = Providers([bank])
        holds, pools, shows, orders = RedisHolds(redis), Pools(postgres), Shows(postgres), Orders(postgres)
        log, inbox_log = RedisLog(redis, "log"), RedisLog(redis, "inbox")
        offers = OfferDirectory(pools, shows)
        inbox = Inbox(inbox_log, offers)
        submitter = Submitter(holds, orders, providers)
        return cls(
            place=place,
            postgres=postgres,
            redis=redis,
            bank=bank,
            providers=providers,
            holds=holds,
            pools=pools,
            shows=shows,
            orders=orders,
            log=log,
            inbox_log=inbox_log,
            offers=offers,
            inbox=inbox,
            submitter=submitter,
            purchases=Purchases(offers, holds, submitter, inbox),
        )

    async def close(self) -> None:
        """Finish what was begun and close the connections."""
        await self.submitter.close()
        await self.bank.close()
        await self.redis.aclose()
        await self.postgres.close()

    async def check_redis(self) -> None:
        """Return when Redis answers. Raises UnavailableError."""
        with redis_errors():
            await self.redis.ping()

    async def check_schema(self) -> None:
        """Return when the database has every migration. Raises UnavailableError."""
        missing = await asyncio.to_thread(missing_migrations, self.place.database_url, MIGRATIONS)
        if missing:
            raise UnavailableError(
                f"the database lacks migrations ({', '.join(missing)}); run showdrop migrate", code="not_migrated"
            )
