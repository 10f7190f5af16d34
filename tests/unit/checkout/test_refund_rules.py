import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout.limits import REFUND_MAX_REFUSALS
from checkout.order import Order
from checkout.refund_rules import (
    Refund,
    RefundRequest,
    ReturnedLine,
    Share,
    cancel_unpaid,
    finish,
    has_failed,
    release,
    reserve,
    return_rest,
    same_refund,
    share_to_refund,
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


def a_refund(
    amount: int,
    *,
    quantity: int | None = 0,
    refund_id: str = "r1",
    end_state: str = "refunded",
    restock: bool = True,
) -> Refund:
    return Refund(
        refund_id=refund_id,
        order_id="order_1",
        provider="test",
        payment_id="pay_1",
        amount=Money(amount, "EUR"),
        quantity=quantity,
        reason="broken",
        restock=restock,
        end_state="cancelled" if end_state == "cancelled" else "refunded",
        state="pending",
        attempts=1,
    )


def share(order: Order, *, amount: Money | None = None, units: int = 0, sku: str = "MUG", under_way: int = 0) -> Share:
    line = ReturnedLine(sku=sku, quantity=units) if units else None
    request = RefundRequest(refund_id="r1", order_id="order_1", amount=amount, reason="", restock=True, line=line)
    return share_to_refund(order, request, units_under_way=under_way)


def test_refunds_under_way_count_as_given_back() -> None:
    order = reserve(captured(refunded=200), 300).order
    assert share(order).amount == 500
    assert share(order, amount=Money(500, "EUR")).amount == 500
    with pytest.raises(ConflictError) as refused:
        share(order, amount=Money(501, "EUR"))
    assert (refused.value.code, refused.value.details["refundable"]) == ("refund_exceeds_capture", 500)
    assert release(order, a_refund(300)).order.refundable == 800


def three(**fields: object) -> Order:
    return captured(**({"quantity": 3, "amount": Money(3_000, "EUR"), "captured": 3_000, "authorised": 3_000} | fields))


def test_units_come_back_at_their_price_unless_an_amount_says_otherwise() -> None:
    assert share(three(), units=2) == Share(amount=2_000, quantity=2)
    assert share(three(), units=2, amount=Money(500, "EUR")) == Share(amount=500, quantity=2)
    assert share(three(), amount=Money(500, "EUR")) == Share(amount=500, quantity=0)


def test_whoever_takes_the_last_of_the_money_takes_the_units_that_are_left() -> None:
    assert share(three()) == Share(amount=3_000, quantity=3)
    assert share(three(returned_quantity=1, refunded=1_000), under_way=1) == Share(amount=2_000, quantity=1)
    assert share(three(refunded=2_500), amount=Money(500, "EUR")) == Share(amount=500, quantity=3)
    assert share(captured(hold_outcome="released")).quantity == 0


@pytest.mark.parametrize(("returned", "under_way"), [(2, 0), (0, 2), (1, 1)])
def test_no_more_units_come_back_than_were_bought(returned: int, under_way: int) -> None:
    with pytest.raises(ConflictError) as refused:
        share(three(returned_quantity=returned), units=2, under_way=under_way)
    assert (refused.value.code, refused.value.details["returnable"]) == ("return_exceeds_order", 1)


def test_units_whose_price_went_back_otherwise_need_an_amount() -> None:
    order = three(refunded=2_500)
    with pytest.raises(ConflictError) as refused:
        share(order, units=1)
    assert refused.value.code == "refund_exceeds_capture"
    assert refused.value.details == {"field": "lines", "refundable": 500}
    assert refused.value.message == (
        "the price of the lines is 1000 minor units, and 500 are left to refund; "
        "give an amount with the lines, or neither for all that is left"
    )
    assert share(order, units=1, amount=Money(400, "EUR")) == Share(amount=400, quantity=1)


@pytest.mark.parametrize(("sku", "units", "field"), [("CUP", 1, "lines[0].sku"), ("MUG", -1, "lines[0].quantity")])
def test_a_line_that_makes_no_sense_names_its_field(sku: str, units: int, field: str) -> None:
    with pytest.raises(InvalidError) as refused:
        share(three(), sku=sku, units=units)
    assert refused.value.details["field"] == field


@pytest.mark.parametrize("state", ["submitted", "authorised", "confirmed", "declined", "cancelled", "unfulfillable"])
def test_what_is_not_captured_is_not_refunded(state: str) -> None:
    with pytest.raises(ConflictError) as refused:
        share(captured(state=state), units=1)
    assert refused.value.code == "not_captured"


@pytest.mark.parametrize("amount", [Money(0, "EUR"), Money(-1, "EUR"), Money(1, "USD")])
def test_an_amount_that_makes_no_sense_names_its_field(amount: Money) -> None:
    with pytest.raises(InvalidError) as refused:
        share(captured(), amount=amount)
    assert refused.value.details["field"] == "amount"


def test_a_refund_brings_back_exactly_its_units() -> None:
    part, (movement,) = finish(three(refund_reserved=2_000), a_refund(2_000, quantity=2), a_refund(2_000, quantity=2))
    assert (part.order.state, part.order.refunded, part.order.returned_quantity) == ("captured", 2_000, 2)
    assert (movement.kind, movement.on_hand_delta, movement.ring_fenced_delta) == ("restock", 2, 0)
    last = a_refund(1_000, quantity=1, refund_id="r2")
    rest, (other,) = finish(reserve(part.order, 1_000).order, last, last)
    assert (rest.order.state, rest.order.refunded, rest.order.returned_quantity) == ("refunded", 3_000, 3)
    assert other.on_hand_delta == 1
    assert movement.key != other.key


def test_units_that_are_not_for_sale_again_move_no_stock_and_are_returned_all_the_same() -> None:
    order = three(refund_reserved=1_000)
    refund = a_refund(1_000, quantity=1, restock=False)
    change, movements = finish(order, refund, refund)
    assert (change.order.returned_quantity, movements) == (1, [])
    money_only, movements = finish(order, a_refund(1_000), a_refund(1_000))
    assert (money_only.order.returned_quantity, movements) == (0, [])


def test_units_of_refunds_that_did_not_count_them_come_back_with_the_last_of_the_money() -> None:
    part, no_movement = finish(three(refund_reserved=400), a_refund(400, quantity=None), a_refund(400, quantity=None))
    assert (part.order.state, part.order.refunded, part.order.refund_reserved) == ("captured", 400, 0)
    assert no_movement == []
    order = three(refunded=1_400, refund_reserved=1_600, returned_quantity=1)
    rest, (movement,) = finish(order, a_refund(1_600, quantity=None), a_refund(1_600, quantity=None))
    assert (rest.order.state, rest.order.refunded, rest.order.returned_quantity) == ("refunded", 3_000, 3)
    assert (movement.kind, movement.on_hand_delta, movement.ring_fenced_delta) == ("restock", 2, 0)
    unwanted = a_refund(1_600, quantity=None, restock=False)
    assert finish(order, unwanted, unwanted)[1] == []


def test_whoever_cancelled_decides_even_when_another_refund_ends_last() -> None:
    order = three(refunded=2_900, refund_reserved=100, returned_quantity=3)
    change, movements = finish(order, a_refund(100), a_refund(2_900, end_state="cancelled"))
    assert (change.order.state, movements) == ("cancelled", [])
    uncounted = three(refunded=2_900, refund_reserved=100)
    cancelling = a_refund(2_900, quantity=None, end_state="cancelled")
    change, movements = finish(uncounted, a_refund(100, quantity=None, restock=False), cancelling)
    assert (change.order.state, change.order.returned_quantity, len(movements)) == ("cancelled", 3, 1)


def test_an_order_without_money_gives_back_the_units_that_are_left() -> None:
    after, (movement,) = return_rest(three(returned_quantity=1), reason="recall", restock=True)
    assert (after.returned_quantity, movement.on_hand_delta, movement.reason) == (3, 2, "recall")
    assert return_rest(three(), reason="recall", restock=False)[1] == []
    assert return_rest(three(hold_outcome=None), reason="", restock=True) == (three(hold_outcome=None), [])


wishes = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(1, 1_500)),
        st.integers(0, 3),
        st.booleans(),
        st.sampled_from(["finish", "release", "wait"]),
    ),
    max_size=12,
)


