"""The reconciler on a real shop: it finds what is off, changes nothing unasked, and compensates by appending."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from inventory.catalogue_pg import Catalogue
from inventory.channels.channels_pg import Channels
from inventory.channels.registry import channel_kinds
from inventory.holds import Accepted, ClaimRequest
from inventory.stock_pg import StockLedger
from kit.ids import new_id, new_ulid
from kit.money import Money
from kit.postgres import Postgres
from kit.settings import Settings
from live.offer import OfferTerms
from live.reconcile.command import look, reconcile_deployment
from live.reconcile.drift import judge
from live.reconcile.facts import Facts
from live.reconcile.findings import drift_keys
from live.relay import Relay
from live.roles.stores import Place, Stores
from live.roles.worker import WorkerRole
from live.show_events_pg import ShowEvents
from live.stage import Stage

CATALOGUE = Path(__file__).parents[2] / "fixtures" / "catalogue" / "shopify.csv"
SECRET = "a secret of at least thirty-two characters"
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
                if ended == 3 and not facts.totals.undone_news and not drift_keys(judge(facts)):
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


@pytest.fixture
async def shop(postgres: Postgres, database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    settings = Settings(data_dir=tmp_path, database_url=database_url, redis_url=redis_url, secret=SECRET)
    place = Place(settings=settings, database_url=database_url, redis_url=redis_url, secret=SECRET)
    with CATALOGUE.open("rb") as file:
        await Catalogue(postgres).import_file(file, default_currency="EUR")
    sku = (await Catalogue(postgres).products(limit=1)).items[0].variants[0].sku
    stores = await Stores.open(place, "test", connections=4)
    made = Shop(settings, stores, sku)
    kinds = channel_kinds(allow_private=True)
    created = await Channels(postgres, kinds).create(
        "webhook", name="shop", settings={"url": "http://127.0.0.1:9/levels"}
    )
    made.channel_id = created.channel_id
    await StockLedger(postgres).adjust(sku, 50, key="test", reason="enough for the offer")
    await made.open()
    await made.sell()
    worker = await WorkerRole.start(place, demo=True)
    try:
        await made.until_quiet()
    finally:
        await worker.stop()
    yield made
    await stores.close()


async def test_a_shop_in_order_has_no_drift(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert await shop.reconcile()
    printed = capsys.readouterr().out
    assert "DRIFT" not in printed
    assert "hold books add up" in printed
    [pool] = (await look(shop.stores)).pools
    assert (pool.sold, pool.sold_in_orders, pool.sold_in_movements) == (2, 2, 2)


async def test_without_repair_nothing_changes_and_every_drift_is_told(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await break_everything(shop)
    before = await shop.everything()
    assert not await shop.reconcile()
    assert await shop.everything() == before
    printed = capsys.readouterr().out
    assert printed.count("DRIFT") == 6, printed


async def test_repair_appends_and_leaves_no_drift(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await break_everything(shop)
    (tables, broken) = await shop.everything()
    assert await shop.reconcile(repair=True), capsys.readouterr().out
    printed = capsys.readouterr().out
    for said in ("appended an adjust movement", "rebuilt the hold book", "told 1 news", "log in Redis is at", "anew"):
        assert said in printed
    (after, mended) = await shop.everything()
    assert isinstance(tables, list)
    assert isinstance(after, list)
    assert after[0] == tables[0], "no counter was overwritten"
    kept = msgspec.json.decode(tables[1])
    now = msgspec.json.decode(after[1])
    assert all(line in now for line in kept), "the ledger only grew"
    assert [line["on_hand_delta"] for line in now if line not in kept] == [3]
    [pool], [book] = mended.pools, mended.books
    assert pool.epoch > broken.pools[0].epoch
    assert (book.available, book.held, book.sold) == (3, 1, 2)
    assert await shop.reconcile()


async def test_a_lost_hold_book_is_rebuilt_from_the_orders(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await shop.stores.redis.delete(
        *[f"{{{shop.pool_id}}}:{name}" for name in ("pool", "holds", "claims", "buyers", "due", "submitted", "ended")]
    )
    assert not await shop.reconcile()
    assert "no book in Redis" in capsys.readouterr().out
    assert await shop.reconcile(repair=True)
    [book] = (await look(shop.stores)).books
    # The live hold is gone with Redis; what was sold is not.
    assert (book.available, book.held, book.sold) == (4, 0, 2)


async def test_a_hold_that_outlived_its_refused_order_is_told_again(shop: Shop) -> None:
    [hold_id] = [order.hold_id for order in (await look(shop.stores)).orders if order.outcome == "released"]
    tag = f"{{{shop.pool_id}}}"
    packed = await shop.stores.redis.hget(f"{tag}:holds", hold_id)
    assert isinstance(packed, bytes)
    hold = msgspec.msgpack.decode(packed)
    await shop.stores.redis.hset(f"{tag}:holds", hold_id, msgspec.msgpack.encode(["submitted", *hold[1:]]))
    await shop.stores.redis.hset(f"{tag}:buyers", "cid", msgspec.msgpack.encode([1, hold_id]))
    await shop.stores.redis.zadd(f"{tag}:submitted", {hold_id: 1})
    await shop.stores.redis.hincrby(f"{tag}:pool", "available", -1)
    await shop.stores.redis.hincrby(f"{tag}:pool", "held", 1)
    assert not await shop.reconcile()
    assert await shop.reconcile(repair=True)
    [book] = (await look(shop.stores)).books
    assert (book.available, book.held, book.sold) == (3, 1, 2)


async def test_money_that_differs_is_left_to_a_person(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await shop.execute("UPDATE test_payments SET refunded = 400 WHERE captured > 0")
    assert not await shop.reconcile(repair=True)
    printed = " ".join(capsys.readouterr().out.split())
    assert "1000 - 0 here, 1000 - 400 at the bank (no safe repair; somebody has to look)" in printed


async def test_what_is_on_its_way_is_waited_for(shop: Shop) -> None:
    await shop.stores.redis.hincrby(f"{{{shop.pool_id}}}:pool", "available", -1)

    async def arrive() -> None:
        await asyncio.sleep(IN_FLIGHT_S / 3)
        await shop.stores.redis.hincrby(f"{{{shop.pool_id}}}:pool", "available", 1)

    arriving = asyncio.create_task(arrive())
    assert await shop.reconcile()
    await arriving


async def break_everything(shop: Shop) -> None:
    """One drift of every kind that can be repaired."""
    await shop.execute("UPDATE stock SET on_hand = on_hand + 3 WHERE sku = $1", shop.sku)
    await shop.stores.redis.hincrby(f"{{{shop.pool_id}}}:pool", "available", -2)
    await shop.stores.redis.hset(f"{{{shop.show_id}}}:log:meta", "seq", 1)
    await shop.stores.redis.delete(f"{{{shop.show_id}}}:log")
    await shop.execute("UPDATE channel_levels SET desired = desired + 9 WHERE channel_id = $1", shop.channel_id)
    await shop.execute(
        "UPDATE outbox SET done = false, due_at_ms = 0, created_at_ms = created_at_ms - 20000 "
        "WHERE outbox_id = (SELECT min(outbox_id) FROM outbox)"
    )
    [ann] = [hold for hold in (await look(shop.stores)).books[0].holds if hold.buyer_id == "ann"]
    await shop.stores.redis.hset(
        f"{{{shop.pool_id}}}:holds", ann.hold_id, msgspec.msgpack.encode(["expired", "ann", 1, 1, ""])
    )
