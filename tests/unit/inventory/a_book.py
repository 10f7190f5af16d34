"""A small pool, its book without servers, and what a test does to both."""

from typing import Literal

from inventory.book import Book
from inventory.holds import Accepted, ClaimRequest, Hold, HoldStatus, OrderEnd, Pool, Refused
from kit.ids import new_ulid

START_MS = 1_000_000
TTL_MS = 100


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
