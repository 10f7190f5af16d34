"""A shop that has sold a little, and is quiet."""

import asyncio

from inventory.catalogue_pg import Catalogue
from inventory.holds import Accepted, ClaimRequest
from kit.ids import new_id, new_ulid
from kit.money import Money
from kit.settings import Settings
from live.offer import OfferTerms
from live.reconcile.command import reconcile_deployment
from live.reconcile.drift import judge
from live.reconcile.facts import Facts
from live.reconcile.findings import drift_keys
from live.reconcile.looks import look
from live.relay import Relay
from live.roles.stores import Stores
from live.show_events_pg import ShowEvents
from live.stage import Stage

IN_FLIGHT_S = 0.6
UNITS = 6
TABLES = ("stock", "movements", "pools", "orders", "outbox", "show_events", "channel_levels", "test_payments")


class Shop:
    """A show with one open offer: two units sold, one order refused, one hold live; a channel; and nobody at work."""

    def __init__(self, settings: Settings, stores: Stores, sku: str) -> None:
        self.settings = settings
        self.stores = stores
        self.sku = sku
        self.show_id, self.pool_id = new_id("show"), new_id("offer")
        self.channel_id = ""

    async def open(self) -> None:
        stage = Stage(
            shows=self.stores.shows,
            offers=self.stores.show_offers,
            pools=self.stores.pools,
            holds=self.stores.holds,
            catalogue=Catalogue(self.stores.postgres),
            relay=Relay(ShowEvents(self.stores.postgres), self.stores.log),
            log=self.stores.log,
            redis=self.stores.redis,
        )
        await stage.create_show(show_id=self.show_id, title="Show", currency="EUR", scheduled_start_at_ms=None)
        await stage.start(self.show_id)
        terms = OfferTerms(
            sku=self.sku,
            price=Money(1000, "EUR"),
            quantity=UNITS,
            per_buyer_limit=1,
            preheat_ms=0,
            duration_ms=600_000,
            hold_ttl_ms=600_000,
            waitlist_hold_ttl_ms=600_000,
            grace_ms=0,
        )
        await stage.open_offer(self.show_id, terms, offer_id=self.pool_id)

    async def sell(self) -> None:
        pool = await self.stores.pools.get(self.pool_id)
        assert pool is not None
        buyers = ["ann", "bob", "cid", "dan"]
        claims = [
            ClaimRequest(pool_id=self.pool_id, claim_id=new_ulid(), buyer_id=buyer, quantity=1) for buyer in buyers
        ]
        holds = dict(zip(buyers, await self.stores.holds.claim_many(pool, claims), strict=True))
        for buyer, method in (("ann", "pm_test_ok"), ("bob", "pm_test_ok"), ("cid", "pm_test_declined")):
            hold = holds[buyer]
            assert isinstance(hold, Accepted)
            await self.stores.purchases.checkout(hold.hold_id, buyer, method, None)

    async def until_quiet(self) -> None:
        async with asyncio.timeout(20):
            while True:
                facts = await look(self.stores)
                ended = sum(order.resolved for order in facts.orders)
                at_work = facts.totals.undone_news + facts.totals.orders_under_way
                if ended == 3 and not at_work and not drift_keys(judge(facts)):
                    return
                await asyncio.sleep(0.1)

    async def reconcile(self, *, repair: bool = False) -> bool:
        return await reconcile_deployment(self.settings, repair=repair, in_flight_s=IN_FLIGHT_S)

    async def execute(self, statement: str, *args: object) -> None:
        async with self.stores.postgres.connection() as connection:
            await connection.execute(statement, *args)

    async def everything(self) -> tuple[object, Facts]:
        async with self.stores.postgres.connection() as connection:
            rows = [
                await connection.fetchval(f"SELECT json_agg(t ORDER BY t::text)::text FROM {table} AS t")  # noqa: S608 - names of our own
                for table in TABLES
            ]
        return rows, await look(self.stores)
