from collections.abc import Callable
from typing import Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from inventory.book import Book
from inventory.hold import DEADLINE_STEP_MS, LIVE, TRANSITIONS, Action, HoldRecord, deadline_ms
from inventory.holds import (
    Accepted,
    ClaimRequest,
    Hold,
    HoldStatus,
    InLine,
    OpenOrder,
    OrderEnd,
    Pool,
    PoolCounts,
    Refused,
)
from inventory.limits import HOLD_EXTENSIONS_MOST, HOLD_LIFE_MOST_TTLS
from kit.ids import new_ulid

START_MS = 1_000_000
TTL_MS = 100
STATUSES: tuple[HoldStatus, ...] = get_args(HoldStatus)
ACTIONS: tuple[Action, ...] = get_args(Action)


def a_pool(allocated: int = 3, *, limit: int = 2, epoch: int = 1, lasts_ms: int = 10_000) -> Pool:
    return Pool(
        pool_id="offer",
        pool_no=7,
        epoch=epoch,
        sku="MUG",
        allocated=allocated,
        per_buyer_limit=limit,
        starts_at_ms=START_MS,
        ends_at_ms=START_MS + lasts_ms,
        grace_ms=50,
        hold_ttl_ms=TTL_MS,
        waitlist_hold_ttl_ms=60,
    )


def a_book(pool: Pool) -> Book:
    book = Book()
    book.open(pool)
    return book


def an_end(
    hold_id: str, outcome: Literal["sold", "released"] = "sold", *, buyer_id: str = "ana", quantity: int = 1
) -> OrderEnd:
    """Return how the order of a hold ended."""
    return OrderEnd(hold_id=hold_id, buyer_id=buyer_id, quantity=quantity, outcome=outcome)


def claim(
    book: Book,
    buyer_id: str,
    now_ms: int = START_MS,
    *,
    quantity: int = 1,
    claim_id: str = "",
    pool: Pool | None = None,
) -> Accepted | Refused:
    wish = ClaimRequest(pool_id="offer", claim_id=claim_id or new_ulid(), buyer_id=buyer_id, quantity=quantity)
    [answer] = book.claim(pool or book.terms(), [wish], now_ms)
    return answer


def held(book: Book, buyer_id: str, now_ms: int = START_MS, *, quantity: int = 1) -> str:
    answer = claim(book, buyer_id, now_ms, quantity=quantity)
    assert isinstance(answer, Accepted)
    return answer.hold_id


def status(hold: Hold | None) -> HoldStatus:
    assert hold is not None
    return hold.status


def a_record(state: HoldStatus) -> HoldRecord:
    return HoldRecord(
        hold_id="hold_x",
        buyer_id="ana",
        claim_id=None,
        quantity=1,
        asked=1,
        born_ms=START_MS,
        deadline_ms=START_MS + TTL_MS,
        status=state,
        ends=[] if state in LIVE else [state],
    )


# --- One hold ---------------------------------------------------------------------------------------------------------

ALLOWED = """
held:      extend submit give release expire void sell cancel drop
submitted: sell cancel drop
sold:
released:  sell
expired:   sell
"""


@pytest.mark.parametrize("state", STATUSES)
@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_is_allowed_in_the_states_of_the_table_and_changes_nothing_in_others(
    state: HoldStatus, action: Action
) -> None:
    [row] = [line.split(":")[1].split() for line in ALLOWED.strip().splitlines() if line.startswith(f"{state}:")]
    record = a_record(state)
    assert record.act(action, START_MS) == (action in row)
    assert record.status == TRANSITIONS.get((state, action), state)


@given(st.lists(st.sampled_from([one for one in ACTIONS if one not in {"sell", "drop"}])))
def test_a_hold_that_postgres_does_not_touch_ends_at_most_once(actions: list[Action]) -> None:
    record = a_record("held")
    for action in actions:
        record.act(action, START_MS)
    assert len(record.ends) <= 1
    assert record.is_live() == (not record.ends)


