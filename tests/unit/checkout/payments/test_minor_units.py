"""How Stripe counts money, against how ISO does."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout.payments.minor_units import STRIPE_UNITS, from_provider, to_provider
from kit.errors import InvalidError
from kit.money import CURRENCIES, Money

PAIRS = [
    ("EUR", 1_999, 1_999),
    ("TWD", 1_999, 1_999),
    ("HUF", 1_999, 1_999),
    ("JPY", 500, 500),
    ("MGA", 500, 5),  # two digits in ISO, none at Stripe
    ("ISK", 5, 500),  # none in ISO, two at Stripe
    ("UGX", 7, 700),
    ("KWD", 5_120, 5_120),
]


@pytest.mark.parametrize(("currency", "ours", "theirs"), PAIRS)
def test_an_amount_goes_to_stripe_and_comes_back(currency: str, ours: int, theirs: int) -> None:
    assert to_provider(STRIPE_UNITS, Money(ours, currency)) == theirs
    assert from_provider(STRIPE_UNITS, theirs, currency.lower()) == Money(ours, currency)


@pytest.mark.parametrize(
    "money",
    [Money(5_124, "KWD"), Money(550, "MGA"), Money(0, "EUR"), Money(-1, "EUR"), Money(1_000, "IQD"), Money(10, "LYD")],
)
def test_what_stripe_cannot_express_is_refused_and_never_rounded(money: Money) -> None:
    with pytest.raises(InvalidError) as refused:
        to_provider(STRIPE_UNITS, money)
    assert refused.value.code == "amount_not_supported"


@pytest.mark.parametrize(("theirs", "currency"), [(150, "isk"), (-1, "eur"), (2**60, "eur"), (10, "lyd"), (1, "xyz")])
def test_an_answer_without_an_amount_of_ours_is_refused(theirs: int, currency: str) -> None:
    with pytest.raises(InvalidError):
        from_provider(STRIPE_UNITS, theirs, currency)


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(1, 10**9))
def test_what_can_be_expressed_comes_back_the_same(currency: str, amount: int) -> None:
    try:
        theirs = to_provider(STRIPE_UNITS, Money(amount, currency))
    except InvalidError:
        return
    assert from_provider(STRIPE_UNITS, theirs, currency) == Money(amount, currency)


def test_a_table_of_another_provider_decides_alone() -> None:
    assert to_provider({}, Money(5, "ISK")) == 5
