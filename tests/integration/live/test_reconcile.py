"""The reconciler on a real shop: it finds what is off, changes nothing unasked, and compensates by appending."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from inventory.catalogue_pg import Catalogue
from inventory.channels.channels_pg import Channels
from inventory.channels.registry import channel_kinds, channel_vault
from inventory.hold_ids import born_ms_of, key_of
from inventory.holds import Accepted, ClaimRequest
from inventory.stock_pg import StockLedger
from kit.ids import new_id, new_ulid
from kit.metrics import new_registry
from kit.money import Money
from kit.postgres import Postgres
from kit.settings import Settings
from kit.tasks import Tasks
from live.offer import OfferTerms
from live.reconcile.book_turns import BookTurns
from live.reconcile.command import reconcile_deployment
from live.reconcile.drift import CHECKS, judge
from live.reconcile.facts import Facts
from live.reconcile.findings import drift_keys
from live.reconcile.looks import look
from live.reconcile.watch import ReconcileWatch
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


@pytest.fixture
async def shop(postgres: Postgres, database_url: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    settings = Settings(data_dir=tmp_path, database_url=database_url, redis_url=redis_url, secret=SECRET)
    place = Place(settings=settings, database_url=database_url, redis_url=redis_url, secret=SECRET)
    with CATALOGUE.open("rb") as file:
        await Catalogue(postgres).import_file(file, default_currency="EUR")
    sku = (await Catalogue(postgres).products(limit=1)).items[0].variants[0].sku
    stores = await Stores.open(place, "test", connections=4)
    made = Shop(settings, stores, sku)
    kinds = channel_kinds(SECRET, allow_private=True)
    created = await Channels(postgres, kinds, channel_vault(SECRET)).create(
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
    key = key_of(hold_id)
    packed = await shop.stores.redis.hget(f"{tag}:holds", key)
    assert isinstance(packed, bytes)
    hold = msgspec.msgpack.decode(packed)
    await shop.stores.redis.hset(f"{tag}:holds", key, msgspec.msgpack.encode(["1", *hold[1:]]))
    await shop.stores.redis.hset(f"{tag}:buyers", "cid", msgspec.msgpack.encode([1, key]))
    await shop.stores.redis.zadd(f"{tag}:submitted", {key: 1})
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


async def test_a_book_of_another_server_process_is_drift_and_is_rebuilt(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.stores.redis.hset(f"{{{shop.pool_id}}}:pool", "server", "another")
    assert not await shop.reconcile()
    assert "another server process" in capsys.readouterr().out
    assert await shop.reconcile(repair=True)


async def test_free_units_beside_a_line_are_drift_and_are_handed_on(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    await shop.stores.redis.zadd(f"{{{shop.pool_id}}}:waiting", {"eve": 1})
    assert not await shop.reconcile()
    assert "1 wait, and 3 units are free" in capsys.readouterr().out
    assert await shop.reconcile(repair=True)
    assert "handed free units to 1 who waited" in capsys.readouterr().out
    [hold] = (await shop.stores.holds.holds_of([shop.pool_id], ["eve"]))["eve"]
    assert (hold.status, hold.quantity) == ("held", 1)


async def test_a_line_in_a_frozen_book_is_drift_and_is_let_go(shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    await shop.stores.holds.freeze(shop.pool_id)
    await shop.stores.redis.zadd(f"{{{shop.pool_id}}}:waiting", {"eve": 1})
    assert not await shop.reconcile()
    assert "1 wait, and the book is frozen" in capsys.readouterr().out
    assert await shop.reconcile(repair=True)
    [counts] = await shop.stores.holds.counts([shop.pool_id])
    assert counts.waiting == 0


async def test_a_hold_in_a_bundle_of_another_deadline_is_drift_and_is_rebuilt(shop: Shop) -> None:
    due = f"{{{shop.pool_id}}}:due"
    for bundle in await shop.stores.redis.zrange(due, 0, -1):
        assert isinstance(bundle, bytes)
        await shop.stores.redis.zincrby(due, 60_000, bundle)
    assert not await shop.reconcile()
    assert await shop.reconcile(repair=True)


async def test_more_time_for_a_hold_leaves_its_old_bundle_behind_and_is_no_drift(shop: Shop) -> None:
    [hold] = [one for one in (await look(shop.stores)).books[0].holds if one.status == "held"]
    extended = await shop.stores.holds.extend(shop.pool_id, hold.hold_id, hold.buyer_id, nth=1)
    assert extended is not None
    assert extended.extensions == 1
    assert await shop.stores.redis.zcard(f"{{{shop.pool_id}}}:due") == 2
    assert await shop.reconcile()


async def test_a_book_whose_turn_it_is_not_is_counted_and_not_read(shop: Shop) -> None:
    [book] = (await look(shop.stores, turns=BookTurns(0))).books
    [whole] = (await look(shop.stores, turns=BookTurns(100))).books
    assert (book.whole, book.holds, book.buyers) == (False, (), {})
    assert (whole.whole, len(whole.holds) > 0) == (True, True)
    counts = [(one.epoch, one.allocated, one.available, one.held, one.sold, one.waiting) for one in (book, whole)]
    assert counts[0] == counts[1]


async def test_the_watch_shows_drift_as_long_as_it_lasts_and_logs_it_once(shop: Shop) -> None:
    with capture_logs() as said:
        async with watching(shop) as registry:
            await until(lambda: at_of(registry) > 0)
            assert drift_of(registry) == 0
            await shop.stores.redis.hincrby(f"{{{shop.pool_id}}}:pool", "available", -1)
            await until(lambda: drift_of(registry) == 1)
            compared = at_of(registry)
            await until(lambda: at_of(registry) > compared + 0.5)
            assert drift_of(registry) == 1
            await shop.stores.redis.hincrby(f"{{{shop.pool_id}}}:pool", "available", 1)
            await until(lambda: drift_of(registry) == 0)
    assert [one["event"] for one in said if one.get("part") == "reconcile"] == ["drift", "drift_is_over"]


async def test_one_watch_looks_at_a_time_and_another_takes_over(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.reconcile.watch.WATCH_STANDBY_S", 0.1)
    async with watching(shop) as first:
        await until(lambda: at_of(first) > 0)
        tasks, second = Tasks(), new_registry()
        tasks.forever("second", a_watch(shop, second).run)
        before = at_of(first)
        await until(lambda: at_of(first) > before + 0.5)
        assert at_of(second) == 0
    await until(lambda: at_of(second) > 0)
    await tasks.stop()


def a_watch(shop: Shop, registry: CollectorRegistry) -> ReconcileWatch:
    return ReconcileWatch(shop.stores, registry, every_s=0.05, in_flight_s=0.2, look_every_s=0.05)


@asynccontextmanager
async def watching(shop: Shop) -> AsyncIterator[CollectorRegistry]:
    """Run a watch that does not take half a minute."""
    registry, tasks = new_registry(), Tasks()
    tasks.forever("watch", a_watch(shop, registry).run)
    try:
        yield registry
    finally:
        await tasks.stop()


def drift_of(registry: CollectorRegistry) -> float:
    samples = [one for metric in registry.collect() for one in metric.samples if one.name == "showdrop_drift"]
    assert len(samples) == len(CHECKS)
    return sum(one.value for one in samples)


def at_of(registry: CollectorRegistry) -> float:
    """When the newest comparison ended."""
    return registry.get_sample_value("showdrop_reconcile_last_timestamp_seconds") or 0.0


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(45):
        while not so():
            await asyncio.sleep(0.02)


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
        f"{{{shop.pool_id}}}:holds",
        key_of(ann.hold_id),
        msgspec.msgpack.encode(["4", "ann", 1, born_ms_of(ann.hold_id), 1000, ""]),
    )
