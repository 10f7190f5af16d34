"""The money of a trial: what is paid twice, not at all or for nothing is seen."""

import msgspec
import pytest

from tests.faults.money import PaymentFact
from tests.faults.records import Notes
from tests.faults.test_verdict import KEPT, a_hold, found, paid, verdict_of
from tests.faults.verdict import judge

ONCE = PaymentFact(order_id="order of a", taken=100, given_back=0, reserved=0)


@pytest.mark.parametrize(
    ("payments", "says"),
    [
        ([ONCE, ONCE], "paid 2 times"),
        ([msgspec.structs.replace(ONCE, taken=200)], "kept 200"),
        ([msgspec.structs.replace(ONCE, given_back=100)], "kept 0"),
        ([], "kept 0"),
        ([ONCE, msgspec.structs.replace(ONCE, order_id="another")], "does not exist"),
        ([ONCE, msgspec.structs.replace(ONCE, taken=0, reserved=100)], "still reserved"),
    ],
)
def test_money_that_is_not_what_the_orders_say_is_told(payments: list[PaymentFact], says: str) -> None:
    hold = a_hold("a")
    after = msgspec.structs.replace(found([paid(hold)], 1), payments=payments)
    verdict = judge(Notes(holds={hold.hold_id: hold}, claims=1), KEPT, after)
    assert says in " ".join(verdict.faults)
    assert not verdict.holds


def test_a_sale_that_nobody_paid_for_is_told() -> None:
    hold = a_hold("a")
    verdict = verdict_of(hold, orders=[paid(hold, kept=0)], allocated=1)
    assert "sold and not paid" in " ".join(verdict.faults)


def test_money_that_only_the_bank_kept_for_no_units_is_lost() -> None:
    hold = a_hold("a")
    order = paid(hold, is_sold=False, kept=0)
    after = msgspec.structs.replace(found([order], 0), payments=[ONCE])
    assert judge(Notes(holds={hold.hold_id: hold}, claims=1), KEPT, after).lost == 1
