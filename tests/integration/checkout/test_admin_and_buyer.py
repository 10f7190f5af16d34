"""Staff set units aside, count and import while buyers complete: every unit is counted once, whoever comes first."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import pytest

from checkout.order import Order, SaleTerms
from checkout.payments.provider import Providers
from checkout.refund import Refunds
from inventory.pools_pg import PoolTerms, close_pool, create_pool
from inventory.stock import StockLevel
from inventory.stock_pg import StockLedger
from kit.errors import ConflictError
from kit.ids import new_id
from tests.fakes.stripe.server import fake_stripe
from tests.integration.checkout.checkout_shop import Shop, Worker
from tests.integration.checkout.shop_with_book import BookedShop
from tests.integration.checkout.stripe_shop import StripeShop
from tests.integration.checkout.stripe_till import a_till

SPARE = 5
"""Units that ``Shop.pool`` brings beyond those of the pool."""

ROUNDS = 15


async def level_of(shop: Shop, terms: SaleTerms) -> tuple[int, int, int]:
    """Return what is on hand, what is set aside, and what is free."""
    level: StockLevel = await StockLedger(shop.postgres).level(terms.sku)
    return level.on_hand, level.ring_fenced, level.available


async def set_aside(shop: Shop, terms: SaleTerms, units: int) -> str:
    """Open another offer of the same SKU, as staff do."""
    pool_id = new_id("offer")
    pool = PoolTerms(
        sku=terms.sku,
        quantity=units,
        per_buyer_limit=1,
        starts_at_ms=0,
        ends_at_ms=5,
        grace_ms=0,
        hold_ttl_ms=5,
        waitlist_hold_ttl_ms=5,
    )
    async with shop.postgres.transaction() as connection:
        await create_pool(connection, pool_id, pool)
    return pool_id


async def paid(shop: Shop, terms: SaleTerms, *, quantity: int = 1) -> None:
    """Write an order that has its money and waits for its units."""
    await shop.submitted(terms, quantity=quantity)
    await Worker(shop).authorise()


async def until_waiting(shop: Shop, count: int) -> None:
    async with asyncio.timeout(5):
        while await shop.value(_WHO_WAITS) != count:
            await asyncio.sleep(0.01)


async def in_turn(shop: Shop, terms: SaleTerms, *ways: Callable[[], Awaitable[object]]) -> list[object]:
    """Let all of them wait for the SKU's stock, in this order, then go on; return what they returned or raised."""
    tasks = []
    async with shop.postgres.transaction() as connection:
        await connection.execute("SELECT 1 FROM stock WHERE sku = $1 FOR UPDATE", terms.sku)
        for number, way in enumerate(ways, 1):
            tasks.append(asyncio.ensure_future(way()))
            await until_waiting(shop, number)
    return await asyncio.gather(*tasks, return_exceptions=True)


_WHO_WAITS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


async def test_units_that_staff_set_aside_are_the_ones_that_the_buyer_completes(shop: Shop) -> None:
    terms = await shop.pool(3)
    assert await level_of(shop, terms) == (8, 3, SPARE)
    await paid(shop, terms, quantity=2)
    assert await level_of(shop, terms) == (8, 3, SPARE), "a payment sets nothing aside once more"
    await Worker(shop).settle()
    assert await level_of(shop, terms) == (6, 1, SPARE), "sold units leave the shelf and the ring fence together"
    await shop.finish()
    assert await level_of(shop, terms) == (6, 1, SPARE)
    await shop.check_quiet(terms)


@pytest.mark.parametrize("first", ["staff", "buyer"])
async def test_setting_aside_the_last_free_units_and_completing_a_sale_at_once_count_each_unit_once(
    shop: Shop, first: str
) -> None:
    terms = await shop.pool(3)
    await paid(shop, terms)
    ways = [lambda: set_aside(shop, terms, SPARE), lambda: Worker(shop).settle()]
    await in_turn(shop, terms, *(ways if first == "staff" else reversed(ways)))
    assert await level_of(shop, terms) == (7, 7, 0)
    assert await shop.states(terms) == {"confirmed": 1}
    with pytest.raises(ConflictError) as refused:
        await set_aside(shop, terms, 1)
    assert refused.value.code == "stock_short"
    await shop.finish()
    await shop.check_quiet(terms)


@pytest.mark.parametrize("first", ["staff", "buyer"])
async def test_counting_fewer_than_are_set_aside_is_refused_and_the_buyer_gets_their_unit(
    shop: Shop, first: str
) -> None:
    terms = await shop.pool(3)
    await paid(shop, terms)
    ledger = StockLedger(shop.postgres)
    ways = [
        lambda: ledger.adjust(terms.sku, -SPARE - 1, key="too many", reason="count"),
        lambda: Worker(shop).settle(),
    ]
    ends = await in_turn(shop, terms, *(ways if first == "staff" else reversed(ways)))
    (refused,) = [end for end in ends if isinstance(end, BaseException)]
    assert isinstance(refused, ConflictError)
    assert refused.code == "stock_short"
    assert await level_of(shop, terms) == (7, 2, SPARE)
    # What is free may be counted away, to the last unit.
    await ledger.adjust(terms.sku, -SPARE, key="all that is free", reason="count")
    await shop.finish()
    assert await level_of(shop, terms) == (2, 2, 0)
    await shop.check_quiet(terms)


