"""Who waits, and who is served when a unit comes back."""

from inventory.holds import InLine, Refused
from tests.unit.inventory.a_book import START_MS, a_book, a_pool, an_end, claim, held


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
