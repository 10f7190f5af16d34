"""What each viewer of a rehearsal is going to do. Pure: the same seed gives the same audience."""

import random
from typing import Final, Literal

import msgspec

from live.rehearse.limits import TAP_WITHIN_S

Ending = Literal["pay", "release", "expire"]
Payments = Literal["test", "stripe-fake"]
"""Who takes the money: the test bank of the server, or a fake Stripe of the rehearsal's own."""

AtBank = Literal["pays", "thinks", "gives_up", "pays_late", "never_pays", "crosses"]

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
SURE_METHOD: Final[dict[Payments, str]] = {"test": "pm_test_ok", "stripe-fake": "card:pm_card_visa"}
"""How those pay who have to pay at once."""

STRIPE_METHODS: Final = {
    "card:pm_card_visa": 0.50,
    "card:pm_card_authenticationRequired": 0.14,
    "card:pm_card_chargeDeclined": 0.05,
    "card:pm_card_chargeDeclinedInsufficientFunds": 0.03,
    "ideal": 0.18,
    "alipay": 0.06,
    "wechat_pay": 0.04,
}
AT_BANK: Final[dict[AtBank, float]] = {
    "pays": 0.50,
    "thinks": 0.12,
    "gives_up": 0.12,
    "pays_late": 0.10,
    "never_pays": 0.10,
    "crosses": 0.06,
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
        sure_method: how it is paid instead when the units came late, so that the show comes to an end.
        at_bank: what the buyer does when the payment waits for them: pays soon; acts soon, and the bank takes its time;
            gives up; pays when a hold would have expired; never pays, so the shop cancels the order; pays in the very
            moment in which the shop cancels.
    """

    tap_after_s: float
    quantity: int
    double_taps: bool
    cuts: bool
    ending: Ending
    payment_method: str
    sure_method: str = SURE_METHOD["test"]
    at_bank: AtBank = "pays"


def make_plans(viewers: int, seed: int, payments: Payments = "test") -> list[Plan]:
    """Return one plan per viewer."""
    dice = random.Random(seed)  # noqa: S311 - an audience, not a secret
    plans = [_plan(dice) for _ in range(viewers)]
    # Afterwards: who taps when and how does not depend on who takes the money.
    return plans if payments == "test" else [_by_stripe(plan, dice) for plan in plans]


def _plan(dice: random.Random) -> Plan:
    return Plan(
        tap_after_s=dice.random() * TAP_WITHIN_S,
        quantity=PER_BUYER_LIMIT if dice.random() < TWO_UNITS_SHARE else 1,
        double_taps=dice.random() < DOUBLE_TAP_SHARE,
        cuts=dice.random() < CUT_SHARE,
        ending=dice.choices(list(ENDINGS), list(ENDINGS.values()))[0],
        payment_method=dice.choices(list(METHODS), list(METHODS.values()))[0],
    )


def _by_stripe(plan: Plan, dice: random.Random) -> Plan:
    return msgspec.structs.replace(
        plan,
        payment_method=dice.choices(list(STRIPE_METHODS), list(STRIPE_METHODS.values()))[0],
        sure_method=SURE_METHOD["stripe-fake"],
        at_bank=dice.choices(list(AT_BANK), list(AT_BANK.values()))[0],
    )
