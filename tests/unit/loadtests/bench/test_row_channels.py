"""How long sales took to reach a channel."""

from loadtests.bench.row_channels import Sale, waits_ms

MS = 1_000_000


def sale(sku: str, left: int, at_ms: int) -> Sale:
    return Sale(sku=sku, left=left, at_ns=at_ms * MS)


def test_a_sale_has_arrived_with_the_first_call_that_knows_of_it() -> None:
    sales = [sale("a", 9, 0), sale("b", 4, 1), sale("a", 8, 2), sale("a", 7, 4)]
    arrivals = [(3 * MS, {"a": 9}), (7 * MS, {"a": 7, "b": 4}), (9 * MS, {"a": 7})]
    assert waits_ms(sales, arrivals) == ([3.0, 3.0, 5.0, 6.0], 0)


def test_a_sale_that_no_call_knows_of_is_lost() -> None:
    assert waits_ms([sale("a", 9, 0), sale("b", 1, 0)], [(5 * MS, {"a": 10})]) == ([], 2)
