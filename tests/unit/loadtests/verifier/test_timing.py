"""State frames: on soaks in which everyone saw them all the time, and on soaks in which somebody did not."""

from collections.abc import Callable

import pytest

from loadtests.verifier.evidence import Evidence
from tests.unit.loadtests.verifier.good_run import broken, good, host_of, rolled, see, with_soak

FRAMES = "state frames"
FIRST_S = 1_002
"""The first second that counts, of 38."""


@pytest.mark.parametrize("tier", ["XS", "L"])
def test_too_few_stock_counts_in_the_soak_are_a_fault(tier: str) -> None:
    def soak(frames: int) -> Evidence:
        evidence = with_soak(frames)
        evidence.runs[0].tier = tier
        return evidence

    assert FRAMES in broken(soak(8))
    assert FRAMES not in broken(soak(9))


def stall(seconds: int, frames: int) -> Evidence:
    """A soak with so many seconds in which everyone saw so few stock counts; the others make up for it."""
    evidence = with_soak(12)
    for second in range(FIRST_S, FIRST_S + seconds):
        see(evidence, second, frames - 12)
    return evidence


def test_one_in_twenty_seconds_may_be_bad_and_the_others_only_a_little() -> None:
    assert FRAMES not in broken(stall(1, 0))
    assert FRAMES in broken(stall(2, 0))
    assert FRAMES not in broken(stall(19, 7))
    assert FRAMES in broken(stall(19, 6))


def test_of_a_short_soak_no_second_may_be_bad() -> None:
    evidence = with_soak(12, soak_s=9.0)
    assert FRAMES not in broken(evidence)
    see(evidence, FIRST_S, 6 - 12)
    assert FRAMES in broken(evidence)


def test_stock_counts_in_every_second_second_are_too_few() -> None:
    evidence = with_soak(20)
    for second in range(FIRST_S, FIRST_S + 40, 2):
        see(evidence, second, -20)
    assert FRAMES in broken(evidence)


def test_the_seconds_in_which_a_soak_begins_and_ends_do_not_count() -> None:
    evidence = with_soak(12)
    for second in (1_001, 1_040):
        see(evidence, second, -12)
    assert FRAMES not in broken(evidence)


def blind(viewers: int, seen: int) -> Evidence:
    """A soak in which so many viewers saw so many stock counts in all; the others saw enough for everyone."""
    evidence = with_soak(12)
    for viewer in evidence.runs[0].viewers[:viewers]:
        viewer.frames = seen
    return evidence


def test_a_viewer_who_saw_too_few_is_a_fault_whatever_the_others_saw() -> None:
    assert FRAMES in broken(blind(2, 0))
    assert FRAMES in broken(blind(1, 9 * 39 - 1))
    assert FRAMES not in broken(blind(1, 9 * 39))


NO_SOAK: dict[str, Callable[[Evidence], None]] = {
    "no times": lambda one: host_of(one).soaks_ms.clear(),
    "never closed": lambda one: host_of(one).soaks_ms.__setitem__(0, (1_002_000.0, 1_000_500.0)),
    "too short": lambda one: host_of(one).soaks_ms.__setitem__(0, (1_000_500.0, 1_002_500.0)),
}


@pytest.mark.parametrize("why", NO_SOAK)
def test_a_scene_with_a_soak_of_which_nothing_was_seen_is_a_fault(why: str) -> None:
    evidence = with_soak()
    NO_SOAK[why](evidence)
    assert FRAMES in broken(evidence)
    assert FRAMES not in broken(good())


def test_where_gateways_were_replaced_only_the_middle_second_is_judged() -> None:
    assert FRAMES not in broken(rolled(stall(2, 0)))
    assert FRAMES not in broken(rolled(blind(2, 0)))
    assert FRAMES in broken(rolled(with_soak(8)))
