from collections import Counter

from msgspec.structs import replace

from live.rehearse.limits import TAP_WITHIN_S
from live.rehearse.plan import AT_BANK, METHODS, STRIPE_METHODS, SURE_METHOD, make_plans


def test_the_same_seed_makes_the_same_audience() -> None:
    assert make_plans(50, 7) == make_plans(50, 7)
    assert make_plans(50, 7) != make_plans(50, 8)


def test_about_a_third_taps_twice_and_most_buyers_pay() -> None:
    plans = make_plans(2_000, 1)
    assert 500 < sum(plan.double_taps for plan in plans) < 700
    assert 1_700 < sum(plan.ending == "pay" for plan in plans) < 1_900
    assert all(0 <= plan.tap_after_s < TAP_WITHIN_S for plan in plans)


def test_every_payment_method_occurs() -> None:
    assert set(Counter(plan.payment_method for plan in make_plans(500, 1))) == set(METHODS)


def test_before_a_fake_stripe_the_same_audience_pays_in_other_ways() -> None:
    plans = make_plans(500, 1, "stripe-fake")
    assert plans == make_plans(500, 1, "stripe-fake")
    assert {plan.payment_method for plan in plans} == set(STRIPE_METHODS)
    assert {plan.at_bank for plan in plans} == set(AT_BANK)
    assert {plan.sure_method for plan in plans} == {SURE_METHOD["stripe-fake"]}
    by_test = [
        replace(plan, payment_method=other.payment_method, sure_method="pm_test_ok", at_bank="pays")
        for plan, other in zip(plans, make_plans(500, 1), strict=True)
    ]
    assert by_test == make_plans(500, 1)
