"""What a rehearsal takes back of the units that it added."""

from hypothesis import given
from hypothesis import strategies as st

from live.rehearse.leftovers import Units, units_to_give_back

COUNT = st.integers(0, 100_000)


def test_all_units_go_back_when_the_show_never_sold_one() -> None:
    assert units_to_give_back(100, Units(sold=0, outstanding=0, free=130)) == 100


def test_units_that_were_sold_stay_away() -> None:
    assert units_to_give_back(100, Units(sold=37, outstanding=0, free=93)) == 63


def test_units_of_open_orders_are_not_taken_from_under_them() -> None:
    assert units_to_give_back(100, Units(sold=37, outstanding=3, free=500)) == 60


def test_no_more_goes_back_than_is_free() -> None:
    assert units_to_give_back(100, Units(sold=10, outstanding=0, free=4)) == 4


def test_nothing_goes_back_when_more_is_gone_than_was_added() -> None:
    assert units_to_give_back(5, Units(sold=6, outstanding=1, free=50)) == 0


@given(added=COUNT, before=COUNT, sold=COUNT, outstanding=COUNT)
def test_the_stock_of_before_is_never_touched(added: int, before: int, sold: int, outstanding: int) -> None:
    free = before + added - sold - outstanding
    if free < 0:
        return
    back = units_to_give_back(added, Units(sold=sold, outstanding=outstanding, free=free))
    assert back >= 0
    assert free - back >= min(before, free)
