"""What counts as growth, and what a turn says of a viewer and of a claim."""

import msgspec
import pytest

from loadtests.bench.growth import Phase, Turn, growth, spread
from loadtests.bench.usage import GATEWAY


def phase(claims: int, took_s: float, used_us: float, *, frames: int = 0) -> Phase:
    return Phase(claims=claims, frames=frames, took_s=took_s, used_us={GATEWAY: used_us}, client_share=0.1, others=0.1)


STEADY = phase(48, 4.0, 400_000.0, frames=40_000)
ACCEPTED = phase(20_000, 0.5, 450_000.0, frames=5_000)
REFUSED = phase(20_000, 0.4, 300_000.0)
TURN = Turn(
    viewers=1_000,
    idle_us_per_s=20_000.0,
    steady=STEADY,
    accepted=ACCEPTED,
    again=phase(20_000, 2.0, 400_000.0),
    refused=REFUSED,
    floor_us=6.0,
    claim_floor=phase(20_000, 2.0, 100_000.0),
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


def test_a_phase_tells_what_each_role_used_for_one_claim() -> None:
    assert ACCEPTED.each_us(GATEWAY) == pytest.approx(22.5)
    assert TURN.frames_each(ACCEPTED) == pytest.approx(5.0)
    assert REFUSED.per_s == pytest.approx(50_000.0)