@given(wishes=wishes)
def test_whatever_is_asked_for_and_fails_no_more_money_or_units_go_back_than_there_were(
    wishes: list[tuple[int | None, int, bool, str]],
) -> None:
    order, restocked_units = three(), 0
    waiting: list[Refund] = []
    for number, (amount, units, restock, ending) in enumerate(wishes):
        under_way = sum(refund.quantity or 0 for refund in waiting)
        money = None if amount is None else Money(amount, "EUR")
        try:
            taken = share(order, amount=money, units=units, under_way=under_way)
        except ConflictError:
            continue
        order = reserve(order, taken.amount).order
        waiting.append(a_refund(taken.amount, quantity=taken.quantity, refund_id=f"r{number}", restock=restock))
        if ending != "wait":
            refund = waiting.pop(number % len(waiting))
            order, put_back = _ended(order, refund, ending)
            restocked_units += put_back
        assert order.refunded + order.refund_reserved <= order.captured
        assert order.returned_quantity + sum(one.quantity or 0 for one in waiting) <= order.quantity
    for refund in waiting:
        order, put_back = _ended(order, refund, "finish")
        restocked_units += put_back
    assert order.refund_reserved == 0
    assert restocked_units <= order.returned_quantity <= order.quantity
    assert (order.state == "refunded") == (order.refunded == order.captured)


