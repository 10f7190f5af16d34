import math

from hypothesis import given
from hypothesis import strategies as st

from live.timer_wheel import TimerWheel

Step = tuple[str, int, float]

steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(
        st.sampled_from(["put", "put", "remove", "pass"]),
        st.integers(0, 9),
        st.floats(0, 100) | st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    ),
    max_size=40,
)


@given(st.floats(0, 1e6), steps)
def test_nothing_is_looked_at_early_and_everything_within_a_second(start: float, steps: list[Step]) -> None:
    wheel: TimerWheel[int] = TimerWheel()
    deadlines: dict[int, float] = {}
    slots: dict[int, int] = {}
    now = start
    for name, item, seconds in steps:
        if name == "pass":
            now += seconds
            due = wheel.due(now)
            assert len(set(due)) == len(due)
            assert all(deadlines[one] <= now for one in due)
            for one in due:
                del deadlines[one]
            assert all(now < deadline + 1 for deadline in deadlines.values())
            continue
        if item in deadlines:
            wheel.remove(item, slots[item])
            del deadlines[item]
        if name == "put":
            deadlines[item] = now + seconds
            slots[item] = wheel.put(item, now + seconds)
    assert sorted(wheel.due(math.inf)) == sorted(deadlines)
    assert wheel.due(math.inf) == []


def test_a_deadline_is_met_in_the_second_after_it() -> None:
    wheel: TimerWheel[str] = TimerWheel()
    wheel.put("a", 5.0)
    wheel.put("b", 5.9)
    wheel.put("c", 7.0)
    assert wheel.due(5.99) == []
    assert sorted(wheel.due(6.0)) == ["a", "b"]
    assert wheel.due(7.9) == []
    assert wheel.due(8.0) == ["c"]


def test_what_is_long_due_comes_earliest_second_first() -> None:
    wheel: TimerWheel[int] = TimerWheel()
    for second in (9, 3, 7, 1):
        wheel.put(second, second)
    assert wheel.due(100.0) == [1, 3, 7, 9]


def test_to_remove_what_is_not_there_is_no_error() -> None:
    wheel: TimerWheel[str] = TimerWheel()
    slot = wheel.put("a", 1.0)
    wheel.remove("b", slot)
    wheel.remove("a", slot + 1)
    assert wheel.due(2.0) == ["a"]
    wheel.remove("a", slot)
    assert wheel.due(100.0) == []
