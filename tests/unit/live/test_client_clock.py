import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.client_clock import CLOCK_GOOD_MS, CLOCK_KEPT_MS, CLOCK_SAMPLES, ServerClock


def test_the_shortest_round_trip_gives_the_offset() -> None:
    clock = ServerClock()
    assert clock.offset_ms == 0.0
    clock.learn(1_000, 1_400, 6_200)
    clock.learn(2_000, 2_020, 7_110)
    clock.learn(3_000, 3_300, 8_180)
    assert clock.offset_ms == 5_100.0


def test_an_answer_from_before_its_question_teaches_nothing() -> None:
    clock = ServerClock()
    clock.learn(2_000, 1_000, 9_000)
    assert clock.offset_ms == 0.0


def test_what_is_known_of_the_clock_survives_a_slow_welcome() -> None:
    clock = ServerClock()
    clock.learn(1_000, 1_020, 6_010)
    clock.learn(60_000, 60_900, 65_880)  # a crowded server: read its clock at the very end of a long wait
    assert clock.offset_ms == 5_000.0


@pytest.mark.parametrize("jump_ms", [-3_600_000, -200, 200, 3_600_000])
def test_an_answer_that_contradicts_what_is_known_replaces_it(jump_ms: int) -> None:
    clock = ServerClock()
    clock.learn(1_000, 1_020, 6_010)
    clock.learn(2_000, 2_100, 7_050 + jump_ms)
    assert clock.offset_ms == 5_000.0 + jump_ms


def test_a_small_drift_is_no_contradiction() -> None:
    clock = ServerClock()
    clock.learn(1_000, 1_020, 6_010)
    clock.learn(2_000, 2_100, 7_050 + 60)
    assert clock.offset_ms == 5_000.0


def test_an_old_round_trip_is_forgotten_however_short_it_was() -> None:
    clock = ServerClock()
    clock.learn(0, 2, 5_001)
    later_ms = CLOCK_KEPT_MS + 10
    clock.learn(later_ms, later_ms + 80, later_ms + 5_070)
    assert clock.offset_ms == 5_030.0


def test_only_the_newest_round_trips_are_remembered() -> None:
    clock = ServerClock()
    clock.learn(0, 2, 5_001)
    for number in range(CLOCK_SAMPLES):
        clock.learn(1_000 * number, 1_000 * number + 50, 1_000 * number + 5_035)
    assert clock.offset_ms == 5_010.0


def test_the_clock_is_good_once_there_are_recent_round_trips_and_one_of_them_is_short() -> None:
    clock = ServerClock()
    assert not clock.is_good(0)
    clock.learn(0, CLOCK_GOOD_MS + 1, 0)
    clock.learn(0, CLOCK_GOOD_MS + 1, 0)
    assert not clock.is_good(200)
    clock.learn(1_000, 1_000 + CLOCK_GOOD_MS, 1_000)
    assert clock.is_good(1_000 + CLOCK_GOOD_MS)
    clock.learn(2_000, 2_900, 2_000)
    assert clock.is_good(1_000 + CLOCK_GOOD_MS + CLOCK_KEPT_MS)
    assert not clock.is_good(1_001 + CLOCK_GOOD_MS + CLOCK_KEPT_MS)


def test_a_welcome_alone_is_not_trusted_however_short_it_was() -> None:
    clock = ServerClock()
    clock.learn(0, 10, 0)
    assert not clock.is_good(10)
    clock.learn(0, 20, 0)
    assert clock.is_good(20)


@given(
    offset_ms=st.integers(-(10**9), 10**9),
    trips=st.lists(st.tuples(st.integers(0, 5_000), st.floats(0, 1)), min_size=1, max_size=20),
    seed=st.integers(0, 99),
)
def test_the_offset_is_wrong_by_half_the_shortest_remembered_round_trip_at_most(
    offset_ms: int, trips: list[tuple[int, float]], seed: int
) -> None:
    clock, dice, now_ms = ServerClock(), random.Random(seed), 0.0
    for length_ms, read_at in trips:
        clock.learn(now_ms, now_ms + length_ms, now_ms + read_at * length_ms + offset_ms)
        now_ms += length_ms + dice.uniform(0, 60_000)
    shortest_ms = min(length_ms for length_ms, _ in trips[-CLOCK_SAMPLES:])
    assert abs(clock.offset_ms - offset_ms) <= shortest_ms / 2 + 0.001
