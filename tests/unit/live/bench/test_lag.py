"""How long a sale took to arrive."""

import math

import pytest

from live.bench.lag import Sale, lags_ms, percentile

MS = 1_000_000


def sale(sku: str, left: int, at_ms: int) -> Sale:
    return Sale(sku=sku, left=left, at_ns=at_ms * MS)


def test_a_sale_has_arrived_with_the_first_call_that_knows_of_it() -> None:
    sales = [sale("a", 9, 0), sale("b", 4, 1), sale("a", 8, 2)]
    arrivals = [(3 * MS, {"a": 9}), (7 * MS, {"a": 8, "b": 4}), (9 * MS, {"a": 8})]
    assert lags_ms(sales, arrivals) == ([3.0, 5.0, 6.0], 0)


def test_a_later_sale_of_the_same_sku_tells_of_it_too() -> None:
    assert lags_ms([sale("a", 9, 0), sale("a", 8, 2)], [(5 * MS, {"a": 8})]) == ([3.0, 5.0], 0)


def test_what_was_told_before_the_sale_does_not_count() -> None:
    assert lags_ms([sale("a", 9, 4)], [(1 * MS, {"a": 10}), (6 * MS, {"a": 9})]) == ([2.0], 0)


def test_a_sale_that_never_arrived_is_counted_as_lost() -> None:
    assert lags_ms([sale("a", 9, 0), sale("b", 1, 0)], [(5 * MS, {"a": 10})]) == ([], 2)


@pytest.mark.parametrize(("share", "value"), [(0.5, 2.0), (0.75, 3.0), (0.99, 4.0), (1.0, 4.0), (0.0, 1.0)])
def test_a_percentile_is_one_of_the_values(share: float, value: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], share) == value


def test_of_nothing_there_is_no_percentile() -> None:
    assert math.isnan(percentile([], 0.5))