@given(st.integers(0, 2**48))
def test_a_deadline_is_the_next_multiple_of_its_step(at_ms: int) -> None:
    assert deadline_ms(at_ms) % DEADLINE_STEP_MS == 0
    assert at_ms <= deadline_ms(at_ms) < at_ms + DEADLINE_STEP_MS


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 90)), max_size=12))
def test_extensions_are_capped_in_count_and_in_total_and_never_shorten(wishes: list[tuple[int, int]]) -> None:
    record, now_ms = a_record("held"), START_MS
    for nth, after_ms in wishes:
        now_ms += after_ms
        before = record.deadline_ms
        counted = record.prolong(nth, TTL_MS, now_ms)
        assert record.deadline_ms >= before
        assert counted or record.deadline_ms == before
    assert record.extensions <= HOLD_EXTENSIONS_MOST
    assert record.deadline_ms < record.born_ms + HOLD_LIFE_MOST_TTLS * TTL_MS + DEADLINE_STEP_MS


# --- Claims -----------------------------------------------------------------------------------------------------------


def test_units_go_out_until_there_are_none_and_then_the_answer_says_that_some_may_come_back() -> None:
    book = a_book(a_pool(2, limit=1))
    first, second = held(book, "ana"), held(book, "bob")
    assert first != second
    assert claim(book, "cem") == Refused(reason="sold_out", temporary=True)
    for hold_id in (first, second):
        book.resolve([an_end(hold_id)], START_MS)
    assert claim(book, "cem") == Refused(reason="sold_out", temporary=False)
    assert book.counts() == PoolCounts(epoch=1, current=True, allocated=2, sold=2)


def test_a_claim_again_is_the_same_hold_and_with_another_buyer_or_quantity_invalid() -> None:
    book = a_book(a_pool())
    claim_id = new_ulid()
    first = claim(book, "ana", claim_id=claim_id)
    assert claim(book, "ana", START_MS + 999, claim_id=claim_id) == first
    for buyer_id, quantity in (("bob", 1), ("ana", 2)):
        answer = claim(book, buyer_id, quantity=quantity, claim_id=claim_id)
        assert answer == Refused(reason="invalid", temporary=False)
    assert book.held() == 0  # it expired meanwhile


def test_claims_whose_ids_end_alike_are_two_holds() -> None:
    book = a_book(a_pool())
    ids = ["01J000000000000000ABCDEFGH", "01J999999999999999ABCDEFGH"]
    answers = [claim(book, "ana", claim_id=claim_id) for claim_id in ids]
    again = [claim(book, "ana", claim_id=claim_id) for claim_id in ids]
    assert len({answer.hold_id for answer in answers if isinstance(answer, Accepted)}) == 2
    assert answers == again


@pytest.mark.parametrize(
    ("after_ms", "reason"),
    [(-1, "not_open"), (0, None), (10_049, None), (10_050, "ended")],
)
def test_a_claim_counts_from_the_start_to_the_end_of_the_grace(after_ms: int, reason: str | None) -> None:
    answer = claim(a_book(a_pool()), "ana", START_MS + after_ms)
    assert (answer.reason if isinstance(answer, Refused) else None) == reason


def test_an_overdue_hold_is_free_for_others_and_stands_not_in_its_owners_way() -> None:
    book = a_book(a_pool(1, limit=1))
    first = held(book, "ana")
    second = held(book, "ana", START_MS + TTL_MS)
    assert [status(book.submit(one, "ana", START_MS + TTL_MS)) for one in (first, second)] == ["expired", "submitted"]


# --- A hold ends once -------------------------------------------------------------------------------------------------

ENDS: dict[str, Callable[[Book, str], HoldStatus]] = {
    "released": lambda book, called: status(book.release(called, "ana", 0, START_MS)),
    "expired": lambda book, called: status(book.submit(called, "ana", START_MS + TTL_MS)),
}


@pytest.mark.parametrize("first", ENDS)
@pytest.mark.parametrize("second", ENDS)
def test_the_second_end_of_a_hold_is_told_the_first(first: str, second: str) -> None:
    book = a_book(a_pool())
    called = held(book, "ana")
    assert ENDS[first](book, called) == first
    assert ENDS[second](book, called) == first
    assert status(book.extend(called, "ana", 1, START_MS)) == first
    assert [news.what for news in book.sweep(START_MS)] == [first]
    assert book.available() == 3


