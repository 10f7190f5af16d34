"""What the reconciler collects in one look. Amounts are minor units, quantities units, times milliseconds.

Postgres is read first, as one snapshot, and Redis after it. Whatever Postgres knew to be settled is therefore in
Redis already when all is well; what happened in between is seen by the next look.

Facts named ``suspects`` were chosen by the query, which leaves out what is plainly right, because the tables behind
them grow for ever; whether they are wrong is judged in ``drift.py``.
"""

import msgspec


class StockFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The counters of one SKU at one place, and what the ledger replays to."""

    sku: str
    location: str
    on_hand: int
    ring_fenced: int
    replayed_on_hand: int
    replayed_ring_fenced: int


class FenceFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The ring-fenced units of one SKU at one place, and what its pools still have to sell or return."""

    sku: str
    location: str
    ring_fenced: int
    in_pools: int


class PoolRow(msgspec.Struct, frozen=True, kw_only=True):
    """A pool as the judge has it, with what orders and movements say of its sales; unfinished, or a suspect."""

    pool_id: str
    epoch: int
    allocated: int
    sold: int
    returned: int
    finished: bool
    sold_in_orders: int
    sold_in_movements: int


class OrderRow(msgspec.Struct, frozen=True, kw_only=True):
    """An order of an unfinished pool that its book has to know.

    Attributes:
        outcome: ``sold`` or ``released`` once it is decided; None while it is being paid.
        resolved: whether the book was told of the outcome.
    """

    order_id: str
    pool_id: str
    hold_id: str
    outcome: str | None
    resolved: bool


class BookHold(msgspec.Struct, frozen=True, kw_only=True):
    """A hold in Redis."""

    hold_id: str
    status: str
    buyer_id: str
    quantity: int


class BookFacts(msgspec.Struct, frozen=True, kw_only=True):
    """The hold book in Redis.

    Attributes:
        whole: whether its holds were read; else only its counts, and there are no holds, buyers and lists here.
        buyers: units held or bought, and the live hold ids, by buyer.
        due: hold ids that wait for their deadline, in a bundle that ends when they do.
        submitted: hold ids that are being paid.
        on_this_server: whether the book was begun on the server process that it is on; else it gives nothing away.
        waiting: buyers on the waiting list.
        frozen: it takes no more claims, for good.
        handing_on: whether free units go to who waits: it is not over, by the clock of Redis, and not undrawn.
    """

    whole: bool = True
    allocated: int
    available: int
    held: int
    sold: int
    holds: tuple[BookHold, ...]
    buyers: dict[str, tuple[int, tuple[str, ...]]]
    due: frozenset[str]
    submitted: frozenset[str]
    on_this_server: bool
    waiting: int
    frozen: bool
    handing_on: bool


class BookState(BookFacts, frozen=True, kw_only=True):
    """A pool's hold book; ``epoch`` 0 when there is none."""

    pool_id: str
    epoch: int


class MoneyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An order's money here and at the bank; a suspect.

    Attributes:
        order_state: None when the bank has money for an order that we do not know.
        sold: whether the order got its units.
        on_its_way: a worker has it in hand, or will: it is being paid, captured or given back. The bank may be ahead.
        bank_captures: payments of this order of which money was taken.
    """

    order_id: str
    order_state: str | None
    sold: bool
    amount: int
    captured: int
    refunded: int
    on_its_way: bool
    bank_captured: int
    bank_refunded: int
    bank_captures: int


class LogFacts(msgspec.Struct, frozen=True, kw_only=True):
    """A show's events.

    Attributes:
        seq: the newest position, by the show's own row.
        newest_event: the newest position that has an event; 0 when there is none.
        unrelayed: events that were not copied to Redis.
        redis_top: the newest position of the log in Redis; None when there is no log.
    """

    show_id: str
    seq: int
    newest_event: int
    unrelayed: int
    redis_top: int | None


class LevelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a channel shows of a SKU; a suspect.

    Attributes:
        due: what the channel should show, by the stock as it is.
        desired: what the row says; None when there is no row.
        waiting: whether the row has still to be told.
    """

    channel_id: str
    sku: str
    due: int
    desired: int | None
    told: int | None
    waiting: bool


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """How much was looked at, for the table."""

    counters: int
    pools: int
    units_sold: int
    movements: int
    orders: int
    captured_orders: int
    bank_payments: int
    undone_news: int
    overdue_news: int
    channels: int
    levels: int
    levels_waiting: int
    orders_under_way: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One look. ``stock`` holds the counters that differ from the ledger, as the ledger's own query finds them."""

    stock: tuple[StockFacts, ...]
    fences: tuple[FenceFacts, ...]
    pools: tuple[PoolRow, ...]
    orders: tuple[OrderRow, ...]
    books: tuple[BookState, ...]
    money: tuple[MoneyFacts, ...]
    logs: tuple[LogFacts, ...]
    levels: tuple[LevelFacts, ...]
    totals: Totals