async def test_many_hands_on_one_sku_leave_what_was_brought_less_what_was_sold(shop: Shop) -> None:
    terms = await shop.pool(ROUNDS)
    await shop.submitted(terms, count=ROUNDS)
    await Worker(shop).authorise()
    ledger = StockLedger(shop.postgres)

    async def count(number: int) -> None:
        for delta in (3, -2):
            key = f"{number}:{delta}"
            for _ in range(2):  # pressed twice
                await ledger.adjust(terms.sku, delta, key=key, reason="count")

    async def complete() -> None:
        worker = Worker(shop, limit=2)
        while await shop.value("SELECT count(*) FROM orders WHERE state = 'authorised'"):
            await worker.settle()

    async with asyncio.TaskGroup() as hands:
        for number in range(ROUNDS):
            hands.create_task(count(number))
        opened = [hands.create_task(set_aside(shop, terms, 1)) for _ in range(SPARE)]
        for _ in range(3):
            hands.create_task(complete())
    assert len({task.result() for task in opened}) == SPARE
    await shop.finish()
    assert await shop.states(terms) == {"captured": ROUNDS}
    # ROUNDS + SPARE came, each round counted one more, ROUNDS were sold; other offers have SPARE of the rest.
    assert await level_of(shop, terms) == (SPARE + ROUNDS, SPARE, ROUNDS)
    await shop.check_quiet(terms)


async def test_an_offer_that_staff_end_while_a_buyer_completes_gives_back_what_was_not_sold_once(
    booked: BookedShop,
) -> None:
    sale = await booked.sale(3)
    order = await booked.checkout(sale, await booked.hold(sale, "ana"), "ana")
    await Worker(booked).authorise()

    async def end_offer() -> None:
        async with booked.postgres.transaction() as connection:
            await close_pool(connection, sale.pool.pool_id, release_holds=True)
        await booked.book.freeze(sale.pool.pool_id)

    async def give_back() -> bool:
        return await booked.pools.settle_close(sale.pool.pool_id, await booked.counts(sale))

    await asyncio.gather(end_offer(), Worker(booked).settle())
    await asyncio.gather(give_back(), give_back(), Worker(booked).run())
    await booked.finish()
    for _ in range(2):
        await give_back()
    assert await booked.state(order) == "captured"
    assert await booked.fetch("SELECT sold, returned, state FROM pools") == [
        {"sold": 1, "returned": 2, "state": "closed"}
    ]
    assert await level_of(booked, sale.terms) == (2 + SPARE, 0, 2 + SPARE)
    await booked.check_quiet(sale.terms)


async def test_a_unit_that_staff_take_back_while_it_is_counted_is_on_the_shelf_once(shop: Shop) -> None:
    terms = await shop.pool(1)
    order = await shop.captured(terms)
    refunds, ledger = Refunds(shop.postgres, shop.providers), StockLedger(shop.postgres)

    async def take_back() -> object:
        return await refunds.refund(order.order_id, amount=None, reason="", restock=True, refund_id="refund_1")

    await asyncio.gather(take_back(), take_back(), ledger.adjust(terms.sku, 4, key="found", reason="count"))
    await shop.finish()
    assert await shop.state(order) == "refunded"
    assert await level_of(shop, terms) == (SPARE + 1 + 4, 0, SPARE + 1 + 4)
    await shop.check_quiet(terms)


async def test_money_is_taken_only_once_the_units_are_the_buyers(shop: Shop) -> None:
    terms = await shop.pool(1)
    await shop.submitted(terms, count=2)
    worker = Worker(shop)
    await worker.authorise()
    assert await worker.capture() == 0
    assert await shop.value("SELECT sum(captured) FROM test_payments") == 0
    await worker.settle()
    assert await worker.capture() == 1
    assert await shop.fetch("SELECT captured FROM test_payments ORDER BY captured") == [
        {"captured": 0},
        {"captured": 1_000},
    ]
    await shop.finish()
    states = await shop.fetch("SELECT state FROM test_payments ORDER BY state")
    assert states == [{"state": "captured"}, {"state": "voided"}], "what was never taken need not be given back"
    await shop.check_quiet(terms)


async def test_a_refund_of_staff_and_the_webhooks_that_tell_of_it_give_the_money_back_once(shop: Shop) -> None:
    async with fake_stripe() as fake, a_till(fake) as till:
        counter = StripeShop(shop, till, fake)
        order = await counter.order(await shop.pool(1), "card:pm_card_visa")
        await counter.finish()
        await counter.deliver()
        refunds = Refunds(shop.postgres, Providers([till]))
        await refunds.refund(order.order_id, amount=None, reason="", restock=False, refund_id="refund_1")
        told = list(fake.account.events)
        assert [event["type"] for event in told] == ["refund.created"]
        for number in range(3):
            # Each time another event of the same refund, delivered twice.
            fake.account.events[:] = [{**event, "id": f"evt_{number}"} for event in told]
            assert sorted(await counter.deliver()) == [False, True]
            await counter.finish()
        assert fake.account.only().refunded == order.amount.amount
        after = await shop.orders.get(order.order_id)
        assert (after.state, after.refunded, after.refund_reserved) == ("refunded", order.amount.amount, 0)
        await counter.check_money()


def everybody(_free: Mapping[str, int], orders: Sequence[Order]) -> list[bool]:
    return [True] * len(orders)


async def test_units_set_aside_for_another_offer_are_not_sold_by_this_one_though_the_judge_errs(shop: Shop) -> None:
    terms = await shop.pool(3)
    await set_aside(shop, terms, SPARE)
    await shop.submitted(terms, count=5)
    worker = Worker(shop, judge=everybody)
    await worker.authorise()
    assert await worker.settle() == 5
    assert await shop.states(terms) == {"confirmed": 3, "unfulfillable": 2}
    await shop.finish()
    assert await level_of(shop, terms) == (SPARE, SPARE, 0)
    await shop.check_quiet(terms)
