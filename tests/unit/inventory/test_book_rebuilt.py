"""A book that was lost, or that another server or epoch has, and the one built from the orders."""

from msgspec.structs import replace

from inventory.book import Book
from inventory.holds import OpenOrder, Refused
from kit.ids import new_ulid
from tests.unit.inventory.a_book import START_MS, a_book, a_pool, an_end, claim, held, status


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
