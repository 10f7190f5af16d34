"""What counts as growth, and what a turn says of a viewer and of a claim."""

import msgspec
import pytest

from loadtests.bench.claim_round import Sighting
from loadtests.bench.growth import Claims, Turn, frames_of, growth, spread
from loadtests.bench.usage import GATEWAY

TURN = Turn(
    viewers=1_000,
    idle_us_per_s=20_000.0,
    steady_us=400_000.0,
    steady_s=4.0,
    steady_frames=40.0,
    steady_client_share=0.1,
    accepted=Claims(answered=20_000, took_s=0.5, used_us={GATEWAY: 450_000.0}),
    accepted_frames=5.0,
    refused=Claims(answered=20_000, took_s=0.4, used_us={GATEWAY: 300_000.0}),
    floor_us=6.0,
    others=0.1,
)


def seen(*at_ms: float) -> list[Sighting]:
    return [Sighting(at_ms=at, available=1) for at in at_ms]


def test_a_crowd_that_costs_more_than_any_smaller_one_is_growth() -> None:
    assert growth([10.0, 11.0, 13.0]) == pytest.approx(1.3)
    assert growth([13.0, 10.0, 12.0]) == pytest.approx(1.2), "the smallest crowd must not hide it"


def test_crowds_that_cost_less_and_less_are_no_growth_but_their_spread_is_told() -> None:
    assert growth([10.0, 8.0, 5.0]) == pytest.approx(0.8)
    assert spread([10.0, 8.0, 5.0]) == pytest.approx(2.0)
    assert spread([5.0, 8.0, 10.0]) == pytest.approx(2.0)


def test_nothing_is_subtracted_from_what_a_viewer_costs() -> None:
    assert TURN.per_viewer_us == pytest.approx(100.0)
    assert TURN.per_delivery_us == pytest.approx(10.0)
    assert TURN.frames_per_s == pytest.approx(10.0)
    assert TURN.above_idle_us == pytest.approx(80.0)


def test_the_frames_during_claims_cost_what_frames_cost_in_the_steady_state() -> None:
    assert TURN.frames_us == pytest.approx(50_000.0)
    assert TURN.claim_us == pytest.approx(20.0)
    assert msgspec.structs.replace(TURN, accepted_frames=0.0).claim_us == pytest.approx(22.5)


def test_claims_tell_what_each_role_used_for_one() -> None:
    assert TURN.refused.each_us(GATEWAY) == pytest.approx(15.0)
    assert TURN.refused.per_s == pytest.approx(50_000.0)


def test_two_offers_that_change_in_one_tick_are_one_frame() -> None:
    assert frames_of([seen(1_000.0, 1_000.4, 1_100.0, 1_200.0, 1_200.1)]) == 3.0


def test_the_frames_are_the_median_of_those_who_watch() -> None:
    assert frames_of([seen(0.0, 100.0), seen(0.0, 100.0), seen(0.0)]) == 2.0
    assert frames_of([]) == 0.0
    assert frames_of([[]]) == 0.0
