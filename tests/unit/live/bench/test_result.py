"""What a figure must reach."""

import pytest

from live.bench.result import Measured, RateResult


@pytest.mark.parametrize(
    ("floor_s", "ours_s", "reached"),
    [(10.0, 1.0, True), (4.0, 1.0, False), (20.0, 2.0, False)],
    ids=["fast", "hardly faster than the floor", "much faster than a slow floor"],
)
def test_a_rate_has_to_reach_both_its_ratio_and_its_own_limit(floor_s: float, ours_s: float, reached: bool) -> None:
    result = RateResult(
        name="settle",
        unit="orders",
        floor=Measured(way="one by one", items=1_000, seconds=floor_s),
        ours=Measured(way="together", items=1_000, seconds=ours_s),
        least_ratio=5.0,
        least_per_s=1_000.0,
    )
    assert result.reached is reached
