"""What is written early and committed late is seen late, and never skipped; and who commits first does not matter."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Literal

import pytest

from checkout.apply_event import WebhookInbox
from checkout.authorise import Authoriser
from checkout.news import news
from checkout.order import NewOrder, Order
from checkout.order_rows_pg import OrderRows, save_changes
from checkout.payment_answer import Change
from checkout.payment_events_pg import PaymentEvents
from checkout.payments.provider import Authorised, PaymentEvent
from checkout.webhooks.fan_out_pg import HookFanOut
from kit.ids import new_id, new_ulid
from kit.postgres import Connection
from tests.integration.checkout.checkout_shop import Shop, Worker
from tests.integration.checkout.hook_house import House
from tests.integration.checkout.shop_with_book import BookedShop
from tests.integration.checkout.test_rebook import late

URL = "https://93.184.216.34/hooks"  # never called: nothing is sent here


async def tell(connection: Connection, order: Order) -> None:
    """Write news of an order, as a stage does."""
    await save_changes(connection, [Change(order=order, events=(news(order, "order.confirmed"),))])


async def told_at_once(shop: Shop, order: Order) -> None:
    async with shop.postgres.transaction() as connection:
        await tell(connection, order)


async def in_order_of_ids(shop: Shop) -> list[object]:
    """Return the orders that the outbox has news of, by the ids of the news."""
    return [row["order_id"] for row in await shop.fetch("SELECT order_id FROM outbox ORDER BY outbox_id")]


async def test_news_with_a_low_id_that_is_committed_late_is_told_all_the_same(shop: Shop) -> None:
    orders = await shop.submitted(await shop.pool(3), count=3)
    early, second, third = orders
    worker = Worker(shop)
    async with shop.postgres.transaction() as connection:
        await tell(connection, early)
        await told_at_once(shop, second)
        await told_at_once(shop, third)
        assert [await worker.relay(), await worker.relay()] == [2, 0]
        assert [event.order_id for event in shop.told] == [second.order_id, third.order_id]

    assert await in_order_of_ids(shop) == [order.order_id for order in orders], "the late one has the lowest id"
    assert [await worker.relay(), await worker.relay()] == [1, 0]
    assert [event.order_id for event in shop.told] == [second.order_id, third.order_id, early.order_id]


async def test_a_merchants_news_with_a_low_id_that_is_committed_late_is_queued_all_the_same(shop: Shop) -> None:
    house = House(shop)
    made = await house.subscribe(URL, ["order.confirmed"])
    orders = await shop.submitted(await shop.pool(2), count=2)
    early, second = orders
    fan_out = HookFanOut(shop.postgres, buyer_first_ms=0)
    while await fan_out.round():
        pass  # that they were submitted
    await shop.execute("DELETE FROM outbox")
    async with shop.postgres.transaction() as connection:
        await tell(connection, early)
        await told_at_once(shop, second)
        assert [await fan_out.round(), await fan_out.round()] == [1, 0]
    assert await in_order_of_ids(shop) == [order.order_id for order in orders], "the late one has the lowest id"
    assert [await fan_out.round(), await fan_out.round()] == [1, 0]
    assert len(await house.deliveries(made)) == 2


async def test_an_order_written_late_for_a_hold_whose_order_has_other_units_by_now_is_that_order(
    booked: BookedShop,
) -> None:
    sale = await booked.sale(1)
    order = await late(booked, sale, "ana")
    await booked.finish()
    rebooked = await booked.orders.get(order.order_id)
    assert (rebooked.state, rebooked.hold_id != order.hold_id) == ("captured", True)
    # A process that read the first hold before all that writes its order now.
    again = NewOrder(
        order_id=new_id("order"),
        hold_id=order.hold_id,
        buyer_id="ana",
        quantity=1,
        terms=sale.terms,
        payment_method="pm_test_ok",
        provider="test",
    )
    (written,) = await booked.orders.insert_many([again])
    assert written.order_id == order.order_id
    assert await booked.value("SELECT count(*) FROM orders") == 1
    await booked.check_agreed(sale)


async def asked_again(shop: Shop) -> tuple[Authoriser, Order, PaymentEvent]:
    """Return an order whose payment's first answer was lost, taken once more, and the webhook that tells of it."""
    (order,) = await shop.submitted(await shop.pool(1), "pm_test_timeout")
    await Worker(shop).authorise()
    await shop.hurry()
    authoriser = Authoriser(OrderRows(shop.postgres), shop.providers)
    (taken,) = await authoriser.take(10)
    payment_id = str(await shop.value("SELECT payment_id FROM test_payments WHERE order_id = $1", order.order_id))
    event = PaymentEvent(
        provider="test",
        event_id=new_ulid(),
        kind="payment.authorised",
        payment_id=payment_id,
        order_id=order.order_id,
        result=Authorised(payment_id, order.amount),
        body={"payment_id": payment_id},
    )
    return authoriser, taken, event


async def until_waiting(shop: Shop, count: int) -> None:
    async with asyncio.timeout(5):
        while await shop.value(_WHO_WAITS) != count:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("first", ["webhook", "answer"])
async def test_a_webhook_and_the_answer_to_the_call_at_once_are_one_payment_and_one_capture(
    shop: Shop, first: Literal["webhook", "answer"]
) -> None:
    authoriser, order, event = await asked_again(shop)
    inbox = WebhookInbox(PaymentEvents(shop.postgres), shop.providers)
    waiting: list[asyncio.Task[object]] = []
    async with shop.postgres.transaction() as connection:
        # Both wait for the order now, in this order.
        await connection.execute("SELECT 1 FROM orders FOR UPDATE")
        ways: list[Coroutine[Any, Any, object]] = [inbox.apply(event), authoriser.handle(order)]
        for way in ways if first == "webhook" else reversed(ways):
            waiting.append(asyncio.create_task(way))
            await until_waiting(shop, len(waiting))
    await asyncio.gather(*waiting)
    assert await shop.state(order) == "authorised"
    await asyncio.gather(*(Worker(shop).run() for _ in range(2)), inbox.apply(event))
    await shop.finish()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.authorised, after.captured) == ("captured", 1_000, 1_000)
    assert await shop.fetch("SELECT captured, refunded FROM test_payments") == [{"captured": 1_000, "refunded": 0}]
    assert [event.kind for event in shop.told] == ["order.confirmed"]
    await authoriser.close()


_WHO_WAITS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
