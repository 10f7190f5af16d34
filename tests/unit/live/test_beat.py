"""The beat is kept, no more than one turn that was missed is made up for, and others get theirs."""

import itertools
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from live.beat import next_beat

EVERY_S, REST_S = 0.1, 0.02


def turns(works_s: Iterable[float]) -> list[tuple[float, float]]:
    """Return when each turn was made, and when its work was done, for work that takes so long."""
    done, due_s, now_s = [], 0.0, 1000.0
    for work_s in works_s:
        due_s, turn_s = next_beat(due_s, now_s, every_s=EVERY_S, rest_s=REST_S)
        now_s = turn_s + work_s
        done.append((turn_s, now_s))
    return done


def test_work_does_not_put_off_the_beat() -> None:
    due = [due_s for due_s, _ in turns([0.01, 0.07, 0.03] * 10)]
    assert due[-1] - due[0] < 29 * EVERY_S + 0.001


def test_turns_that_are_a_little_late_again_and_again_are_ten_a_second_all_the_same() -> None:
    made = [turn_s for turn_s, _ in turns([0.01, 0.01, 0.12] * 100)]
    assert made[-1] - made[0] < 299 * EVERY_S + 0.05


def test_more_work_than_there_is_time_for_has_its_rests_and_no_more() -> None:
    made = [turn_s for turn_s, _ in turns([0.15] * 20)]
    assert {round(later - earlier, 6) for earlier, later in itertools.pairwise(made)} == {round(0.15 + REST_S, 6)}


def test_a_process_that_was_stopped_does_not_hurry_afterwards() -> None:
    due = [due_s for due_s, _ in turns([0.01, 10.0, *[0.01] * 20])]
    assert sum(due[1] + 10.0 <= one < due[1] + 11.0 for one in due) <= 1 / EVERY_S + 1
    assert all(later - earlier >= REST_S for earlier, later in itertools.pairwise(due))


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=50))
def test_others_get_their_turn_however_long_the_work_takes(works_s: list[float]) -> None:
    done = turns(works_s)
    assert all(due_s - done_s >= REST_S - 1e-6 for (_, done_s), (due_s, _) in itertools.pairwise(done))
