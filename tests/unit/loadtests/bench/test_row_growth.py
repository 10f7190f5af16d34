"""The row about the cost of growth: which phase each result judges, and beside which floor."""

from msgspec.structs import replace

from loadtests.bench.growth import Phase, Turn
from loadtests.bench.result import FLOOR, OURS
from loadtests.bench.row_growth import claim_result, refusal_result, viewer_result
from loadtests.bench.usage import API, GATEWAY, POSTGRES, REDIS


def phase(us_each: float, *, claims: int = 1_000, frames: int = 0, took_s: float = 1.0) -> Phase:
    used = {GATEWAY: us_each * claims, REDIS: 1.0, API: 1.0, POSTGRES: 1.0}
    return Phase(claims=claims, frames=frames, took_s=took_s, used_us=used, client_share=0.1, others=0.1)


def turn(viewers: int, *, again_us: float, refused_us: float, floor_us: float) -> Turn:
    return Turn(
        viewers=viewers,
        idle_us_per_s=0.0,
        steady=phase(10.0 * viewers, claims=10, frames=10 * viewers),
        accepted=phase(99.0, frames=5),
        again=phase(again_us),
        refused=phase(refused_us),
        floor_us=6.0,
        claim_floor=phase(floor_us),
    )


SMALL = [turn(100, again_us=again, refused_us=30.0, floor_us=10.0) for again in (40.0, 41.0, 90.0)]
LARGE = [turn(900, again_us=again, refused_us=39.0, floor_us=11.0) for again in (44.0, 45.1, 46.0)]
FOUND = [SMALL, LARGE]


def test_a_claim_is_judged_where_it_is_asked_again_by_the_middle_turn() -> None:
    result = claim_result(FOUND, [])
    assert {name: round(value, 3) for name, value in result.columns.items()} == {OURS: 1.1, FLOOR: 1.1}
    assert result.passed
    assert ": 41.0, 45.1 µs at 100, 900 viewers (spread 1.10)" in result.what


def test_a_refusal_is_judged_where_claims_are_refused() -> None:
    result = refusal_result(FOUND, [])
    assert {name: round(value, 3) for name, value in result.columns.items()} == {OURS: 1.3, FLOOR: 1.1}
    assert not result.reached


def test_a_doubt_of_any_phase_is_every_results() -> None:
    for result in (viewer_result, claim_result, refusal_result):
        assert not result(FOUND, ["900 viewers: the floor: 1 viewers cut"]).passed


def test_a_viewer_is_judged_in_the_steady_state_and_too_few_frames_are_a_doubt() -> None:
    result = viewer_result(FOUND, [])
    assert (round(result.columns[OURS], 3), result.columns[FLOOR], result.doubts) == (1.0, 1.0, [])
    slow = [[*SMALL], [replace(one, steady=phase(9_000.0, claims=10, frames=8_100)) for one in LARGE]]
    assert "900 viewers: 9.0 state frames a second, not 10" in viewer_result(slow, []).doubts
