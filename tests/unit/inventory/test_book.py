"""Claims on a book, and what is true of it whatever is done."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.holds import Accepted, PoolCounts, Refused
from kit.ids import new_ulid
from tests.unit.inventory.a_book import START_MS, TTL_MS, a_book, a_pool, an_end, claim, held, status


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
