"""The limiter: never more than N starts in a second, in order, bounded, and slower after a complaint."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout.limits import PACE_LEAST_SHARE, PACE_MOST_WAIT_S
from checkout.payments.pace import Pace, PacedCalls
from kit.errors import UnavailableError


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
    assert pace.share(338.0) == pytest.approx(PACE_LEAST_SHARE)


def test_a_pace_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="positive"):
        Pace(0)


async def test_callers_go_in_the_order_in_which_they_came() -> None:
    calls = PacedCalls(20)
    went: list[int] = []

    async def caller(number: int) -> None:
        await calls.turn("create")
        went.append(number)

    await asyncio.gather(*(caller(number) for number in range(30)))
    assert went == list(range(30))


async def test_a_full_line_refuses_at_once_and_another_endpoint_is_free() -> None:
    calls = PacedCalls(1)
    waiting = [asyncio.create_task(calls.turn("create")) for _ in range(1 + int(PACE_MOST_WAIT_S))]
    await asyncio.sleep(0.01)  # one has gone, the others wait
    with pytest.raises(UnavailableError) as refused:
        await calls.turn("create")
    assert refused.value.code == "overloaded"
    await calls.turn("refund")
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    free = asyncio.create_task(calls.turn("create"))
    await asyncio.sleep(0.01)
    assert not free.done()  # those who were cancelled left the line, but the second is not over
    free.cancel()
    await asyncio.gather(free, return_exceptions=True)