def test_a_sold_hold_stays_sold_whatever_comes() -> None:
    book = a_book(a_pool())
    called = held(book, "ana")
    assert status(book.submit(called, "ana", START_MS)) == "submitted"
    assert status(book.release(called, "ana", 0, START_MS)) == "submitted"
    book.sweep(START_MS + 9 * TTL_MS)
    book.resolve([an_end(called), an_end(called, "released"), an_end(called)], START_MS)
    assert status(book.release(called, "ana", 0, START_MS)) == "sold"
    assert (book.available(), book.held(), book.sold()) == (2, 0, 1)


def test_a_late_payment_takes_the_unit_of_an_overdue_hold() -> None:
    book = a_book(a_pool(1))
    called = held(book, "ana")
    book.release(called, "ana", 0, START_MS)
    other = held(book, "bob")
    book.resolve([an_end(called)], START_MS + TTL_MS)
    assert (book.available(), book.held(), book.sold()) == (0, 0, 1)
    assert status(book.submit(other, "bob", START_MS + TTL_MS)) == "expired"


def test_a_sale_counts_although_its_unit_was_promised_again_and_nobody_gets_more_until_that_is_refused() -> None:
    book = a_book(a_pool(1))
    called = held(book, "ana")
    book.release(called, "ana", 0, START_MS)
    other = held(book, "bob")
    book.submit(other, "bob", START_MS)
    book.join(book.terms(), "cem", START_MS)
    for _ in range(2):
        book.resolve([an_end(called)], START_MS)
        assert (book.available(), book.held(), book.sold(), book.overdrawn) == (-1, 1, 1, 1)
        assert claim(book, "dee") == Refused(reason="sold_out", temporary=True)
        book.check(START_MS)
    book.resolve([an_end(other, "released", buyer_id="bob")], START_MS)
    assert (book.available(), book.held(), book.sold(), book.overdrawn) == (0, 0, 1, 0)
    assert book.line == ["cem"]
    book.check(START_MS)


def test_the_sale_of_an_unknown_hold_counts_for_its_buyer_and_its_release_changes_nothing() -> None:
    book = a_book(a_pool(3, limit=2))
    unknown, refused = held(a_book(a_pool()), "ana"), held(a_book(a_pool()), "bob")
    for _ in range(2):
        book.resolve([an_end(unknown, quantity=2), an_end(refused, "released", buyer_id="bob")], START_MS)
        assert (book.available(), book.held(), book.sold()) == (1, 0, 2)
    assert claim(book, "ana") == Refused(reason="buyer_limit", temporary=False)
    assert book.submit(refused, "bob", START_MS) is None
    book.check(START_MS)


@pytest.mark.parametrize("first", ["sold", "released"])
def test_the_ends_of_one_batch_may_come_in_any_order(first: str) -> None:
    book = a_book(a_pool(1))
    late = held(book, "ana")
    book.release(late, "ana", 0, START_MS)
    other = held(book, "bob")
    book.submit(other, "bob", START_MS)
    ends = [an_end(late), an_end(other, "released", buyer_id="bob")]
    book.resolve(ends if first == "sold" else ends[::-1], START_MS)
    assert (book.available(), book.held(), book.sold(), book.overdrawn) == (0, 0, 1, 0)


def test_a_sale_whose_key_another_hold_has_is_counted_and_leaves_that_hold_alone() -> None:
    book = a_book(a_pool(3, limit=3))
    claim_id = new_ulid()
    lost = claim(a_book(a_pool()), "ana", claim_id=claim_id)
    again = claim(book, "ana", START_MS + 1, claim_id=claim_id)
    assert isinstance(lost, Accepted)
    assert isinstance(again, Accepted)
    book.resolve([an_end(lost.hold_id)], START_MS + 1)
    assert (book.available(), book.held(), book.sold(), book.units_of("ana", START_MS + 1)) == (1, 1, 1, 2)
    assert status(book.submit(again.hold_id, "ana", START_MS + 1)) == "submitted"
    book.check(START_MS + 1)


def test_somebody_elses_hold_is_none() -> None:
    book = a_book(a_pool())
    called = held(book, "ana")
    assert book.submit(called, "eve", START_MS) is None
    assert book.extend(called, "eve", 1, START_MS) is None
    assert book.release(called, "eve", 0, START_MS) is None


