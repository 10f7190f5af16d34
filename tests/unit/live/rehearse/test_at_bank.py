import pytest
from msgspec.structs import replace

from live import wire
from live.rehearse.at_bank import payment_of
from live.rehearse.fake_bank_http import BankPayment
from live.rehearse.invariants import judge
from tests.unit.live.rehearse.facts_of_a_show import facts, payment


@pytest.mark.parametrize(
    ("url", "payment_id"),
    [
        ("https://hooks.stripe.example/ideal/pi_00000001", "pi_00000001"),
        ("https://hooks.stripe.example/card/pi_2?source=3ds", "pi_2"),
        ("https://hooks.stripe.example/", None),
        (None, None),
    ],
)
def test_the_page_of_the_bank_names_the_payment(url: str | None, payment_id: str | None) -> None:
    assert payment_of(wire.Action(kind="redirect", url=url)) == payment_id


def at_stripe(status: str) -> BankPayment:
    return BankPayment(
        payment_id="pay_1", order_id="order_1", amount=1000, currency="eur", status=status, captured=1000, refunded=0
    )


def test_a_payment_of_stripe_is_one_of_the_verification() -> None:
    assert at_stripe("succeeded").as_facts() == payment(1)


@pytest.mark.parametrize("status", ["requires_action", "processing", "requires_capture"])
def test_a_payment_that_waits_at_stripe_breaks_the_invariant_of_money_at_rest(status: str) -> None:
    found = replace(facts(), payments=(at_stripe(status).as_facts(), payment(2)))
    assert [verdict.number for verdict in judge(found) if not verdict.held] == [4]
