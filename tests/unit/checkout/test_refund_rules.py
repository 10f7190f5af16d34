import pytest

from checkout.limits import REFUND_MAX_REFUSALS
from checkout.order import Order
from checkout.refund_rules import (
    Refund,
    RefundRequest,
    amount_to_refund,
    cancel_unpaid,
    finish,
    has_failed,
    release,
    reserve,
    same_refund,
)
from kit.errors import ConflictError, InvalidError
from kit.money import Money
from tests.unit.checkout.an_order import an_order


def captured(**fields: object) -> Order:
    settled: dict[str, object] = {
        "state": "captured",
        "payment_id": "pay_1",
        "authorised": 1_000,
        "captured": 1_000,
        "hold_outcome": "sold",
        "payment_open": False,
    }
    return an_order(**(settled | fields))


def a_refund(amount: int, *, end_state: str = "refunded", restock: bool = True, attempts: int = 1) -> Refund:
    return Refund(
        refund_id="r1",
        order_id="order_1",
        provider="test",
        payment_id="pay_1",
        amount=Money(amount, "EUR"),
        reason="broken",
        restock=restock,
        end_state="cancelled" if end_state == "cancelled" else "refunded",
        state="pending",
        attempts=attempts,
    )


def test_refunds_under_way_count_as_given_back() -> None:
    order = reserve(captured(refunded=200), 300).order
    assert amount_to_refund(order, None) == 500
    assert amount_to_refund(order, Money(500, "EUR")) == 500
    with pytest.raises(ConflictError) as refused:
        amount_to_refund(order, Money(501, "EUR"))
    assert (refused.value.code, refused.value.details["refundable"]) == ("refund_exceeds_capture", 500)
    assert release(order, a_refund(300)).order.refundable == 800


@pytest.mark.parametrize("state", ["submitted", "authorised", "confirmed", "declined", "cancelled", "unfulfillable"])
def test_what_is_not_captured_is_not_refunded(state: str) -> None:
    with pytest.raises(ConflictError) as refused:
        amount_to_refund(captured(state=state), None)
    assert refused.value.code == "not_captured"


@pytest.mark.parametrize("amount", [Money(0, "EUR"), Money(-1, "EUR"), Money(1, "USD")])
def test_an_amount_that_makes_no_sense_names_its_field(amount: Money) -> None:
    with pytest.raises(InvalidError) as refused:
        amount_to_refund(captured(), amount)
    assert refused.value.details["field"] == "amount"


def test_a_part_moves_no_stock_and_the_rest_does() -> None:
    part, no_movement = finish(captured(refund_reserved=400), a_refund(400), a_refund(400))
    assert (part.order.state, part.order.refunded, part.order.refund_reserved) == ("captured", 400, 0)
    assert no_movement == []
    rest, (movement,) = finish(captured(refunded=400, refund_reserved=600), a_refund(600), a_refund(600))
    assert (rest.order.state, rest.order.refunded) == ("refunded", 1_000)
    assert (movement.kind, movement.on_hand_delta, movement.ring_fenced_delta) == ("restock", 1, 0)
    _, unwanted = finish(captured(refund_reserved=1_000), a_refund(1_000), a_refund(1_000, restock=False))
    assert unwanted == []


def test_whoever_cancelled_decides_even_when_another_refund_ends_last() -> None:
    order = captured(refunded=900, refund_reserved=100)
    change, movements = finish(order, a_refund(100, restock=False), a_refund(900, end_state="cancelled"))
    assert change.order.state == "cancelled"
    assert len(movements) == 1


def test_money_of_an_order_without_units_is_given_back_without_stock_or_another_state() -> None:
    order = captured(state="unfulfillable", hold_outcome="released", refund_reserved=1_000)
    change, movements = finish(order, a_refund(1_000), a_refund(1_000))
    assert (change.order.state, change.order.refunded) == ("unfulfillable", 1_000)
    assert movements == []


def test_only_refunds_that_staff_asked_for_can_fail() -> None:
    assert not has_failed(captured(), a_refund(1, attempts=REFUND_MAX_REFUSALS - 1))
    assert has_failed(captured(), a_refund(1, attempts=REFUND_MAX_REFUSALS))
    assert not has_failed(captured(state="unfulfillable"), a_refund(1, attempts=1_000))


def test_a_repeat_is_the_same_order_amount_and_purpose() -> None:
    refund = a_refund(300)

    def request(amount: Money | None, order_id: str = "order_1") -> RefundRequest:
        return RefundRequest(refund_id="r1", order_id=order_id, amount=amount, reason="", restock=True)

    assert same_refund(refund, request(None))
    assert same_refund(refund, request(Money(300, "EUR")))
    assert not same_refund(refund, request(Money(301, "EUR")))
    assert not same_refund(refund, request(None, "order_2"))
    assert not same_refund(a_refund(300, end_state="cancelled"), request(None))


def test_a_cancelled_order_keeps_the_lease_of_a_question_under_way() -> None:
    assert cancel_unpaid(an_order(payment_open=True), "buyer").wait_ms is None
    assert cancel_unpaid(an_order(payment_open=False), "buyer").wait_ms == 0