def _ended(order: Order, refund: Refund, ending: str) -> tuple[Order, int]:
    if ending == "release":
        return release(order, refund).order, 0
    change, movements = finish(order, refund, refund)
    return change.order, sum(movement.on_hand_delta for movement in movements)


def test_money_of_an_order_without_units_is_given_back_without_stock_or_another_state() -> None:
    order = captured(state="unfulfillable", hold_outcome="released", refund_reserved=1_000)
    change, movements = finish(order, a_refund(1_000), a_refund(1_000))
    assert (change.order.state, change.order.refunded) == ("unfulfillable", 1_000)
    assert movements == []


def test_only_refunds_that_staff_asked_for_can_fail() -> None:
    assert not has_failed(captured(), REFUND_MAX_REFUSALS - 1)
    assert has_failed(captured(), REFUND_MAX_REFUSALS)
    assert not has_failed(captured(state="unfulfillable"), 1_000)


def test_a_repeat_is_the_same_order_amount_and_purpose() -> None:
    refund = a_refund(300)

    def request(amount: Money | None, order_id: str = "order_1") -> RefundRequest:
        return RefundRequest(refund_id="r1", order_id=order_id, amount=amount, reason="", restock=True)

    assert same_refund(refund, request(None))
    assert same_refund(refund, request(Money(300, "EUR")))
    assert not same_refund(refund, request(Money(301, "EUR")))
    assert not same_refund(refund, request(None, "order_2"))
    units = RefundRequest(
        refund_id="r1",
        order_id="order_1",
        amount=None,
        reason="",
        restock=True,
        line=ReturnedLine(sku="MUG", quantity=2),
    )
    assert same_refund(a_refund(300, quantity=2), units)
    assert not same_refund(refund, units)
    assert not same_refund(a_refund(300, end_state="cancelled"), request(None))


def test_a_cancelled_order_keeps_the_lease_of_a_question_under_way() -> None:
    assert cancel_unpaid(an_order(payment_open=True), "buyer").wait_ms is None
    assert cancel_unpaid(an_order(payment_open=False), "buyer").wait_ms == 0
