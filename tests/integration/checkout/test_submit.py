"""A hold becomes at most one order."""

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from checkout.order import SaleTerms
from checkout.submit import CheckoutRequest, Submitter
from inventory.holds import Hold, HoldAsked
from kit.errors import ConflictError, InvalidError, NotFoundError, UnavailableError
from tests.integration.checkout.checkout_shop import Shop, Worker


def a_request(terms: SaleTerms, hold: Hold, method: str = "pm_test_ok") -> CheckoutRequest:
    return CheckoutRequest(hold_id=hold.hold_id, buyer_id=hold.buyer_id, terms=terms, payment_method=method)


@pytest.fixture
def submitter(shop: Shop) -> Submitter:
    return Submitter(shop.holds, shop.orders, shop.providers)


async def test_the_same_hold_from_many_sides_at_once_is_one_order(shop: Shop, submitter: Submitter) -> None:
    terms = await shop.pool(10)
    hold = shop.holds.put(terms.pool_id, "buyer_1", quantity=2)
    other = Submitter(shop.holds, shop.orders, shop.providers)

    orders = await asyncio.gather(
        *(one.submit(a_request(terms, hold)) for one in (submitter, other) for _ in range(20))
    )

    assert len({order.order_id for order in orders}) == 1
    assert await shop.value("SELECT count(*) FROM orders") == 1
    assert (orders[0].state, orders[0].amount.amount) == ("submitted", 2_000)


async def test_a_retry_after_the_end_gets_the_order_as_it_is(shop: Shop, submitter: Submitter) -> None:
    terms = await shop.pool(10)
    hold = shop.holds.put(terms.pool_id, "buyer_1")
    first = await submitter.submit(a_request(terms, hold))
    await Worker(shop).run()
    shop.holds.holds[hold.hold_id] = msgspec.structs.replace(hold, status="sold")

    again = await submitter.submit(a_request(terms, hold))

    assert (again.order_id, again.state) == (first.order_id, "captured")


@pytest.mark.parametrize("end", ["expired", "released"])
async def test_an_ended_hold_is_refused_and_nothing_is_written(shop: Shop, submitter: Submitter, end: str) -> None:
    terms = await shop.pool(10)
    hold = shop.holds.put(terms.pool_id, "buyer_1")
    shop.holds.holds[hold.hold_id] = msgspec.convert(msgspec.to_builtins(hold) | {"status": end}, Hold)
    with pytest.raises(ConflictError) as refused:
        await submitter.submit(a_request(terms, hold))
    assert refused.value.code == f"hold_{end}"
    assert await shop.value("SELECT count(*) FROM orders") == 0


async def test_another_buyers_hold_is_unknown_before_and_after_it_is_an_order(shop: Shop, submitter: Submitter) -> None:
    terms = await shop.pool(10)
    hold = shop.holds.put(terms.pool_id, "buyer_1")
    thief = msgspec.structs.replace(a_request(terms, hold), buyer_id="buyer_2")
    with pytest.raises(NotFoundError):
        await submitter.submit(thief)
    await submitter.submit(a_request(terms, hold))
    with pytest.raises(NotFoundError):
        await submitter.submit(thief)


async def test_a_wrong_method_or_a_huge_address_changes_nothing(shop: Shop, submitter: Submitter) -> None:
    terms = await shop.pool(10)
    hold = shop.holds.put(terms.pool_id, "buyer_1")
    with pytest.raises(InvalidError) as refused:
        await submitter.submit(a_request(terms, hold, "pm_unknown"))
    assert refused.value.details["field"] == "payment_method"
    with pytest.raises(InvalidError):
        await submitter.submit(msgspec.structs.replace(a_request(terms, hold), shipping={"street": "x" * 5_000}))
    assert await shop.value("SELECT count(*) FROM orders") == 0


async def test_a_caller_that_goes_away_does_not_leave_a_hold_without_its_order(
    shop: Shop, submitter: Submitter
) -> None:
    terms = await shop.pool(10)
    hold = shop.holds.put(terms.pool_id, "buyer_1")
    caller = asyncio.create_task(submitter.submit(a_request(terms, hold)))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await submitter.close()
    assert await shop.value("SELECT count(*) FROM orders") == 1


async def test_a_lost_hold_book_does_not_hide_an_order_that_exists(shop: Shop, submitter: Submitter) -> None:
    terms = await shop.pool(10)
    hold = shop.holds.put(terms.pool_id, "buyer_1")
    other = shop.holds.put(terms.pool_id, "buyer_1")
    first = await submitter.submit(a_request(terms, hold))

    class LostBook:
        async def submit_many(self, asked: Sequence[HoldAsked]) -> list[Hold | UnavailableError | None]:
            return [UnavailableError(f"no book of {one.pool_id}", code="recovering") for one in asked]

    cut_off = Submitter(LostBook(), shop.orders, shop.providers)
    assert (await cut_off.submit(a_request(terms, hold))).order_id == first.order_id
    with pytest.raises(UnavailableError):
        await cut_off.submit(a_request(terms, other))


async def test_a_tombstone_and_a_late_order_agree_on_who_came_first(shop: Shop, submitter: Submitter) -> None:
    terms = await shop.pool(10)
    lost = shop.holds.put(terms.pool_id, "buyer_1", quantity=2)
    assert await shop.orders.tombstone(lost, terms)
    assert not await shop.orders.tombstone(lost, terms)
    late = await submitter.submit(a_request(terms, lost))
    assert (late.state, late.hold_outcome) == ("cancelled", "released")
    await Worker(shop).run()
    assert shop.holds.resolved[0] == (lost.hold_id, "released")
    await shop.check_quiet(terms)


async def test_a_tombstone_for_an_order_that_ended_tells_the_hold_book_again(shop: Shop) -> None:
    terms = await shop.pool(10)
    order = await shop.captured(terms)
    hold = msgspec.structs.replace(shop.holds.put(terms.pool_id, order.buyer_id), hold_id=order.hold_id)
    assert not await shop.orders.tombstone(hold, terms)
    await Worker(shop).resolve()
    assert shop.holds.resolved == [(order.hold_id, "sold")] * 2
    assert await shop.state(order) == "captured"
