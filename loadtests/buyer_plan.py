"""What a buyer of a load test is going to do, and when; pure."""

import random

import msgspec

from loadtests.tiers import (
    FIRST_SECOND_SHARE,
    SECOND_TAP_MS,
    TAPS_EACH,
    TRICKLE_EACH_MOST,
    TRICKLE_HOLD_MS,
    TRICKLE_PER_S,
    Scene,
)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer is going to do.

    Attributes:
        tap_after_ms: from the start of a drop to the first tap.
        lets_go: a hold of it expires.
        trickles_ms: from the start of the soak to its first claims.
        trickle_every_ms: until each of them is made again.
    """

    tap_after_ms: float
    lets_go: bool
    trickles_ms: tuple[float, ...]
    trickle_every_ms: float


def plan_of(number: int, scene: Scene) -> Plan:
    """Return the plan of a buyer of a process; its numbers begin with 0, and the same number has the same plan."""
    dice = random.Random(number)  # noqa: S311 - a plan, no secret
    buyers = scene.tier.buyers
    at_once = round(TRICKLE_PER_S * TRICKLE_HOLD_MS / 1000)
    # Few buyers claim several units each, so that there is a change for every tick all the same.
    each = min(TRICKLE_EACH_MOST, -(-at_once // buyers))
    turns = -(-buyers * each // at_once)
    # Spread evenly over the turns, so that no turn ends before its time.
    places = [divmod((number + claim * buyers) * turns / (buyers * each), 1) for claim in range(each)]
    # Spread evenly, whatever the number of buyers: golden steps instead of dice.
    is_early = (number * 0.6180339887) % 1.0 < FIRST_SECOND_SHARE
    late_ms = (scene.tier.tap_s - 1.0) * 1000
    # An early buyer's impatient taps are in the first second, too: it is what a tier's claims are counted in.
    early_ms = 1000 - (TAPS_EACH - 1) * SECOND_TAP_MS
    tap_after_ms = dice.random() * early_ms if is_early else 1000 + dice.random() * late_ms
    return Plan(
        tap_after_ms=tap_after_ms,
        lets_go=(number * 0.7548776662) % 1.0 < scene.letting_go,
        trickles_ms=tuple((2 * turn + part) * TRICKLE_HOLD_MS for turn, part in places),
        trickle_every_ms=turns * 2 * TRICKLE_HOLD_MS,
    )
