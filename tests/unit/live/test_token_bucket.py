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