def test_a_part_given_back_can_be_claimed_by_another_and_the_claim_is_still_the_same() -> None:
    book = a_book(a_pool(2))
    claim_id = new_ulid()
    first = claim(book, "ana", quantity=2, claim_id=claim_id)
    assert isinstance(first, Accepted)
    kept = book.release(first.hold_id, "ana", 1, START_MS)
    assert kept is not None
    assert (kept.status, kept.quantity) == ("held", 1)
    held(book, "bob")
    assert claim(book, "ana", quantity=2, claim_id=claim_id) == first


# --- Who waits --------------------------------------------------------------------------------------------------------


def test_a_unit_that_comes_back_goes_to_the_first_in_line_within_the_same_call() -> None:
    book = a_book(a_pool(1))
    called = held(book, "ana")
    places = [book.join(book.terms(), buyer_id, START_MS) for buyer_id in ("bob", "cem", "bob")]
    assert places == [InLine(place=1), InLine(place=2), InLine(place=1)]
    book.release(called, "ana", 0, START_MS)
    assert book.line == ["cem"]
    [promoted] = book.holds_of("bob", START_MS)
    assert (promoted.quantity, promoted.expires_at_ms) == (1, START_MS + 60)
    assert claim(book, "dee") == Refused(reason="sold_out", temporary=True)
    assert [news.what for news in book.sweep(START_MS)] == ["promoted", "released"]


def test_who_left_or_has_their_share_is_passed_over_and_nobody_is_promoted_after_the_end() -> None:
    book = a_book(a_pool(1, limit=1))
    called = held(book, "ana")
    for buyer_id in ("bob", "cem"):
        book.join(book.terms(), buyer_id, START_MS)
    assert book.join(book.terms(), "ana", START_MS) == "buyer_limit"
    assert book.leave("bob")
    assert not book.leave("bob")
    end_ms = START_MS + 10_050
    book.submit(called, "ana", START_MS)
    book.resolve([an_end(called, "released")], end_ms)
    assert (book.available(), book.line) == (1, ["cem"])
    assert book.join(book.terms(), "dee", end_ms) == "ended"


def test_a_frozen_book_takes_nobody_and_lets_holds_live_until_they_are_released() -> None:
    book = a_book(a_pool(2))
    held(book, "ana")
    paying = held(book, "bob")
    book.submit(paying, "bob", START_MS)
    book.freeze()
    assert claim(book, "cem") == Refused(reason="ended", temporary=False)
    assert book.join(book.terms(), "cem", START_MS) == "ended"
    assert book.sweep(START_MS) == []
    assert [news.what for news in book.sweep(START_MS, releasing=True)] == ["released"]
    assert (book.available(), book.held()) == (1, 1)


# --- Another server, another epoch ------------------------------------------------------------------------------------


def test_a_book_that_is_lost_older_or_elsewhere_gives_nothing_away_until_it_is_rebuilt() -> None:
    pool = a_pool(2)
    book = a_book(pool)
    older = book.copy()
    called = held(book, "ana")
    book.submit(called, "ana", START_MS)
    recovering = Refused(reason="recovering", temporary=True)
    book.lose(older)
    assert book.holds == {}
    assert claim(book, "bob") == recovering
    assert book.join(pool, "bob", START_MS) == "recovering"
    order = OpenOrder(hold_id=called, buyer_id="ana", quantity=1, status="submitted")
    newer = replace(pool, epoch=2)
    book.rebuild(newer, [order], START_MS, closed=False)
    assert claim(book, "bob", pool=pool) == recovering
    assert (book.available(), book.held()) == (1, 1)
    book.rebuild(newer, [], START_MS, closed=True)
    assert book.held() == 1
    assert claim(Book(), "bob", pool=pool) == recovering


