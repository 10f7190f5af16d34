"""A hold ends once, and the book counts it once."""

from collections.abc import Callable

import pytest

from inventory.book import Book
from inventory.holds import Accepted, HoldStatus, Refused
from kit.ids import new_ulid
from tests.unit.inventory.a_book import START_MS, TTL_MS, a_book, a_pool, an_end, claim, held, status

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
