"""What each viewer of a rehearsal is going to do. Pure: the same seed gives the same audience."""

import random
from typing import Final, Literal

import msgspec

from live.rehearse.limits import TAP_WITHIN_S

Ending = Literal["pay", "release", "expire"]

DOUBLE_TAP_SHARE: Final = 0.30
CUT_SHARE: Final = 0.05
TWO_UNITS_SHARE: Final = 0.10
PER_BUYER_LIMIT: Final = 2

ENDINGS: Final[dict[Ending, float]] = {"pay": 0.90, "release": 0.06, "expire": 0.04}
METHODS: Final = {
    "pm_test_ok": 0.70,
    "pm_test_slow": 0.08,
    "pm_test_declined": 0.10,
    "pm_test_timeout": 0.06,
    "pm_test_no_auth": 0.06,
}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The script of one viewer.

    Attributes:
        tap_after_s: from the start of the offer to the first claim.
        quantity: units of the first claim; after a refusal one is enough.
        double_taps: the claim is sent twice with the same claim id.
        cuts: the connection breaks right after the claim was sent.
        ending: what becomes of a hold that was got in the first rush.
        payment_method: how it is paid.
    """

    tap_after_s: float
    quantity: int
    double_taps: bool
    cuts: bool
    ending: Ending
    payment_method: str


def make_plans(viewers: int, seed: int) -> list[Plan]:
    """Return one plan per viewer."""
    dice = random.Random(seed)  # noqa: S311 - an audience, not a secret
    return [_plan(dice) for _ in range(viewers)]


def _plan(dice: random.Random) -> Plan:
    return Plan(
        tap_after_s=dice.random() * TAP_WITHIN_S,
        quantity=PER_BUYER_LIMIT if dice.random() < TWO_UNITS_SHARE else 1,
        double_taps=dice.random() < DOUBLE_TAP_SHARE,
        cuts=dice.random() < CUT_SHARE,
        ending=dice.choices(list(ENDINGS), list(ENDINGS.values()))[0],
        payment_method=dice.choices(list(METHODS), list(METHODS.values()))[0],
    )
