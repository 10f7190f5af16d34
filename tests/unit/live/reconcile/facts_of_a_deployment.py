"""The facts of a small deployment in which everything agrees; tests break one thing at a time."""

from live.reconcile.facts import (
    BookHold,
    BookState,
    Facts,
    FenceFacts,
    LogFacts,
    OrderRow,
    PoolRow,
    Totals,
)


def hold(number: int, status: str) -> BookHold:
    return BookHold(hold_id=f"hold_{number}", status=status, buyer_id=f"buyer_{number}", quantity=1)


def book() -> BookState:
    """Five units: one sold, one being paid, one held, two free; a fourth hold expired."""
    return BookState(
        pool_id="offer_1",
        epoch=3,
        allocated=5,
        available=2,
        held=2,
        sold=1,
        holds=(hold(1, "sold"), hold(2, "submitted"), hold(3, "held"), hold(4, "expired"), hold(5, "released")),
        buyers={
            "buyer_1": (1, ()),
            "buyer_2": (1, ("hold_2",)),
            "buyer_3": (1, ("hold_3",)),
            "buyer_4": (0, ()),
            "buyer_5": (0, ()),
        },
        due=frozenset({"hold_3"}),
        submitted=frozenset({"hold_2"}),
        on_this_server=True,
        waiting=0,
        frozen=False,
        handing_on=True,
    )


def pool() -> PoolRow:
    return PoolRow(
        pool_id="offer_1",
        epoch=3,
        allocated=5,
        sold=1,
        returned=0,
        finished=False,
        sold_in_orders=1,
        sold_in_movements=1,
    )


def order(number: int, outcome: str | None, *, resolved: bool = True) -> OrderRow:
    return OrderRow(
        order_id=f"order_{number}", pool_id="offer_1", hold_id=f"hold_{number}", outcome=outcome, resolved=resolved
    )


def log() -> LogFacts:
    return LogFacts(show_id="show_1", seq=4, newest_event=4, unrelayed=0, redis_top=4)


def totals() -> Totals:
    return Totals(
        counters=2,
        pools=1,
        units_sold=1,
        movements=9,
        orders=3,
        captured_orders=1,
        bank_payments=2,
        undone_news=1,
        overdue_news=0,
        channels=1,
        levels=2,
        levels_waiting=1,
        orders_under_way=1,
    )


def facts() -> Facts:
    return Facts(
        stock=(),
        fences=(FenceFacts(sku="mug", location="main", ring_fenced=4, in_pools=4),),
        pools=(pool(),),
        orders=(order(1, "sold"), order(2, None), order(5, "released")),
        books=(book(),),
        money=(),
        logs=(log(),),
        levels=(),
        totals=totals(),
    )
