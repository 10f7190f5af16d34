"""Who gets the units, with Postgres as the judge."""

import asyncio
from collections.abc import Mapping, Sequence

from checkout.judge import first_come
from checkout.order import Order
from checkout.resolve import Resolver
from checkout.resolve_pg import ResolutionRows
from checkout.settle import Settler
from checkout.settle_pg import Settled, Settlement
from tests.integration.checkout.checkout_shop import Shop, Worker


def everybody(_free: Mapping[str, int], orders: Sequence[Order]) -> list[bool]:
    return [True] * len(orders)


async def test_300_paid_orders_on_100_units_give_100_sales_and_200_times_the_money_back(shop: Shop) -> None:
    terms = await shop.pool(100)
    await shop.submitted(terms, "pm_test_ok", count=200)
    await shop.submitted(terms, "pm_test_no_auth", count=100)
    workers = [Worker(shop, limit=37) for _ in range(3)]

    await asyncio.gather(*(worker.run() for worker in workers))
    await shop.finish()

    assert await shop.states(terms) == {"captured": 100, "unfulfillable": 200}
    assert await shop.value("SELECT sold FROM pools") == 100
    assert await shop.value("SELECT sum(captured - refunded) FROM test_payments") == 100 * 1_000
    assert sum(event.kind == "order.unfulfillable" for event in shop.told) == 200
    await shop.check_quiet(terms)


async def test_units_go_in_the_order_of_the_orders(shop: Shop) -> None:
    terms = await shop.pool(3)
    early = await shop.submitted(terms, count=2)
    await asyncio.sleep(0.002)
    late = await shop.submitted(terms, count=4)
    worker = Worker(shop, limit=2)
    await worker.authorise()
    while await worker.settle():
        pass
    accepted = {order.order_id for order in early + late if await shop.state(order) == "confirmed"}
    assert accepted == {*(order.order_id for order in early), min(order.order_id for order in late)}


async def test_the_check_refuses_what_a_wrong_judge_accepts(shop: Shop) -> None:
    terms = await shop.pool(3)
    await shop.submitted(terms, count=5)

    worker = Worker(shop, judge=everybody)
    await worker.authorise()
    assert await worker.settle() == 5
    assert await shop.states(terms) == {"confirmed": 3, "unfulfillable": 2}

    await shop.finish()
    assert await shop.states(terms) == {"captured": 3, "unfulfillable": 2}
    await shop.check_quiet(terms)


async def test_of_a_batch_that_the_database_refused_only_those_without_units_count_as_refused(shop: Shop) -> None:
    terms = await shop.pool(3)
    await shop.submitted(terms, count=5)
    await Worker(shop).authorise()
    seen: list[Settled] = []
    assert await Settler(Settlement(shop.postgres), judge=everybody, on_settled=seen.append).round() == 5
    [settled] = seen
    assert (settled.orders, settled.refused) == (5, 2)
    assert sorted(order.state for order in settled.decided) == ["confirmed"] * 3 + ["unfulfillable"] * 2


async def test_a_stock_counter_that_does_not_cover_a_sale_refuses_that_order_only(shop: Shop) -> None:
    good, bad = await shop.pool(2), await shop.pool(2)
    await shop.execute("UPDATE stock SET ring_fenced = 0 WHERE sku = $1", bad.sku)
    await shop.submitted(bad)
    await shop.submitted(good)

    worker = Worker(shop)
    await worker.authorise()
    await worker.settle()

    assert await shop.states(good) == {"confirmed": 1}
    assert await shop.states(bad) == {"unfulfillable": 1}


async def test_a_pool_that_somebody_holds_does_not_stop_the_others_nor_new_orders(shop: Shop) -> None:
    busy, free = await shop.pool(2), await shop.pool(2)
    await shop.submitted(busy)
    await shop.submitted(free)
    worker = Worker(shop)
    await worker.authorise()

    async with shop.postgres.transaction() as connection:
        await connection.execute("SELECT 1 FROM pools WHERE pool_id = $1 FOR NO KEY UPDATE", busy.pool_id)
        assert await worker.settle() == 1
        await asyncio.wait_for(shop.submitted(busy), timeout=10)

    assert await shop.states(free) == {"confirmed": 1}
    assert await worker.settle() == 1
    assert await shop.states(busy) == {"confirmed": 1, "submitted": 1}


async def test_orders_that_are_just_being_written_do_not_keep_their_pool_from_settling(shop: Shop) -> None:
    terms = await shop.pool(2)
    (order,) = await shop.submitted(terms)
    worker = Worker(shop)
    await worker.authorise()
    async with shop.postgres.transaction() as connection:
        # What the foreign key of a new order locks until its commit.
        await connection.execute("SELECT 1 FROM pools WHERE pool_id = $1 FOR KEY SHARE", terms.pool_id)
        assert await worker.settle() == 1
    assert await shop.state(order) == "confirmed"


async def test_units_that_went_back_to_the_stock_are_not_sold(shop: Shop) -> None:
    terms = await shop.pool(3)
    await shop.execute("UPDATE pools SET returned = 2")
    await shop.submitted(terms, count=2)
    await Worker(shop).run()
    assert await shop.states(terms) == {"captured": 1, "unfulfillable": 1}


async def test_two_workers_on_the_same_rows_take_each_once(shop: Shop) -> None:
    terms = await shop.pool(50)
    await shop.submitted(terms, count=50)
    workers = [Worker(shop), Worker(shop)]
    await asyncio.gather(*(worker.authorise() for worker in workers))
    asked = workers[0].bank.authorised + workers[1].bank.authorised
    assert len(asked) == len(set(asked)) == 50
    await asyncio.gather(*(worker.run() for worker in workers))
    await shop.check_quiet(terms)


async def test_confirmed_orders_that_are_handed_on_are_nobody_elses_and_come_back_when_they_are_forgotten(
    shop: Shop,
) -> None:
    terms = await shop.pool(5)
    await shop.submitted(terms, count=4)
    worker = Worker(shop)
    await worker.authorise()
    settled = await Settlement(shop.postgres).settle_due(first_come, limit=10, hand_on=3)
    assert (settled.orders, settled.refused) == (4, 0)
    assert len(settled.to_capture) == len(settled.to_resolve) == 3
    # The fourth is there for everybody.
    assert (await worker.capture(), await worker.resolve()) == (1, 1)
    assert shop.holds.resolved == [
        (hold_id, "sold") for hold_id in (await holds_of(shop)) - {one.hold_id for one in settled.to_resolve}
    ]
    # Whoever had the three is gone: their leases end, and another worker does it.
    await shop.finish()
    assert await shop.states(terms) == {"captured": 4}
    await shop.check_quiet(terms)


async def holds_of(shop: Shop) -> set[str]:
    return {str(row["hold_id"]) for row in await shop.fetch("SELECT hold_id FROM orders")}


async def test_what_is_handed_on_is_resolved_under_its_lease(shop: Shop) -> None:
    terms = await shop.pool(2)
    await shop.submitted(terms, count=2)
    await Worker(shop).authorise()
    settled = await Settlement(shop.postgres).settle_due(first_come, limit=10, hand_on=2)
    resolver = Resolver(ResolutionRows(shop.postgres), shop.holds)
    resolver.hand(settled.to_resolve)
    assert await resolver.round() == 2
    assert await shop.value("SELECT count(*) FROM orders WHERE hold_resolved") == 2
    assert await resolver.round() == 0
