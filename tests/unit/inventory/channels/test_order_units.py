from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.channels.order_units import OrderLine, Shelf, check_order, movement_key, state_of, take, wanted_lines
from inventory.channels.selling import ChannelOrder, SoldLine
from inventory.stock import Movement
from kit.errors import InvalidError

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
    given: dict[str, Counter[str]] = {item: Counter() for item in ITEMS}
    lines: list[OrderLine] = []
    keys: list[str] = []
    for holds, delivered in story:
        stock.update(delivered)
        lines, movements = take(
            wanted_lines(holds, lines, SKUS), on_shelves(stock), given, name="order", reason="sold elsewhere"
        )
        for movement in movements:
            stock[movement.sku] += movement.on_hand_delta
            keys.append(movement.key)
            item = next(item for item, sku in SKUS.items() if sku == movement.sku)
            given[item][movement.location] -= movement.on_hand_delta
            assert given[item][movement.location] >= 0, "units came back to where none were taken"
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
    return take(lines, [Shelf(sku="MUG", location="main", free=free)], {"item-1": {"main": 3}}, name="o", reason="r")[1]


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


def an_order(*lines: SoldLine, placed_at_ms: int = 1) -> ChannelOrder:
    return ChannelOrder(order_id="O1", placed_at_ms=placed_at_ms, status="", lines=lines)


@pytest.mark.parametrize("quantity", [0, -1, 10**9 + 1, 10**30])
def test_an_order_of_no_number_of_units_is_refused(quantity: int) -> None:
    with pytest.raises(InvalidError, match="none that an order can hold"):
        check_order(an_order(SoldLine(item_id="item-1", quantity=quantity)))


@pytest.mark.parametrize("item_id", ["", "x" * 201, "a\x00b", "a\nb", "\ud800"])
def test_an_order_of_an_item_that_cannot_be_stored_is_refused(item_id: str) -> None:
    with pytest.raises(InvalidError, match="an id that is none"):
        check_order(an_order(SoldLine(item_id=item_id, quantity=1)))


@pytest.mark.parametrize("placed_at_ms", [-1, 2**63])
def test_an_order_of_no_moment_is_refused(placed_at_ms: int) -> None:
    with pytest.raises(InvalidError, match="no moment"):
        check_order(an_order(placed_at_ms=placed_at_ms))
    check_order(an_order(SoldLine(item_id="SKU ä", quantity=1)))


def test_ids_that_run_together_name_different_movements() -> None:
    names = {
        movement_key(name, OrderLine(item_id=item, sku="MUG", wanted=1))
        for name, item in (("chan:A", "B:C"), ("chan:A:B", "C"), ("chan", "A:B:C"))
    }
    assert len(names) == 3


def test_units_come_back_to_where_they_were_taken() -> None:
    line = OrderLine(item_id="item-1", sku="MUG", wanted=12)
    shelves = [Shelf(sku="MUG", location="annex", free=5), Shelf(sku="MUG", location="main", free=10)]
    (taken,), out = take([line], shelves, {}, name="o", reason="r")
    given = {"item-1": {one.location: -one.on_hand_delta for one in out}}
    assert given == {"item-1": {"annex": 5, "main": 7}}
    _, back = take([msgspec.structs.replace(taken, wanted=0)], [], given, name="o", reason="r")
    assert {one.location: one.on_hand_delta for one in back} == {"annex": 5, "main": 7}
