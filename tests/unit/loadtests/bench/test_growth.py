"""What counts as growth, and what a turn says of a viewer and of a claim."""

import msgspec
import pytest

from loadtests.bench.growth import Phase, Turn, growth, spread
from loadtests.bench.usage import GATEWAY

STEADY = Phase(claims=48, frames=40_000, took_s=4.0, used_us={GATEWAY: 400_000.0})
ACCEPTED = Phase(claims=20_000, frames=5_000, took_s=0.5, used_us={GATEWAY: 450_000.0})
AGAIN = Phase(claims=20_000, frames=0, took_s=0.4, used_us={GATEWAY: 360_000.0})
REFUSED = Phase(claims=20_000, frames=0, took_s=0.4, used_us={GATEWAY: 300_000.0})
TURN = Turn(
    viewers=1_000,
    idle_us_per_s=20_000.0,
    steady=STEADY,
    accepted=ACCEPTED,
    again=AGAIN,
    refused=REFUSED,
    client_share=0.1,
    floor_us=6.0,
    claim_floor_us=7.0,
    others=0.1,
)


def test_a_crowd_that_costs_more_than_any_smaller_one_is_growth() -> None:
    assert growth([10.0, 11.0, 13.0]) == pytest.approx(1.3)
    assert growth([13.0, 10.0, 12.0]) == pytest.approx(1.2), "the smallest crowd must not hide it"


def test_crowds_that_cost_less_and_less_are_no_growth_but_their_spread_is_told() -> None:
    assert growth([10.0, 8.0, 5.0]) == pytest.approx(0.8)
    assert spread([10.0, 8.0, 5.0]) == pytest.approx(2.0)
    assert spread([5.0, 8.0, 10.0]) == pytest.approx(2.0)


def test_nothing_is_subtracted_from_what_a_viewer_costs() -> None:
    assert TURN.frame_us == pytest.approx(10.0)
    assert TURN.viewer_us == pytest.approx(100.0)
    assert TURN.frames_per_s == pytest.approx(10.0)
    assert TURN.above_idle_us == pytest.approx(80.0)


def test_a_viewer_who_got_fewer_frames_does_not_look_cheaper() -> None:
    half = msgspec.structs.replace(STEADY, frames=20_000, used_us={GATEWAY: 200_000.0})
    assert msgspec.structs.replace(TURN, steady=half).viewer_us == pytest.approx(100.0)


def test_the_frames_during_claims_cost_what_frames_cost_in_the_steady_state() -> None:
    assert TURN.frames_each(ACCEPTED) == pytest.approx(5.0)
    assert TURN.claim_us(ACCEPTED) == pytest.approx(20.0)
    assert TURN.claim_us(REFUSED) == pytest.approx(15.0)


def test_the_floor_of_a_claim_is_subtracted_from_a_claim_without_frames() -> None:
    assert TURN.above_floor_us(AGAIN) == pytest.approx(11.0)
    assert TURN.above_floor_us(REFUSED) == pytest.approx(8.0)
    assert TURN.above_floor_us(ACCEPTED) == pytest.approx(13.0)


def test_a_phase_tells_what_each_role_used_for_one_claim() -> None:
    assert ACCEPTED.each_us(GATEWAY) == pytest.approx(22.5)
    assert REFUSED.per_s == pytest.approx(50_000.0)
