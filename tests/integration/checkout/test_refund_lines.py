"""Refunds of some units of an order, on real Postgres: what goes back, what is for sale again, and who wins a race."""

import asyncio
import random

import pytest

from checkout.order import Order
from checkout.refund import Refunds
from checkout.refund_rules import ReturnedLine
from checkout.refunds_pg import RefundRows
from kit.errors import ConflictError, InvalidError
from kit.money import Money
from tests.integration.checkout.checkout_shop import Shop, Worker


@pytest.fixture
def refunds(shop: Shop) -> Refunds:
    return Refunds(shop.postgres, shop.providers)


async def give_back(
    refunds: Refunds, order: Order, refund_id: str, units: int, *, restock: bool = True, amount: int | None = None
) -> Order:
    return await refunds.refund(
        order.order_id,
        amount=None if amount is None else Money(amount, "EUR"),
        reason="broken",
        restock=restock,
        refund_id=refund_id,
        line=ReturnedLine(sku=order.sku, quantity=units) if units else None,
    )


async def test_exactly_the_units_that_come_back_are_for_sale_again(shop: Shop, refunds: Refunds) -> None:
    terms = await shop.pool(5)
    order = await shop.captured(terms, quantity=4)
    before = await shop.value("SELECT on_hand FROM stock")
    assert isinstance(before, int)

    some = await give_back(refunds, order, "r1", 2)
    assert (some.state, some.refunded, some.returned_quantity) == ("captured", 2_000, 2)
    assert await shop.value("SELECT on_hand FROM stock") == before + 2
    broken = await give_back(refunds, order, "r2", 1, restock=False)
    assert (broken.state, broken.refunded, broken.returned_quantity) == ("captured", 3_000, 3)
    assert await shop.value("SELECT on_hand FROM stock") == before + 2
    rest = await give_back(refunds, order, "r3", 0)
    assert (rest.state, rest.refunded, rest.returned_quantity) == ("refunded", 4_000, 4)
    assert await shop.value("SELECT on_hand FROM stock") == before + 3
    await Worker(shop).run()
    await shop.check_quiet(terms)


async def test_the_same_return_twice_brings_its_units_back_once(shop: Shop, refunds: Refunds) -> None:
    order = await shop.captured(await shop.pool(5), quantity=3)
    answers = await asyncio.gather(*(give_back(refunds, order, "r1", 1) for _ in range(4)))
    assert {answer.state for answer in answers} == {"captured"}
    after = await shop.orders.get(order.order_id)
    assert (after.refunded, after.returned_quantity) == (1_000, 1)
    assert await shop.value("SELECT sum(on_hand_delta)::bigint FROM movements WHERE kind = 'restock'") == 1
    with pytest.raises(ConflictError) as reused:
        await give_back(refunds, order, "r1", 2)
    assert reused.value.code == "refund_id_reused"


async def test_staff_who_press_at_once_never_give_back_more_units_than_were_bought(
    shop: Shop, refunds: Refunds
) -> None:
    terms = await shop.pool(10)
    order = await shop.captured(terms, quantity=3)
    # A little money each, so that the units are what runs out.
    answers = await asyncio.gather(
        *(give_back(refunds, order, f"r{number}", 2, amount=10) for number in range(6)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, ConflictError)]
    assert [error.code for error in refused] == ["return_exceeds_order"] * 5
    after = await shop.orders.get(order.order_id)
    assert (after.refunded, after.returned_quantity) == (10, 2)
    assert await shop.value("SELECT sum(on_hand_delta)::bigint FROM movements WHERE kind = 'restock'") == 2
    await Worker(shop).run()
    await shop.check_quiet(terms)


async def test_units_of_a_refund_under_way_are_nobody_elses_until_it_fails(shop: Shop, refunds: Refunds) -> None:
    order = await shop.captured(await shop.pool(5), quantity=2)
    # The bank has given it back behind our back, so it refuses, and the refund waits.
    await shop.execute("UPDATE test_payments SET refunded = captured")
    waiting = await give_back(refunds, order, "r1", 2, amount=100)
    assert (waiting.refund_reserved, waiting.returned_quantity) == (100, 0)
    with pytest.raises(ConflictError) as refused:
        await give_back(refunds, order, "r2", 1, amount=100)
    assert (refused.value.code, refused.value.details["returnable"]) == ("return_exceeds_order", 0)
    for _ in range(6):
        await shop.hurry()
        await Worker(shop).refund()
    await shop.execute("UPDATE test_payments SET refunded = 0")
    again = await give_back(refunds, order, "r3", 2, amount=100)
    assert (again.refunded, again.returned_quantity) == (100, 2)


