"""Nothing that says "done already" is set before what it stands for is durable: a process may die at any gate."""

import asyncio
from collections.abc import Sequence

import pytest

from checkout.orders_pg import Orders
from checkout.payment_events_pg import PaymentEvents
from checkout.submit import CheckoutRequest, Submitter
from inventory.holds import Hold, HoldAsked
from inventory.holds_redis import RedisHolds
from kit.errors import UnavailableError
from live.api.idempotency_pg import Idempotency, Reply, request_hash
from tests.integration.checkout.checkout_shop import Worker
from tests.integration.checkout.fuse import Fuse, FusedPostgres
from tests.integration.checkout.shop_with_book import BookedShop, Sale

HASH = request_hash("POST", "/v1/holds/checkout", b"body")


class FusedBook:
    """The hold book on the other side of a network."""

    def __init__(self, book: RedisHolds, fuse: Fuse) -> None:
        self._book = book
        self._fuse = fuse

    async def submit_many(self, asked: Sequence[HoldAsked]) -> list[Hold | UnavailableError | None]:
        self._fuse.step()
        holds = await self._book.submit_many(asked)
        self._fuse.step()
        return holds


async def checkout(shop: BookedShop, sale: Sale, hold_id: str, fuse: Fuse) -> Reply:
    """Check out as a process of its own does: behind an Idempotency-Key, dying when the fuse blows."""
    postgres = FusedPostgres(shop.postgres, fuse)
    submitter = Submitter(FusedBook(shop.book, fuse), Orders(postgres), shop.providers)

    async def act(_seed: str) -> Reply:
        request = CheckoutRequest(
            hold_id=hold_id, buyer_id="ana", terms=sale.terms, payment_method="pm_test_ok", shipping=None
        )
        return Reply(status=202, body=(await submitter.submit(request)).order_id.encode())

    return await Idempotency(postgres).once("viewer:ana", hold_id, HASH, act)


async def _die_at(shop: BookedShop, step: int) -> bool:
    """Check out in a process that dies at this step, then again in another; return whether it came that far."""
    sale = await shop.sale(1)
    hold_id = await shop.hold(sale, "ana")
    fuse = Fuse(step)
    try:
        await checkout(shop, sale, hold_id, fuse)
    except asyncio.CancelledError:
        assert fuse.blown
    await shop.execute("UPDATE idempotency SET locked_until_ms = 0 WHERE status IS NULL")

    reply = await checkout(shop, sale, hold_id, Fuse())

    again = await checkout(shop, sale, hold_id, Fuse())
    assert (again.body, again.replayed) == (reply.body, True)
    rows = await shop.fetch("SELECT order_id, state FROM orders WHERE hold_id = $1", hold_id)
    assert rows == [{"order_id": reply.body.decode(), "state": "submitted"}], step
    await Worker(shop).run()
    await shop.check_agreed(sale)
    return fuse.blown


async def test_a_checkout_killed_at_any_step_goes_through_when_it_is_repeated(booked: BookedShop) -> None:
    step = 1
    while await _die_at(booked, step):
        step += 1
    # The key, the hold, the order's transaction and the answer, each before and after.
    assert step > 8


@pytest.mark.parametrize("step", [1, 2, 3, 4])
async def test_a_webhook_killed_at_any_step_is_applied_when_it_comes_again(booked: BookedShop, step: int) -> None:
    sale = await booked.sale(1)
    order = await booked.checkout(sale, await booked.hold(sale, "ana"), "ana", "pm_test_slow")
    await Worker(booked).authorise()
    event = await booked.late_event(order)
    fuse = Fuse(step)
    try:
        await PaymentEvents(FusedPostgres(booked.postgres, fuse)).apply(event)
    except asyncio.CancelledError:
        assert fuse.blown
    assert fuse.blown == (step < 4), "there are three places to die at"

    committed = await booked.value("SELECT count(*) FROM payment_events")
    assert await PaymentEvents(booked.postgres).apply(event) == (committed == 0)
    assert await booked.state(order) == "authorised"
    assert await booked.value("SELECT count(*) FROM payment_events") == 1


async def test_a_webhook_cut_off_between_its_record_and_its_order_is_applied_when_it_comes_again(
    booked: BookedShop,
) -> None:
    sale = await booked.sale(1)
    order = await booked.checkout(sale, await booked.hold(sale, "ana"), "ana", "pm_test_slow")
    await Worker(booked).authorise()
    event = await booked.late_event(order)
    events = PaymentEvents(booked.postgres)
    async with booked.postgres.transaction() as connection:
        # It has recorded the event, and waits for the order.
        await connection.execute("SELECT 1 FROM orders FOR UPDATE")
        applying = asyncio.create_task(events.apply(event))
        async with asyncio.timeout(10):
            while not await booked.value(_KILL_WHO_WAITS):
                await asyncio.sleep(0.01)
        with pytest.raises(UnavailableError):
            await applying
    assert await booked.value("SELECT count(*) FROM payment_events") == 0
    assert await booked.state(order) == "submitted"

    assert await events.apply(event)
    await booked.finish()
    assert await booked.state(order) == "captured"
    await booked.check_agreed(sale)


_KILL_WHO_WAITS = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
