"""A pace: never more starts in a second than there may be, and slower after a complaint."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.pace import LEAST_SHARE, Pace


def starts(pace: Pace, arrivals: list[float]) -> list[float]:
    """Let callers in, each as soon as it may; return when they started."""
    begun: list[float] = []
    now = 0.0
    for arrival in sorted(arrivals):
        now = max(now, arrival)
        now += max(0.0, pace.wait_s(now))
        assert pace.wait_s(now) <= 1e-9
        pace.start(now)
        begun.append(now)
    return begun


@given(st.integers(1, 30), st.lists(st.floats(0, 5), max_size=120))
def test_no_second_sees_more_than_it_may(per_s: int, arrivals: list[float]) -> None:
    begun = starts(Pace(per_s), arrivals)
    for at in begun:
        assert sum(at <= other < at + 1 for other in begun) <= per_s


def test_the_first_does_not_wait_and_a_full_line_moves_at_full_pace() -> None:
    begun = starts(Pace(25), [0.0] * 101)
    assert begun[0] == 0.0
    assert begun[100] == pytest.approx(4 * 1.05)


def test_less_than_one_call_a_second_is_spaced_out() -> None:
    assert starts(Pace(0.5), [0.0, 0.0, 0.0]) == pytest.approx([0.0, 2.1, 4.2])


def test_a_complaint_stops_all_and_halves_the_pace_which_grows_back() -> None:
    pace = Pace(10)
    pace.slow_down(100.0, 2.0)
    pace.slow_down(100.1, 1.0)  # the same complaint, heard by another caller
    assert pace.wait_s(100.1) == pytest.approx(1.9)
    assert pace.share(100.1) == pytest.approx(0.5, abs=0.01)
    assert pace.share(110.0) == pytest.approx(0.7)
    assert pace.share(200.0) == 1.0
    for second in range(20):
        pace.slow_down(300.0 + 2 * second, 0.0)
    assert pace.share(338.0) == pytest.approx(LEAST_SHARE)


def test_a_pace_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Pace(0)


@given(st.integers(1, 30), st.integers(1, 10), st.lists(st.floats(0, 5), max_size=120))
def test_after_a_rest_some_go_at_once_and_no_second_sees_more_than_those_on_top(
    per_s: int, at_once: int, arrivals: list[float]
) -> None:
    begun = starts(Pace(per_s, at_once=at_once), arrivals)
    for at in begun:
        assert sum(at <= other < at + 1 for other in begun) < per_s + at_once


def test_those_that_go_at_once_are_as_many_as_may() -> None:
    assert starts(Pace(1, at_once=3), [0.0] * 5) == pytest.approx([0.0, 0.0, 0.0, 1.05, 2.1])
