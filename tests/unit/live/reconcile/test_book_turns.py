"""Which hold books a comparison reads whole."""

from hypothesis import given
from hypothesis import strategies as st

from live.reconcile.book_turns import BookTurns


def test_few_holds_are_all_read() -> None:
    turns = BookTurns(100)
    assert turns.counted({"a": 50, "b": 50}) == frozenset()


def test_all_looks_of_a_comparison_read_the_same_books() -> None:
    turns = BookTurns(100)
    assert turns.counted({"a": 60, "b": 60}) == {"b"}
    assert turns.counted({"a": 99, "b": 1, "c": 1}) == {"b", "c"}


def test_a_book_that_is_off_stays_in_sight_until_it_is_well() -> None:
    turns = BookTurns(100)
    assert turns.counted({"a": 60, "b": 60}) == {"b"}
    turns.end(is_well=False)
    assert turns.counted({"a": 60, "b": 60}) == {"b"}
    turns.end(is_well=True)
    assert turns.counted({"a": 60, "b": 60}) == {"a"}


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.integers(0, 150), min_size=1))
def test_every_book_that_fits_has_its_turn_and_no_comparison_reads_too_much(holds: dict[str, int]) -> None:
    turns, seen = BookTurns(100), set[str]()
    for _ in range(len(holds)):
        whole = holds.keys() - turns.counted(holds)
        assert sum(holds[pool_id] for pool_id in whole) <= 100
        seen |= whole
        turns.end(is_well=True)
    assert seen == {pool_id for pool_id, count in holds.items() if count <= 100}