def test_a_rebuilt_book_keeps_no_hold_beyond_the_units_or_the_buyers_limit() -> None:
    pool = a_pool(2, limit=1)
    book = a_book(pool)
    given_back, other = held(book, "ana"), held(book, "bob", START_MS + 30)
    copy = book.copy()
    book.release(given_back, "ana", 0, START_MS + 40)
    bought = held(book, "ana", START_MS + 40)
    book.lose(copy)
    order = OpenOrder(hold_id=bought, buyer_id="ana", quantity=1, status="sold")
    book.rebuild(replace(pool, epoch=2), [order], START_MS + 50, closed=False)
    assert {
        one: status(book.submit(one, who, START_MS + 50)) for one, who in ((given_back, "ana"), (other, "bob"))
    } == {
        given_back: "released",
        other: "submitted",
    }
    book.check(START_MS + 50)


def test_a_sale_that_survived_stays_although_its_order_is_not_among_those_that_were_read() -> None:
    pool = a_pool(2, limit=1)
    book = a_book(pool)
    sold, live, other = held(book, "ana"), held(book, "bob"), new_ulid()
    book.submit(sold, "ana", START_MS)
    book.resolve([an_end(sold)], START_MS)
    order = OpenOrder(hold_id=f"hold_{other}", buyer_id="cem", quantity=1, status="submitted")
    book.rebuild(replace(pool, epoch=2), [order], START_MS, closed=False)
    assert (book.available(), book.held(), book.sold()) == (0, 1, 1)
    assert status(book.submit(live, "bob", START_MS)) == "released"
    book.check(START_MS)


def test_orders_beyond_the_units_are_known_as_a_debt_until_postgres_has_judged() -> None:
    book, orders = Book(), []
    for n in range(3):
        called = held(a_book(a_pool()), f"buyer-{n}")
        orders.append(OpenOrder(hold_id=called, buyer_id=f"buyer-{n}", quantity=1, status="submitted"))
    book.rebuild(a_pool(2), orders, START_MS, closed=False)
    assert (book.available(), book.overdrawn) == (-1, 1)
    book.resolve([an_end(orders[0].hold_id, "released")], START_MS)
    assert book.available() == 0
    book.check(START_MS)


# --- The invariants ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "line", "wrong"),
    [
        ("I1", [], {"quantity": 9, "asked": 9}),
        ("I2", [], {"quantity": 0}),
        ("I4", [], {"ends": ["sold"]}),
        ("I9", [], {"quantity": 3, "asked": 3}),
        ("I10", [], {"status": "expired", "ends": ["expired"]}),
        ("I12", ["bob"], {}),
        ("I14", ["bob", "bob"], {}),
    ],
)
def test_a_book_that_is_wrong_is_found_out(name: str, line: list[str], wrong: dict[str, object]) -> None:
    book = a_book(a_pool())
    held(book, "ana")
    book.check(START_MS)
    [hold] = book.holds.values()
    for field, value in wrong.items():
        setattr(hold, field, value)
    book.line = line
    with pytest.raises(AssertionError, match=name):
        book.check(START_MS)


@given(st.data())
def test_whatever_buyers_do_the_invariants_hold_and_nothing_is_left_over(data: st.DataObject) -> None:
    book, now_ms = a_book(a_pool(data.draw(st.integers(1, 4)))), START_MS
    for _ in range(data.draw(st.integers(0, 25))):
        now_ms += data.draw(st.sampled_from([0, 1, 20, 77]))
        buyer_id = data.draw(st.sampled_from(["ana", "bob", "cem"]))
        called = data.draw(st.sampled_from([one.hold_id for one in book.holds.values()] or [""]))
        match data.draw(st.sampled_from(["claim", "join", "release", "submit", "pay", "sweep"])):
            case "claim":
                claim(book, buyer_id, now_ms, quantity=data.draw(st.integers(1, 2)))
            case "join":
                book.join(book.terms(), buyer_id, now_ms)
            case "release":
                book.release(called, buyer_id, data.draw(st.integers(0, 1)), now_ms)
            case "submit":
                book.submit(called, buyer_id, now_ms)
            case "pay" if called:
                book.resolve([an_end(called, data.draw(st.sampled_from(["sold", "released"])))], now_ms)
            case _:
                book.sweep(now_ms)
        book.check(now_ms)
    book.line.clear()
    book.sweep(now_ms + 10 * TTL_MS)
    left = max(0, book.available())
    answers = [claim(book, f"late-{n}", now_ms + 10 * TTL_MS) for n in range(left + 1)]
    assert [isinstance(one, Accepted) for one in answers] == [True] * left + [False]
