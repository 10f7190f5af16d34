"""The beat is kept, what was missed is not made up for, and others get their turn."""

import itertools
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from live.beat import next_beat

EVERY_S, REST_S = 0.1, 0.02


def turns(works_s: Iterable[float]) -> list[tuple[float, float]]:
    """Return when each turn was due, and when its work was done, for work that takes so long."""
    done, due_s, now_s = [], 0.0, 1000.0
    for work_s in works_s:
        due_s = next_beat(due_s, now_s, every_s=EVERY_S, rest_s=REST_S)
        now_s = due_s + work_s
        done.append((due_s, now_s))
    return done


def test_work_does_not_put_off_the_beat() -> None:
    due = [due_s for due_s, _ in turns([0.01, 0.07, 0.03] * 10)]
    assert due[-1] - due[0] < 29 * EVERY_S + 0.001


def test_a_process_that_was_stopped_does_not_hurry_afterwards() -> None:
    due = [due_s for due_s, _ in turns([0.01, 10.0, *[0.01] * 20])]
    assert all(later - earlier >= EVERY_S - 1e-6 for earlier, later in itertools.pairwise(due))


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=50))
def test_others_get_their_turn_however_long_the_work_takes(works_s: list[float]) -> None:
    done = turns(works_s)
    assert all(due_s - done_s >= REST_S - 1e-6 for (_, done_s), (due_s, _) in itertools.pairwise(done))
    assert all(later - earlier >= EVERY_S - 1e-6 for (earlier, _), (later, _) in itertools.pairwise(done))
