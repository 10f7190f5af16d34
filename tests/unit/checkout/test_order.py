import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checkout.judge import first_come
from checkout.limits import BACKOFF_FIRST_MS, BACKOFF_MOST_MS, PAYMENT_DEADLINE_MS, backoff_ms
from checkout.news import news
from checkout.order import LATE_PAYMENT, NEXT_STATES, IllegalMoveError, Order, OrderState, is_late, move, rebook
from kit.money import Money
from tests.unit.checkout.an_order import an_order


@pytest.mark.parametrize("state", NEXT_STATES)
def test_only_the_drawn_moves_are_possible(state: OrderState) -> None:
    for wanted in NEXT_STATES:
        if wanted in NEXT_STATES[state]:
            assert move(an_order(state=state), wanted).state == wanted
        else:
            with pytest.raises(IllegalMoveError):
                move(an_order(state=state), wanted)


def test_a_move_decides_the_hold_once_and_starts_counting_anew() -> None:
    authorised = an_order(state="authorised", attempts=4)
    assert move(authorised, "confirmed").hold_outcome == "sold"
    assert move(authorised, "unfulfillable").hold_outcome == "released"
    assert move(authorised, "cancelled").hold_outcome == "released"
    assert move(authorised, "confirmed").attempts == 0
    # A sold unit that is given back goes to the stock, not to the hold book.
    assert move(an_order(state="captured", hold_outcome="sold"), "cancelled").hold_outcome == "sold"


def test_no_state_follows_an_end() -> None:
    ends = {state for state, following in NEXT_STATES.items() if not following}
    assert ends == {"cancelled", "unfulfillable", "refunded"}


LATE = {"state": "declined", "reason": LATE_PAYMENT, "hold_outcome": "released", "payment_open": False}


def test_an_order_whose_money_came_too_late_may_wait_for_its_units_again_in_another_hold() -> None:
    late = an_order(**LATE, authorised=1_000)
    assert is_late(late)
    after = rebook(late, "hold_2")
    assert (after.state, after.reason, after.hold_id, after.hold_outcome) == ("authorised", None, "hold_2", None)


@pytest.mark.parametrize(
    "change",
    [
        {"authorised": 0},
        {"authorised": 999},
        {"authorised": 1_000, "reason": "card_declined"},
        {"authorised": 1_000, "captured": 1_000, "refunded": 1},
        {"authorised": 1_000, "captured": 1_000, "refund_reserved": 1_000},
        {"authorised": 1_000, "reason": "changed_mind", "state": "cancelled"},
    ],
)
def test_no_other_order_is_rebooked(change: dict[str, object]) -> None:
    order = an_order(**LATE | change)
    assert not is_late(order)
    with pytest.raises(IllegalMoveError):
        rebook(order, "hold_2")


@given(
    free=st.dictionaries(st.sampled_from("abc"), st.integers(0, 12)),
    wishes=st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 5)), max_size=30),
)
def test_the_judge_never_oversells_and_leaves_no_unit_that_somebody_could_have(
    free: dict[str, int], wishes: list[tuple[str, int]]
) -> None:
    orders: list[Order] = [an_order(pool_id=pool, quantity=quantity) for pool, quantity in wishes]
    verdicts = first_come(free, orders)
    for pool in "abc":
        taken = sum(order.quantity for order, ok in zip(orders, verdicts, strict=True) if ok and order.pool_id == pool)
        left = free.get(pool, 0) - taken
        assert left >= 0
        refused = [
            order.quantity for order, ok in zip(orders, verdicts, strict=True) if not ok and order.pool_id == pool
        ]
        assert all(quantity > left for quantity in refused)


def test_the_judge_asks_who_came_first() -> None:
    orders = [an_order(pool_id="a", quantity=quantity) for quantity in (2, 2, 1)]
    assert first_come({"a": 3}, orders) == [True, False, True]


def test_pauses_double_from_the_first_to_the_longest() -> None:
    pauses = [backoff_ms(attempts) for attempts in range(40)]
    assert pauses[:4] == [BACKOFF_FIRST_MS, BACKOFF_FIRST_MS, 2 * BACKOFF_FIRST_MS, 4 * BACKOFF_FIRST_MS]
    assert pauses == sorted(pauses)
    assert pauses[-1] == BACKOFF_MOST_MS < PAYMENT_DEADLINE_MS


def test_news_of_a_refund_names_what_went_back_and_is_told_per_refund() -> None:
    order = an_order(state="captured", captured=1_000, refunded=300)
    first, second = news(order, "order.refunded", about="r1"), news(order, "order.refunded", about="r2")
    assert first.amount == Money(300, "EUR")
    assert first.event_key != second.event_key
    assert news(order, "order.confirmed").amount == order.amount
    assert msgspec.json.encode(first)
