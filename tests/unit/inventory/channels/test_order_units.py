from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from inventory.channels.order_units import OrderLine, Shelf, state_of, take, wanted_lines
from inventory.channels.selling import SoldLine
from inventory.stock import Movement

ITEMS = ("item-1", "item-2", "item-3")
SKUS = {"item-1": "MUG", "item-2": "HAT"}  # item-3 is not linked

held = st.lists(st.builds(SoldLine, item_id=st.sampled_from(ITEMS), quantity=st.integers(1, 5)), max_size=4)
deliveries = st.fixed_dictionaries({sku: st.integers(0, 4) for sku in SKUS.values()})


def on_shelves(free: Counter[str]) -> list[Shelf]:
    """Each SKU lies at two places, half and half."""
    return [
        Shelf(sku=sku, location=place, free=units)
        for sku in sorted(SKUS.values())
        for place, units in (("main", free[sku] // 2), ("north", free[sku] - free[sku] // 2))
    ]


@given(st.lists(st.tuples(held, deliveries), min_size=1, max_size=8))
def test_an_order_has_what_it_holds_or_all_there_is_and_gives_back_the_rest(
    story: list[tuple[list[SoldLine], dict[str, int]]],
) -> None:
    stock: Counter[str] = Counter()
    lines: list[OrderLine] = []
    keys: list[str] = []
    for holds, delivered in story:
        stock.update(delivered)
        lines, movements = take(
            wanted_lines(holds, lines, SKUS), on_shelves(stock), name="order", reason="sold elsewhere"
        )
        for movement in movements:
            stock[movement.sku] += movement.on_hand_delta
            keys.append(movement.key)
        wanted: Counter[str] = Counter()
        for line in holds:
            wanted[line.item_id] += line.quantity
        for one in lines:
            assert one.wanted == wanted[one.item_id]
            assert 0 <= one.taken <= one.wanted
            if one.taken < one.wanted:
                assert one.sku is None or stock[one.sku] == 0, "units lay there while an order lacked some"
        assert min(stock.values(), default=0) >= 0
    assert len(keys) == len(set(keys)), "two movements of one name: the second would not be recorded"


def movements_of(lines: list[OrderLine], *, free: int) -> list[Movement]:
    return take(lines, [Shelf(sku="MUG", location="main", free=free)], name="o", reason="r")[1]


def test_units_are_a_sale_elsewhere_and_their_return_another_kind() -> None:
    sold = movements_of([OrderLine(item_id="item-1", sku="MUG", wanted=3)], free=9)
    back = movements_of([OrderLine(item_id="item-1", sku="MUG", wanted=1, taken=3, moves=1)], free=0)
    assert [(one.kind, one.on_hand_delta) for one in (*sold, *back)] == [
        ("sale_elsewhere", -3),
        ("return_elsewhere", 2),
    ]


def test_units_come_back_to_the_sku_that_they_were_taken_of_whatever_the_item_is_linked_to_now() -> None:
    taken = OrderLine(item_id="item-1", sku="MUG", wanted=2, taken=2, moves=1)
    (line,) = wanted_lines([], [taken], {"item-1": "HAT"})
    assert (line.sku, line.wanted) == ("MUG", 0)
    untouched = OrderLine(item_id="item-1", sku="MUG", wanted=2)
    (line,) = wanted_lines([SoldLine(item_id="item-1", quantity=2)], [untouched], {"item-1": "HAT"})
    assert line.sku == "HAT"


def test_the_state_of_an_order_is_that_of_its_worst_line() -> None:
    full = OrderLine(item_id="a", sku="A", wanted=1, taken=1)
    short = OrderLine(item_id="b", sku="B", wanted=1)
    unlinked = OrderLine(item_id="c", sku=None, wanted=1)
    gone = OrderLine(item_id="d", sku="D", wanted=0)
    assert state_of([full, gone]) == "taken"
    assert state_of([full, short]) == "oversold_elsewhere"
    assert state_of([full, short, unlinked]) == "unlinked"
    assert state_of([gone]) == state_of([]) == "cancelled"
