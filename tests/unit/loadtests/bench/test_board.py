"""The crowd's figures."""

import pytest

from loadtests.bench.board import quantile


@pytest.mark.parametrize(
    ("buckets", "share", "end"),
    [([], 0.5, 0), ([0, 0], 0.99, 0), ([1, 1, 1, 1], 0.5, 2), ([99, 0, 1], 0.99, 1), ([98, 0, 2], 0.99, 3)],
)
def test_a_quantile_is_the_end_of_the_bucket_that_reaches_it(buckets: list[int], share: float, end: int) -> None:
    assert quantile(buckets, share) == end
