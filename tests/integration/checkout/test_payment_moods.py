"""Every mood of the test bank, from submitted to the end."""

import pytest

from tests.integration.checkout.checkout_shop import Shop, Worker


@pytest.mark.parametrize(
    ("method", "end"),
    [
        ("pm_test_ok", "captured"),
        ("pm_test_slow", "captured"),
        ("pm_test_timeout", "captured"),
        ("pm_test_no_auth", "captured"),
        ("pm_test_declined", "declined"),
    ],
)
async def test_each_mood_ends_with_money_and_units_in_agreement(shop: Shop, method: str, end: str) -> None:
    terms = await shop.pool(10)
    (order,) = await shop.submitted(terms, method, quantity=2)

    await Worker(shop).run()
    await shop.finish()

    after = await shop.orders.get(order.order_id)
    assert after.state == end
    assert after.captured == (2_000 if end == "captured" else 0)
    assert await shop.value("SELECT sold FROM pools") == (2 if end == "captured" else 0)
    kinds = [event.kind for event in shop.told]
    assert kinds == (["order.confirmed"] if end == "captured" else ["order.declined"])
    await shop.check_quiet(terms)


async def test_an_unknown_outcome_is_looked_up_and_never_authorised_again(shop: Shop) -> None:
    terms = await shop.pool(1)
    (order,) = await shop.submitted(terms, "pm_test_timeout")
    worker = Worker(shop)

    await worker.authorise()
    assert await shop.state(order) == "submitted"
    await shop.hurry()
    await worker.authorise()

    assert await shop.state(order) == "authorised"
    assert worker.bank.authorised == [order.order_id]
    assert len(worker.bank.found) == 1


async def test_a_pending_payment_waits_and_is_polled(shop: Shop) -> None:
    terms = await shop.pool(1)
    (order,) = await shop.submitted(terms, "pm_test_slow")
    worker = Worker(shop)
    await worker.authorise()
    waiting = await shop.orders.get(order.order_id)
    assert (waiting.state, waiting.payment_open) == ("submitted", True)
    assert waiting.due_at_ms > waiting.read_at_ms

    await shop.execute("UPDATE orders SET due_at_ms = 0")
    await worker.authorise()
    assert await shop.state(order) == "submitted"

    await shop.hurry()
    await worker.authorise()
    assert await shop.state(order) == "authorised"


async def test_a_payment_that_takes_too_long_is_given_up_and_its_late_money_goes_back(shop: Shop) -> None:
    terms = await shop.pool(1)
    (order,) = await shop.submitted(terms, "pm_test_slow")
    await shop.execute("UPDATE orders SET created_at_ms = created_at_ms - 3600000")

    await Worker(shop).authorise()
    given_up = await shop.orders.get(order.order_id)
    assert (given_up.state, given_up.reason) == ("declined", "payment_timeout")

    await shop.finish()
    assert await shop.value("SELECT state FROM test_payments") == "voided"
    await shop.check_quiet(terms)


async def test_an_order_of_a_provider_that_is_gone_waits(shop: Shop) -> None:
    terms = await shop.pool(1)
    (order,) = await shop.submitted(terms)
    await shop.execute("UPDATE orders SET provider = 'gone'")

    await Worker(shop).run()

    waiting = await shop.orders.get(order.order_id)
    assert (waiting.state, waiting.attempts) == ("submitted", 1)
    assert waiting.due_at_ms > waiting.read_at_ms
