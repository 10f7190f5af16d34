"""Money that comes late, twice, or for a unit that somebody else has: one is sold, the rest goes back."""

import asyncio

import pytest

from checkout.apply_event import WebhookInbox
from checkout.order import Order
from checkout.payment_events_pg import PaymentEvents
from inventory.holds import OpenOrder, Refused
from tests.integration.checkout.checkout_shop import Worker
from tests.integration.checkout.shop_with_book import BookedShop, Sale

SOLD_OUT = Refused(reason="sold_out", temporary=True)
SOLD_OUT_FOR_GOOD = Refused(reason="sold_out", temporary=False)


def webhooks(shop: BookedShop) -> WebhookInbox:
    return WebhookInbox(PaymentEvents(shop.postgres), shop.providers)


async def given_up(shop: BookedShop, sale: Sale, buyer_id: str, method: str) -> Order:
    """Return an order whose payment took too long; its hold is released, its payment still open."""
    order = await shop.checkout(sale, await shop.hold(sale, buyer_id), buyer_id, method)
    await shop.age(order)
    worker = Worker(shop)
    await worker.authorise()
    await worker.resolve()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.reason, after.payment_open) == ("declined", "payment_timeout", True)
    return after


@pytest.mark.parametrize("when", ["before", "while", "after"])
@pytest.mark.parametrize("method", ["pm_test_slow", "pm_test_timeout"])
async def test_of_an_old_and_a_new_payment_for_the_last_unit_one_is_sold_and_the_other_goes_back(
    booked: BookedShop, when: str, method: str
) -> None:
    sale = await booked.sale(1)
    old = await given_up(booked, sale, "ana", method)
    new = await booked.checkout(sale, await booked.hold(sale, "ana"), "ana")
    late = await booked.late_event(old)

    if when == "before":
        await webhooks(booked).apply(late)
        await Worker(booked).run()
    elif when == "while":
        await asyncio.gather(Worker(booked).run(), webhooks(booked).apply(late), Worker(booked).run())
    else:
        await Worker(booked).run()
        await webhooks(booked).apply(late)
    await booked.finish()

    assert (await booked.state(old), await booked.state(new)) == ("declined", "captured")
    states = await booked.fetch("SELECT order_id, state FROM test_payments")
    assert {row["order_id"]: row["state"] for row in states} == {old.order_id: "voided", new.order_id: "captured"}
    await booked.check_agreed(sale)


async def test_a_payment_that_is_pending_for_long_keeps_its_unit_and_gets_it(booked: BookedShop) -> None:
    sale = await booked.sale(1, hold_ttl_ms=1_000)
    order = await booked.checkout(sale, await booked.hold(sale, "ana"), "ana", "pm_test_slow")
    worker = Worker(booked)
    for _ in range(3):
        await worker.authorise()
        await asyncio.sleep(0.4)
        assert await booked.book.sweep([sale.pool.pool_id]) == []
        assert await booked.claim(sale, "bob") == SOLD_OUT
        await booked.execute("UPDATE orders SET due_at_ms = 0")
    assert await booked.state(order) == "submitted"
    assert (await booked.counts(sale)).held == 1

    await booked.finish()
    assert await booked.state(order) == "captured"
    assert await booked.claim(sale, "bob") == SOLD_OUT_FOR_GOOD
    await booked.check_agreed(sale)


@pytest.mark.parametrize("method", ["pm_test_slow", "pm_test_timeout"])
async def test_money_that_comes_after_its_unit_went_to_somebody_else_goes_back(booked: BookedShop, method: str) -> None:
    sale = await booked.sale(1)
    late = await given_up(booked, sale, "ana", method)
    taken = await booked.checkout(sale, await booked.hold(sale, "bob"), "bob")
    await asyncio.gather(webhooks(booked).apply(await booked.late_event(late)), Worker(booked).run())
    await booked.finish()
    assert (await booked.state(late), await booked.state(taken)) == ("declined", "captured")
    assert await booked.value("SELECT state FROM test_payments WHERE order_id = $1", late.order_id) == "voided"
    await booked.check_agreed(sale)


@pytest.mark.parametrize(
    ("taken", "end"), [(False, "captured"), (True, "unfulfillable")], ids=["the unit is free", "the unit is taken"]
)
async def test_late_money_without_its_hold_takes_a_free_unit_or_goes_back(
    booked: BookedShop, taken: bool, end: str
) -> None:
    sale = await booked.sale(1)
    order = await booked.checkout(sale, await booked.hold(sale, "ana"), "ana", "pm_test_slow")
    await Worker(booked).authorise()
    await booked.lose_book(sale)
    if taken:
        other = await booked.checkout(sale, await booked.hold(sale, "bob"), "bob")
        await Worker(booked).run()
        assert await booked.state(other) == "captured"
    await webhooks(booked).apply(await booked.late_event(order))
    await booked.finish()
    assert await booked.state(order) == end
    assert await booked.value("SELECT sold FROM pools") == 1
    assert await booked.value("SELECT sum(captured - refunded) FROM test_payments") == 1_000
    await booked.check_agreed(sale)


async def test_a_fresh_hold_does_not_spare_its_order_the_judge(booked: BookedShop) -> None:
    # The book is lost and knows nothing of ana's order: bob's hold is as fresh and as good as hers was.
    sale = await booked.sale(1)
    orders = [await booked.checkout(sale, await booked.hold(sale, "ana"), "ana")]
    await booked.lose_book(sale)
    orders.append(await booked.checkout(sale, await booked.hold(sale, "bob"), "bob"))
    await asyncio.gather(*(Worker(booked).run() for _ in range(3)))
    await booked.finish()
    assert sorted([await booked.state(order) for order in orders]) == ["captured", "unfulfillable"]
    assert await booked.value("SELECT sold FROM pools") == 1
    assert await booked.value("SELECT sum(captured - refunded) FROM test_payments") == 1_000
    await booked.check_agreed(sale)


async def test_a_hold_taken_a_moment_ago_is_not_trusted_by_a_book_of_another_life(booked: BookedShop) -> None:
    sale = await booked.sale(2)
    hold_id = await booked.hold(sale, "ana")
    await booked.redis.hset(f"{{{sale.pool.pool_id}}}:pool", "server", "another")
    assert await booked.claim(sale, "bob") == Refused(reason="recovering", temporary=True)
    order = await booked.checkout(sale, hold_id, "ana")
    known = OpenOrder(hold_id=hold_id, buyer_id="ana", quantity=1, status="submitted")
    assert await booked.orders.open_orders(sale.pool.pool_id) == [known]
    await booked.lose_book(sale, [known])
    await booked.hold(sale, "bob")
    assert await booked.claim(sale, "cid") == SOLD_OUT
    await booked.finish()
    assert await booked.state(order) == "captured"
    await booked.check_agreed(sale, held=1)
