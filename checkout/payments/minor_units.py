"""How payment providers count money, pure: our minor units are those of ISO 4217, theirs not always.

A provider's table names the currencies that it counts in another way than ISO, or only in certain steps; all others
count as ISO does. An adapter brings its own table; Stripe's is here.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from kit.errors import InvalidError
from kit.money import MAX_AMOUNT_MINOR, Money, known_currency, minor_digits


class Counting(msgspec.Struct, frozen=True):
    """How a provider counts one currency.

    Attributes:
        digits: decimals of its integer.
        step: its integer has to be a multiple of this.
    """

    digits: int
    step: int = 1


UnitTable = Mapping[str, Counting | None]
"""By ISO code, upper case; None for a currency that the provider must not be asked for."""

_WHOLE: Final = Counting(0)
_WHOLE_AS_CENTS: Final = Counting(2, 100)
_THREE_ENDING_IN_ZERO: Final = Counting(3, 10)

# Source: docs.stripe.com/currencies, "zero-decimal", "three-decimal" and "special cases". The ariary has two digits in
# ISO and none at Stripe; krona and Ugandan shilling have none in ISO and two at Stripe, which have to be 00.
# The dinars of Iraq and Libya are in no list of Stripe's, so nobody knows whether 1000 would be one dinar or ten.
STRIPE_UNITS: Final[UnitTable] = {
    **dict.fromkeys(
        ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"],
        _WHOLE,
    ),
    **dict.fromkeys(("ISK", "UGX"), _WHOLE_AS_CENTS),
    **dict.fromkeys(["BHD", "JOD", "KWD", "OMR", "TND"], _THREE_ENDING_IN_ZERO),
    **dict.fromkeys(("IQD", "LYD")),
}


def to_provider(table: UnitTable, money: Money) -> int:
    """Return the provider's integer for an amount to be paid or given back.

    Raises:
        InvalidError: ``amount_not_supported``: it is not positive, or the provider cannot express it exactly.
    """
    counting = _counting(table, money.currency)
    amount = _shifted(money.amount, counting.digits - minor_digits(money.currency))
    if amount is None or amount <= 0 or amount % counting.step:
        raise _refused(f"{money.amount} {money.currency} in minor units cannot be expressed by the payment provider")
    return amount


def from_provider(table: UnitTable, amount: int, currency: str) -> Money:
    """Return our amount for the provider's integer; ``currency`` in either case.

    Raises:
        InvalidError: the currency is not known, or the amount has no exact minor units of ours.
    """
    code = known_currency(currency)
    ours = _shifted(amount, minor_digits(code) - _counting(table, code).digits)
    if ours is None or not 0 <= ours <= MAX_AMOUNT_MINOR:
        raise _refused(f"the payment provider's {amount} {code} is no amount of ours")
    return Money(ours, code)


def _counting(table: UnitTable, currency: str) -> Counting:
    counting = table.get(currency, Counting(minor_digits(currency)))
    if counting is None:
        raise _refused(f"the payment provider does not take {currency}")
    return counting


def _shifted(amount: int, digits: int) -> int | None:
    """Move the decimal point by ``digits``; None when that would lose something."""
    if digits >= 0:
        return int(amount * 10**digits)
    whole, rest = divmod(amount, 10**-digits)
    return None if rest else int(whole)


def _refused(message: str) -> InvalidError:
    return InvalidError(message, field="amount", code="amount_not_supported")
