"""Several workers at one order whose money came late: it is let go by one, or taken by another, never both."""

import asyncio

import pytest

from checkout.apply_event import WebhookInbox
from checkout.authorise import Authoriser
from checkout.give_back import GiveBack
from checkout.order import Order
from checkout.order_rows_pg import OrderRows
from checkout.payment_events_pg import PaymentEvents
from checkout.payments.bank_pg import TestBank
from checkout.payments.provider import Authorised, PaymentEvent, PaymentResult, PaymentUnknownError, Providers
from checkout.refunds_pg import RefundRows
from tests.integration.checkout.checkout_shop import Worker
from tests.integration.checkout.fuse import Fuse, FusedBank
from tests.integration.checkout.shop_with_book import BookedShop, Sale


class SlowBank(FusedBank):
    """A bank that takes its time over a void."""

    def __init__(self, bank: TestBank) -> None:
        super().__init__(bank, Fuse())
        self.voiding = asyncio.Event()
        self.may_void = asyncio.Event()

    async def void(self, payment_id: str, idempotency_key: str) -> None:
        self.voiding.set()
        await self.may_void.wait()
        await super().void(payment_id, idempotency_key)


class SlowAnswers(FusedBank):
    """A bank whose answers are long on their way."""

    def __init__(self, bank: TestBank) -> None:
        super().__init__(bank, Fuse())
        self.sent = asyncio.Event()
        self.may_arrive = asyncio.Event()

    async def find(self, idempotency_key: str) -> PaymentResult | None:
        answer = await super().find(idempotency_key)
        self.sent.set()
        await self.may_arrive.wait()
        return answer


class SilentBank(FusedBank):
    """A bank that answers nothing."""

    async def find(self, idempotency_key: str) -> PaymentResult | None:
        raise PaymentUnknownError(f"no answer about {idempotency_key}")


async def hear(shop: BookedShop, order: Order) -> None:
    """Let the provider's webhook say that the money is there; no lease ends by it."""
    payment_id = str(await shop.value("SELECT payment_id FROM test_payments WHERE order_id = $1", order.order_id))
    event = PaymentEvent(
        provider="test",
        event_id=f"evt_{payment_id}",
        kind="payment.authorised",
        payment_id=payment_id,
        order_id=order.order_id,
        result=Authorised(payment_id, order.amount),
        body={},
    )
    assert await WebhookInbox(PaymentEvents(shop.postgres), shop.providers).apply(event)


async def letting_go(shop: BookedShop, sale: Sale, bank: SlowBank) -> tuple[Order, "asyncio.Task[None]"]:
    """Return a late order that found no unit, and the worker whose void is on its way to the bank."""
    order = await shop.checkout(sale, await shop.hold(sale, "ana"), "ana", "pm_test_timeout")
    await shop.age(order)
    await Worker(shop).authorise()
    return order, await void_under_way(shop, sale, bank)


async def void_under_way(shop: BookedShop, sale: Sale, bank: SlowBank) -> "asyncio.Task[None]":
    """Let a worker find no unit for an order that was given up; return it with its void on the way to the bank."""
    await Worker(shop).resolve()
    hold_id = await shop.hold(sale, "bob")
    rows = OrderRows(shop.postgres)
    slow = GiveBack(rows, RefundRows(shop.postgres), Providers([bank]), rebook=shop.rebook(rows))
    (taken,) = await slow.take(1)
    task = asyncio.create_task(slow.handle(taken))
    await bank.voiding.wait()
    # Now there is a unit after all.
    await shop.book.release(sale.pool.pool_id, hold_id, "bob", keep=0)
    return task


@pytest.mark.parametrize("heard", [False, True], ids=["another worker looks", "a webhook makes it due"])
async def test_money_that_is_being_let_go_buys_nothing_any_more(booked: BookedShop, heard: bool) -> None:
    sale = await booked.sale(1)
    bank = SlowBank(booked.bank)
    order, task = await letting_go(booked, sale, bank)
    if heard:
        await hear(booked, order)
    worker = Worker(booked)
    await worker.give_back()
    await worker.settle()
    bank.may_void.set()
    await task
    await booked.finish()

    after = await booked.orders.get(order.order_id)
    assert (after.state, after.captured, after.hold_outcome) == ("declined", 0, "released")
    assert await booked.value("SELECT state FROM test_payments") == "voided"
    await booked.check_agreed(sale)


async def test_who_was_overtaken_lets_no_money_go_that_bought_a_unit(booked: BookedShop) -> None:
    sale = await booked.sale(1)
    order = await booked.checkout(sale, await booked.hold(sale, "ana"), "ana", "pm_test_timeout")
    await booked.age(order)
    worker = Worker(booked)
    await worker.authorise()
    await worker.resolve()
    rows = OrderRows(booked.postgres)
    reached, may_go_on = asyncio.Event(), asyncio.Event()

    async def found_nothing_and_slept(_order: Order) -> bool:
        reached.set()
        await may_go_on.wait()
        return False

    slow = GiveBack(rows, RefundRows(booked.postgres), booked.providers, rebook=found_nothing_and_slept)
    (taken,) = await slow.take(1)
    task = asyncio.create_task(slow.handle(taken))
    await reached.wait()
    await hear(booked, order)
    await worker.give_back()
    await worker.settle()
    assert await booked.state(order) == "confirmed"
    may_go_on.set()
    await task
    await booked.finish()

    assert await booked.state(order) == "captured"
    assert await booked.value("SELECT sum(captured) FROM test_payments") == 1_000
    await booked.check_agreed(sale)


async def test_an_answer_from_before_the_end_does_not_keep_money_that_is_being_let_go(booked: BookedShop) -> None:
    sale = await booked.sale(1)
    order = await booked.checkout(sale, await booked.hold(sale, "ana"), "ana", "pm_test_slow")
    await Worker(booked).authorise()
    await booked.hurry()
    rows = OrderRows(booked.postgres)
    slow_bank, bank = SlowAnswers(booked.bank), SlowBank(booked.bank)
    slow = Authoriser(rows, Providers([slow_bank]))
    (taken,) = await slow.take(1)
    asking = asyncio.create_task(slow.handle(taken))
    await slow_bank.sent.wait()
    # Somebody else asks too, as a webhook makes them do, and gives the order up.
    await booked.age(order)
    other = Authoriser(rows, Providers([SilentBank(booked.bank, Fuse())]))
    (taken,) = await other.take(1)
    await other.handle(taken)
    assert await booked.state(order) == "declined"
    task = await void_under_way(booked, sale, bank)
    slow_bank.may_arrive.set()
    await asking
    worker = Worker(booked)
    await worker.give_back()
    await worker.settle()
    bank.may_void.set()
    await task
    await booked.finish()

    assert await booked.state(order) == "declined"
    assert await booked.value("SELECT state FROM test_payments") == "voided"
    await booked.check_agreed(sale)
