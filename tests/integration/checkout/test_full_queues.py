"""A queue that is full refuses, and what was taken is kept: nothing is dropped in silence."""

import asyncio

import pytest

from checkout.news import OutboxEvent
from checkout.order import Order
from checkout.outbox_pg import OutboxRelay
from checkout.submit import CheckoutRequest, Submitter
from kit.errors import UnavailableError
from tests.integration.checkout.checkout_shop import Shop, Worker

QUEUED = 8
BUYERS = 40
EVENTS_AT_ONCE = 7


async def test_a_checkout_that_finds_the_queue_full_is_refused_and_goes_through_when_it_is_repeated(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checkout.submit.INSERT_MAX_QUEUED_ORDERS", QUEUED)
    monkeypatch.setattr("checkout.submit.INSERT_MAX_ORDERS", 3)
    submitter = Submitter(shop.holds, shop.orders, shop.providers)
    terms = await shop.pool(BUYERS)
    wishes = [
        CheckoutRequest(hold_id=hold.hold_id, buyer_id=hold.buyer_id, terms=terms, payment_method="pm_test_ok")
        for hold in (shop.holds.put(terms.pool_id, f"buyer_{number}") for number in range(BUYERS))
    ]

    async with asyncio.timeout(30):
        first = await asyncio.gather(*(submitter.submit(wish) for wish in wishes), return_exceptions=True)

    refused = [wish for wish, answer in zip(wishes, first, strict=True) if not isinstance(answer, Order)]
    assert {one.code for one in first if isinstance(one, UnavailableError)} == {"overloaded"}
    assert QUEUED <= BUYERS - len(refused) < BUYERS, "some were taken and some were not"
    assert await shop.value("SELECT count(*) FROM orders") == BUYERS - len(refused), "each was told the truth"
    for wish in refused:
        await submitter.submit(wish)
    await submitter.close()
    await Worker(shop).run()
    assert await shop.states(terms) == {"captured": BUYERS}
    await shop.check_quiet(terms)


async def test_news_beyond_what_one_delivery_takes_all_arrives_although_deliveries_fail(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("checkout.outbox_pg.RELAY_MAX_EVENTS", EVENTS_AT_ONCE)
    terms = await shop.pool(1)
    orders = await shop.submitted(terms, "pm_test_declined", count=BUYERS)
    await Worker(shop).authorise()
    assert await shop.value("SELECT count(*) FROM outbox WHERE NOT done") == BUYERS
    heard: list[str] = []
    deliveries = 0

    async def deliver(events: list[OutboxEvent]) -> None:
        nonlocal deliveries
        deliveries += 1
        assert len(events) <= EVENTS_AT_ONCE
        if deliveries % 2:
            raise UnavailableError("the inbox is full")
        heard.extend(event.order_id for event in events)

    async def relay() -> None:
        while await shop.value("SELECT count(*) FROM outbox WHERE NOT done"):
            try:
                await OutboxRelay(shop.postgres).relay(deliver)
            except UnavailableError:
                await shop.execute("UPDATE outbox SET due_at_ms = 0 WHERE NOT done")

    async with asyncio.timeout(30):
        await asyncio.gather(relay(), relay())
    assert set(heard) == {order.order_id for order in orders}
