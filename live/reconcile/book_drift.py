"""What is off between the hold books and Postgres: pure checks."""

from collections import Counter
from typing import Final

from live.reconcile.facts import BookState, Facts, OrderRow, PoolRow
from live.reconcile.findings import Drift, Found, pool_drift

LIVE: Final = frozenset({"held", "submitted"})


def books_add_up(facts: Facts) -> Found:
    """Every unfinished pool has a book of its epoch whose counts are the sums of its holds."""
    pools = {pool.pool_id: pool for pool in facts.pools}
    drifts = [
        drift for book in facts.books if book.pool_id in pools for drift in _book_drifts(pools[book.pool_id], book)
    ]
    units = f"{sum(book.held for book in facts.books)} units held, {sum(book.sold for book in facts.books)} sold"
    whole = sum(book.whole for book in facts.books)
    read = f"{len(facts.books)} books" if whole == len(facts.books) else f"{whole} of {len(facts.books)} books whole"
    return f"{read}, {sum(len(book.holds) for book in facts.books)} holds, {units}", drifts


def holds_follow_orders(facts: Facts) -> Found:
    """An order being paid has its submitted hold; a hold ended as its order did; nothing else is sold."""
    books = {book.pool_id: book for book in facts.books}
    status = {hold.hold_id: hold.status for book in facts.books for hold in book.holds}
    drifts = []
    for order in facts.orders:
        # A book that is not there is said once, not for each of its orders.
        book = books.get(order.pool_id)
        if book is not None and book.epoch != 0 and book.whole:
            drifts += _order_drifts(order, status.get(order.hold_id))
    sold = {order.hold_id for order in facts.orders if order.outcome == "sold"}
    drifts += [
        Drift(
            about=hold.hold_id,
            text=f"{hold.hold_id} is sold in the hold book and has no order that was",
            # Redis notes a sale only after Postgres: a rebuild keeps it.
            remedy="none",
            target=book.pool_id,
        )
        for book in facts.books
        for hold in book.holds
        if hold.status == "sold" and hold.hold_id not in sold
    ]
    being_paid = sum(order.outcome is None for order in facts.orders)
    untold = sum(order.outcome is not None and not order.resolved for order in facts.orders)
    return f"{len(facts.orders)} orders of open pools, {being_paid} being paid, {untold} ends untold", drifts


def lines_are_served(facts: Facts) -> Found:
    """Nobody waits in a frozen pool, and nobody waits while units are free."""
    drifts = []
    for book in facts.books:
        if book.frozen and book.waiting:
            text = f"{book.waiting} wait, and the book is frozen"
            drifts.append(pool_drift(book.pool_id, "frozen line", text, remedy="freeze"))
        # One of another server, one that is over and not frozen yet, and a draw before it is drawn keep their units.
        elif book.waiting and book.available > 0 and book.on_this_server and book.handing_on:
            text = f"{book.waiting} wait, and {book.available} units are free"
            drifts.append(pool_drift(book.pool_id, "line", text, remedy="serve_line"))
    return f"{sum(book.waiting for book in facts.books)} buyers wait", drifts


def _book_drifts(pool: PoolRow, book: BookState) -> list[Drift]:
    if book.epoch != pool.epoch:
        text = f"epoch {pool.epoch} in Postgres, {book.epoch or 'no book'} in Redis"
        return [pool_drift(pool.pool_id, "epoch", text, remedy="rebuild")]
    faults = _counter_faults(pool, book)
    if book.whole:
        faults |= _hold_faults(book) | _buyer_faults(book)
    if not book.on_this_server:
        faults["server"] = "the book was begun on another server process, and gives nothing away"
    return [pool_drift(pool.pool_id, about, text, remedy="rebuild") for about, text in faults.items()]


def _counter_faults(pool: PoolRow, book: BookState) -> dict[str, str]:
    faults = {}
    if book.allocated != pool.allocated:
        faults["allocated"] = f"{pool.allocated} allocated, the book has {book.allocated}"
    if book.allocated != book.available + book.held + book.sold or min(book.available, book.held, book.sold) < 0:
        faults["sum"] = (
            f"{book.allocated} allocated is not {book.available} available + {book.held} held + {book.sold} sold"
        )
    return faults


def _hold_faults(book: BookState) -> dict[str, str]:
    faults = {}
    units = Counter[str]()
    for hold in book.holds:
        units[hold.status] += hold.quantity
    live = sum(units[status] for status in LIVE)
    if book.held != live:
        faults["held"] = f"{book.held} held, live holds are {live} units"
    if book.sold != units["sold"]:
        faults["sold"] = f"{book.sold} sold, sold holds are {units['sold']} units"
    for status, listed in (("held", book.due), ("submitted", book.submitted)):
        there = {hold.hold_id for hold in book.holds if hold.status == status}
        if listed != there:
            faults[f"{status} list"] = (
                f"{len(there)} holds are {status}, {len(listed)} are listed as such and in time, not the same"
            )
    return faults


def _buyer_faults(book: BookState) -> dict[str, str]:
    units = Counter[str]()
    live_holds: dict[str, set[str]] = {}
    for hold in book.holds:
        if hold.status in LIVE or hold.status == "sold":
            units[hold.buyer_id] += hold.quantity
        if hold.status in LIVE:
            live_holds.setdefault(hold.buyer_id, set()).add(hold.hold_id)
    faults = {}
    for buyer_id in sorted(book.buyers.keys() | units.keys()):
        counted, listed = book.buyers.get(buyer_id, (0, ()))
        live = live_holds.get(buyer_id, set())
        if counted != units[buyer_id]:
            faults[buyer_id] = f"buyer {buyer_id} counts {counted}, their holds are {units[buyer_id]} units"
        elif set(listed) != live:
            faults[buyer_id] = f"buyer {buyer_id} has {len(live)} live holds, {len(listed)} are listed, not the same"
    return faults


def _order_drifts(order: OrderRow, status: str | None) -> list[Drift]:
    expected = order.outcome or "submitted"
    if order.outcome is not None and not order.resolved:
        return []
    # A hold that had ended before its order was refused keeps the end that its buyer was told.
    if status == expected or (order.outcome == "released" and status not in LIVE and status != "sold"):
        return []
    return [
        Drift(
            about=order.order_id,
            text=f"{order.hold_id} is {status or 'unknown'} in the hold book, its order says {expected}",
            # A rebuild keeps what is live, so the end of a live hold is told again.
            remedy="resolve_again" if order.outcome == "released" and status in LIVE else "rebuild",
            target=order.order_id if order.outcome == "released" and status in LIVE else order.pool_id,
        )
    ]
