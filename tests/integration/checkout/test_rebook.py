"""Money that comes after its order was given up: a free unit if that takes it from nobody, else it goes back (D9)."""

import asyncio
import contextlib

import pytest

from checkout.apply_event import WebhookInbox
from checkout.order import Order
from checkout.payment_events_pg import PaymentEvents
from inventory.holds import Hold
from inventory.holds_redis import RedisHolds
from tests.integration.checkout.checkout_shop import Worker
from tests.integration.checkout.fuse import Fuse
from tests.integration.checkout.shop_with_book import BookedShop, NotedBook, Sale

STEPS = 80
"""More than a worker makes of one late payment."""


async def late(shop: BookedShop, sale: Sale, buyer_id: str, method: str = "pm_test_slow", quantity: int = 1) -> Order:
    """Return an order that was given up, and whose money has come since; the worker has not looked yet."""
    hold_id = await shop.hold(sale, buyer_id, quantity)
    order = await shop.checkout(sale, hold_id, buyer_id, method)
    await shop.age(order)
    worker = Worker(shop)
    await worker.authorise()
    await worker.resolve()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.reason) == ("declined", "payment_timeout")
    event = await shop.late_event(order)
    await WebhookInbox(PaymentEvents(shop.postgres), shop.providers).apply(event)
    return after


class SlowBook(NotedBook):
    """A book so slow that the keeper ends the submitted hold, which has no order, before anybody hears of it."""

    def __init__(self, book: RedisHolds, shop: BookedShop, sale: Sale) -> None:
        super().__init__(book)
        self._shop, self._sale = shop, sale

    async def submit(self, pool_id: str, hold_id: str, buyer_id: str) -> Hold | None:
        hold = await super().submit(pool_id, hold_id, buyer_id)
        assert hold is not None
        assert await self._shop.orders.tombstone(hold, self._sale.terms)
        return hold


async def money_kept(shop: BookedShop) -> object:
    return await shop.value("SELECT sum(captured - refunded) FROM test_payments")


@pytest.mark.parametrize("method", ["pm_test_slow", "pm_test_timeout"])
async def test_late_money_gets_a_free_unit(booked: BookedShop, method: str) -> None:
    sale = await booked.sale(2, limit=2)
    order = await late(booked, sale, "ana", method, quantity=2)
    await booked.finish()
    after = await booked.orders.get(order.order_id)
    assert (after.state, after.reason, after.hold_outcome) == ("captured", None, "sold")
    assert after.hold_id != order.hold_id
    assert [event.kind for event in booked.told] == ["order.declined", "order.confirmed"]
    assert await money_kept(booked) == 2_000
    await booked.check_agreed(sale)


async def test_a_checkout_repeated_with_the_first_hold_finds_the_order_that_was_rebooked(booked: BookedShop) -> None:
    sale = await booked.sale(1)
    order = await late(booked, sale, "ana")
    await booked.finish()
    again = await booked.checkout(sale, order.hold_id, "ana", "pm_test_slow")
    assert (again.order_id, again.state) == (order.order_id, "captured")
    assert await booked.value("SELECT count(*) FROM orders") == 1


async def test_late_money_takes_no_unit_that_somebody_holds_waits_for_or_bought(booked: BookedShop) -> None:
    held, waited_for, bought = [await booked.sale(1) for _ in range(3)]
    orders = [await late(booked, sale, "ana") for sale in (held, waited_for, bought)]
    await booked.hold(held, "bob")
    pool = await booked.pools.get(waited_for.pool.pool_id)
    assert pool is not None
    kept = await booked.hold(waited_for, "bob")
    assert await booked.book.join(pool, "cid")
    await booked.book.release(pool.pool_id, kept, "bob")  # the unit goes to cid, who has a hold now
    other = await booked.checkout(bought, await booked.hold(bought, "bob"), "bob")
    await booked.finish()
    assert [await booked.state(order) for order in orders] == ["declined"] * 3
    assert await booked.state(other) == "captured"
    assert await money_kept(booked) == 1_000
    await booked.check_agreed(held, held=1)
    await booked.check_agreed(waited_for, held=1)
    await booked.check_agreed(bought)


async def test_late_money_of_an_offer_that_is_over_goes_back(booked: BookedShop) -> None:
    sale = await booked.sale(1)
    order = await late(booked, sale, "ana")
    await booked.execute("UPDATE pools SET state = 'closing' WHERE pool_id = $1", sale.pool.pool_id)
    await booked.finish()
    assert await booked.state(order) == "declined"
    assert await money_kept(booked) == 0


async def test_late_money_of_a_cancelled_order_goes_back_although_a_unit_is_free(booked: BookedShop) -> None:
    sale = await booked.sale(1)
    hold_id = await booked.hold(sale, "ana")
    order = await booked.checkout(sale, hold_id, "ana", "pm_test_slow")
    await Worker(booked).authorise()
    await booked.execute(
        "UPDATE orders SET state = 'cancelled', reason = 'changed_mind', hold_outcome = 'released' WHERE order_id = $1",
        order.order_id,
    )
    await WebhookInbox(PaymentEvents(booked.postgres), booked.providers).apply(await booked.late_event(order))
    await booked.finish()
    assert await booked.state(order) == "cancelled"
    assert await money_kept(booked) == 0
    await booked.check_agreed(sale)


async def test_a_worker_that_dies_anywhere_while_it_rebooks_sells_the_unit_once(booked: BookedShop) -> None:
    deaths = 0
    for step in range(1, STEPS):
        sale = await booked.sale(1)
        order = await late(booked, sale, f"ana-{step}")
        fuse = Fuse(step)
        with contextlib.suppress(asyncio.CancelledError):
            await Worker(booked, fuse=fuse).run()
        booked.noted.fuse = Fuse()
        deaths += fuse.blown
        await booked.finish()
        assert await booked.state(order) == "captured"
        await booked.check_agreed(sale)
        if not fuse.blown:
            break
    else:
        pytest.fail("every one of the workers died")
    assert deaths > 10
    assert await money_kept(booked) == (deaths + 1) * 1_000


async def test_several_workers_rebook_a_late_order_once(booked: BookedShop) -> None:
    sale = await booked.sale(3, limit=3)
    orders = [await late(booked, sale, name) for name in ("ana", "bob", "cid", "dan")[:3]]
    await asyncio.gather(*(Worker(booked).run() for _ in range(4)))
    await booked.finish()
    assert [await booked.state(order) for order in orders] == ["captured"] * 3
    assert await money_kept(booked) == 3_000
    await booked.check_agreed(sale)


async def test_a_hold_that_was_given_up_while_its_order_was_rebooked_sends_the_money_back(booked: BookedShop) -> None:
    sale = await booked.sale(1)
    order = await late(booked, sale, "ana")
    booked.noted = SlowBook(booked.book, booked, sale)
    booked.holds = booked.noted
    await booked.finish()
    assert await booked.state(order) == "declined"
    assert await money_kept(booked) == 0
    assert (await booked.counts(sale)).available == 1
