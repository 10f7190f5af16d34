"""A bucket for each of many."""

from hypothesis import given
from hypothesis import strategies as st

from live.rates import Rates
from live.token_bucket import TokenBucket

NAMES = "abcdef"


def allowed(rates: Rates, name: str, now: float) -> int:
    return next(count for count in range(10_000) if not rates.allows(name, now))


@given(
    per_s=st.floats(0.5, 100),
    burst=st.integers(1, 20),
    uses=st.lists(st.tuples(st.sampled_from(NAMES), st.floats(0, 3)), max_size=200),
)
def test_to_forget_full_buckets_changes_no_answer(per_s: float, burst: int, uses: list[tuple[str, float]]) -> None:
    rates = Rates(per_s=per_s, burst=burst, most=len(NAMES))
    model = {name: TokenBucket(per_s, burst, 0.0) for name in NAMES}
    now = 0.0
    for name, pause in uses:
        now += pause
        assert rates.wait_s(name, now) == model[name].wait_s(now)
        assert rates.allows(name, now) == model[name].allows(now)
        assert len(rates) <= len(NAMES)


def test_what_a_crowd_leaves_behind_goes_as_the_next_one_comes() -> None:
    rates = Rates(per_s=2, burst=5, most=1_000_000)
    for crowd in range(10):
        for one in range(1_000):
            assert allowed(rates, f"{crowd}:{one}", crowd * 60.0) == 5
        assert len(rates) == 1_000


def test_who_is_not_full_stays_remembered() -> None:
    rates = Rates(per_s=1, burst=10, most=1_000_000)
    assert allowed(rates, "a", 0.0) == 10
    for one in range(1_000):
        rates.allows(str(one), 9.9)
    assert allowed(rates, "a", 9.9) == 9


def test_of_too_many_the_one_unused_for_longest_makes_way() -> None:
    rates = Rates(per_s=1, burst=10, most=3)
    for name in "abc":
        assert allowed(rates, name, 0.0) == 10
    assert not rates.allows("a", 0.0)
    assert allowed(rates, "d", 0.0) == 10
    assert len(rates) == 3
    assert not rates.allows("a", 0.0)
    assert not rates.allows("c", 0.0)
    assert allowed(rates, "b", 0.0) == 10, "it made way, and begins anew"