async def test_another_orders_sku_changes_nothing(shop: Shop, refunds: Refunds) -> None:
    order = await shop.captured(await shop.pool(5), quantity=2)
    with pytest.raises(InvalidError) as refused:
        await refunds.refund(
            order.order_id,
            amount=None,
            reason="",
            restock=True,
            refund_id="r1",
            line=ReturnedLine(sku="another", quantity=1),
        )
    assert refused.value.details["field"] == "lines[0].sku"
    assert await shop.value("SELECT count(*) FROM refunds") == 0


async def test_cancelling_restocks_only_what_had_not_come_back(shop: Shop, refunds: Refunds) -> None:
    terms = await shop.pool(5)
    order = await shop.captured(terms, quantity=3)
    await give_back(refunds, order, "r1", 1)
    cancelled = await refunds.cancel(order.order_id, reason="recall", restock=True, refund_id="c1")
    assert (cancelled.state, cancelled.refunded, cancelled.returned_quantity) == ("cancelled", 3_000, 3)
    moved = await shop.fetch("SELECT on_hand_delta FROM movements WHERE kind = 'restock' ORDER BY movement_id")
    assert [one["on_hand_delta"] for one in moved] == [1, 2]
    await Worker(shop).run()
    await shop.check_quiet(terms)


async def test_a_return_whose_worker_died_is_finished_once_by_another(shop: Shop) -> None:
    terms = await shop.pool(5)
    order = await shop.captured(terms, quantity=2)
    await shop.execute(
        "INSERT INTO refunds (refund_id, order_id, amount, quantity, reason, restock, end_state)"
        " VALUES ('r1', $1, 1000, 1, 'x', true, 'refunded')",
        order.order_id,
    )
    await shop.execute("UPDATE orders SET refund_reserved = 1000")
    rows = RefundRows(shop.postgres)
    (refund,) = await rows.take(5)
    await shop.bank.refund(order.payment_id or "", refund.amount, "refund:r1")
    await asyncio.gather(*(rows.finish(refund) for _ in range(3)))
    await shop.finish()
    after = await shop.orders.get(order.order_id)
    assert (after.state, after.refunded, after.returned_quantity) == ("captured", 1_000, 1)
    assert await shop.value("SELECT sum(on_hand_delta)::bigint FROM movements WHERE kind = 'restock'") == 1


@pytest.mark.parametrize("seed", range(6))
async def test_any_mix_of_returns_refunds_and_a_cancellation_at_once_stays_within_the_order(
    shop: Shop, refunds: Refunds, seed: int
) -> None:
    chance = random.Random(seed)
    terms = await shop.pool(10)
    order = await shop.captured(terms, quantity=5)

    async def press(number: int) -> None:
        units, amount = chance.choice([0, 1, 2, 3]), chance.choice([None, 300, 700, 1_500])
        await give_back(refunds, order, f"r{number}", units, restock=chance.random() < 0.7, amount=amount)

    pressed = [press(number) for number in range(8)]
    if seed % 2:
        pressed.append(_cancel(refunds, order))
    answers = await asyncio.gather(*pressed, return_exceptions=True)
    assert all(answer is None or isinstance(answer, ConflictError) for answer in answers)
    await shop.finish()

    after = await shop.orders.get(order.order_id)
    assert after.refunded <= after.captured == 5_000
    assert (after.state == "captured") == (after.refunded < after.captured)
    given = await shop.fetch(
        "SELECT coalesce(sum(amount), 0)::bigint AS amount, coalesce(sum(quantity), 0)::bigint AS units,"
        " coalesce(sum(quantity) FILTER (WHERE restock), 0)::bigint AS restocked FROM refunds WHERE state = 'done'"
    )
    moved = await shop.value("SELECT coalesce(sum(on_hand_delta), 0)::bigint FROM movements WHERE kind = 'restock'")
    assert given == [{"amount": after.refunded, "units": after.returned_quantity, "restocked": moved}]
    await shop.check_quiet(terms)


async def _cancel(refunds: Refunds, order: Order) -> None:
    await refunds.cancel(order.order_id, reason="recall", restock=True, refund_id="c1")
