import math

from hypothesis import given
from hypothesis import strategies as st

from live.token_bucket import TokenBucket


def allowed(bucket: TokenBucket, now: float) -> int:
    """Return how much the bucket gives at one moment."""
    count = 0
    while bucket.allows(now):
        count += 1
    return count


def test_a_burst_is_allowed_once_and_then_the_rate() -> None:
    bucket = TokenBucket(20.0, 60.0, 100.0)
    assert allowed(bucket, 100.0) == 60
    assert allowed(bucket, 101.0) == 20


def test_a_long_silence_saves_up_one_burst_and_no_more() -> None:
    bucket = TokenBucket(20.0, 60.0, 0.0)
    allowed(bucket, 0.0)
    assert allowed(bucket, 1_000_000.0) == 60


@given(
    st.floats(0.5, 1_000_000),
    st.integers(1, 1_000_000),
    st.lists(st.floats(0, 10), max_size=60),
)
def test_who_waits_as_long_as_told_is_allowed_and_not_much_before(
    per_s: float, burst: int, pauses: list[float]
) -> None:
    bucket, now = TokenBucket(per_s, burst, 0.0), 0.0
    for pause in pauses:
        now += pause
        wait_s = bucket.wait_s(now)
        assert 0 <= wait_s <= 1 / per_s
        # Too early by more than rounding may give.
        if wait_s > 0.01 / per_s:
            assert not bucket.allows(now + wait_s - 0.01 / per_s)
        now = math.nextafter(now + wait_s, math.inf) + 1e-6
        assert bucket.wait_s(now) == 0
        assert bucket.allows(now)
