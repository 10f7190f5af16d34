from hypothesis import given
from hypothesis import strategies as st

from inventory.stock import Movement, StockLevel, adjust, allocate, give_back, receive, replay, restock, sale


def a_life(units: int, sold: int, back: int) -> list[Movement]:
    """One pool's whole life: units come in, are set aside, are sold or returned, and some come back."""
    moves = [receive("MUG", units, key="file", reason="import"), allocate("MUG", units, pool_id="offer_1")]
    moves += [sale("MUG", 1, pool_id="offer_1", order_id=f"order_{n}") for n in range(sold)]
    if units > sold:
        moves.append(give_back("MUG", units - sold, pool_id="offer_1", returned_before=0))
    moves += [restock("MUG", 1, pool_id="offer_1", order_id=f"order_{n}", reason="refund") for n in range(back)]
    return moves


@given(st.data())
def test_a_pools_life_leaves_what_was_not_sold_or_came_back(data: st.DataObject) -> None:
    units = data.draw(st.integers(1, 30))
    sold = data.draw(st.integers(0, units))
    back = data.draw(st.integers(0, sold))
    level = replay(a_life(units, sold, back))["MUG", "main"]
    assert level == StockLevel(sku="MUG", on_hand=units - sold + back, ring_fenced=0)
    assert level.available == units - sold + back


def test_every_prefix_of_a_pools_life_covers_its_ring_fence() -> None:
    moves = a_life(9, 4, 2)
    for length in range(1, len(moves) + 1):
        level = replay(moves[:length])["MUG", "main"]
        assert 0 <= level.ring_fenced <= level.on_hand


def test_each_movement_has_a_key_of_its_own() -> None:
    moves = [*a_life(9, 4, 2), adjust("MUG", -1, key="count", reason="broken")]
    assert len({one.key for one in moves}) == len(moves)
