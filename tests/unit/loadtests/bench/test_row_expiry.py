"""Waits from deadlines to sightings."""

from loadtests.bench.claim_round import Sighting
from loadtests.bench.row_expiry import waits_ms


def seen(*counts: tuple[float, int]) -> list[Sighting]:
    return [Sighting(at_ms=at_ms, available=available) for at_ms, available in counts]


def test_the_nth_deadline_is_over_for_a_viewer_who_sees_n_units() -> None:
    assert waits_ms([100, 110, 300], seen((150, 1), (250, 2), (310, 3))) == [50, 140, 10]


def test_units_that_come_back_together_are_seen_together() -> None:
    assert waits_ms([100, 110, 120], seen((150, 3))) == [50, 40, 30]


def test_counts_from_before_the_first_deadline_do_not_count() -> None:
    assert waits_ms([100], seen((10, 5), (130, 1))) == [30]


def test_a_unit_that_is_never_seen_has_no_wait() -> None:
    assert waits_ms([100, 110], seen((150, 1))) == [50]
    assert waits_ms([], []) == []
