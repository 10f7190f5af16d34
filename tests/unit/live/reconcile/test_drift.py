"""Facts that are off in one way each: the right check says so, with figures and the right remedy, and no other does."""

import msgspec
import pytest

from live.reconcile.drift import CHECKS, judge
from live.reconcile.facts import Facts, FenceFacts, LevelFacts, MoneyFacts, StockFacts
from live.reconcile.findings import Drift
from tests.unit.live.reconcile import facts_of_a_deployment as well


def with_book(**changes: object) -> Facts:
    return msgspec.structs.replace(well.facts(), books=(msgspec.structs.replace(well.book(), **changes),))


def with_pool(**changes: object) -> Facts:
    return msgspec.structs.replace(well.facts(), pools=(msgspec.structs.replace(well.pool(), **changes),))


def with_log(**changes: object) -> Facts:
    return msgspec.structs.replace(well.facts(), logs=(msgspec.structs.replace(well.log(), **changes),))


def with_orders(*orders: object) -> Facts:
    return msgspec.structs.replace(well.facts(), orders=orders)


def with_money(**changes: object) -> Facts:
    right = MoneyFacts(
        order_id="order_1",
        order_state="captured",
        sold=True,
        amount=1000,
        captured=1000,
        refunded=0,
        on_its_way=False,
        bank_captured=1000,
        bank_refunded=0,
        bank_captures=1,
    )
    return msgspec.structs.replace(well.facts(), money=(msgspec.structs.replace(right, **changes),))


def with_level(**changes: object) -> Facts:
    right = LevelFacts(channel_id="chan_1", sku="mug", due=7, desired=7, told=7, waiting=False)
    return msgspec.structs.replace(well.facts(), levels=(msgspec.structs.replace(right, **changes),))


def with_stock(*, in_pools: int, ring_fenced: int = 4, replayed: int = 3, on_hand: int = 10) -> Facts:
    row = StockFacts(
        sku="mug",
        location="main",
        on_hand=on_hand,
        ring_fenced=ring_fenced,
        replayed_on_hand=10,
        replayed_ring_fenced=replayed,
    )
    fence = FenceFacts(sku="mug", location="main", ring_fenced=ring_fenced, in_pools=in_pools)
    return msgspec.structs.replace(well.facts(), stock=(row,), fences=(fence,))


def with_fence(ring_fenced: int) -> Facts:
    fence = FenceFacts(sku="mug", location="main", ring_fenced=ring_fenced, in_pools=4)
    return msgspec.structs.replace(well.facts(), fences=(fence,))


def below_zero() -> Facts:
    pool = msgspec.structs.replace(well.pool(), allocated=2)
    return msgspec.structs.replace(with_book(allocated=2, available=-1), pools=(pool,))


def all_taken(*, waiting: int) -> Facts:
    pool = msgspec.structs.replace(well.pool(), allocated=3)
    return msgspec.structs.replace(with_book(allocated=3, available=0, waiting=waiting), pools=(pool,))


def overdue_news() -> Facts:
    totals = msgspec.structs.replace(well.totals(), overdue_news=3)
    return msgspec.structs.replace(well.facts(), totals=totals)


def drifts(facts: Facts) -> dict[str, list[Drift]]:
    return {finding.check: list(finding.drifts) for finding in judge(facts) if finding.drifts}


def test_a_deployment_in_which_all_agrees_has_no_drift_and_every_check_tells_its_figures() -> None:
    findings = judge(well.facts())
    assert len(findings) == len(CHECKS)
    assert [finding.drifts for finding in findings] == [()] * len(CHECKS)
    assert all(finding.figures for finding in findings)


OFF = {
    "the ledger lacks a movement": (with_stock(in_pools=4), "ledger replays", "adjust_ledger", "ledger says 10 and 3"),
    "units on hand that the ledger does not know": (
        with_stock(in_pools=4, replayed=4, on_hand=12),
        "ledger replays",
        "adjust_ledger",
        "12 on hand",
    ),
    "more ring-fenced than pools have": (with_fence(6), "ring-fenced", "adjust_fence", "6 ring-fenced, pools still"),
    "less ring-fenced than pools have": (with_fence(1), "ring-fenced", "adjust_fence", "still have 4"),
    "a sale without an order": (with_pool(sold_in_orders=0), "sold is the same", "none", "orders got 0"),
    "a sale without a movement": (with_pool(sold_in_movements=0), "sold is the same", "none", "movements took 0"),
    "more sold and returned than there was": (with_pool(returned=5), "sold is the same", "none", "5 returned of 5"),
    "an older book": (with_book(epoch=2), "books add up", "rebuild", "epoch 3 in Postgres, 2 in Redis"),
    "another allocation": (with_pool(allocated=6), "books add up", "rebuild", "6 allocated, the book has 5"),
    "a lost unit": (with_book(available=1), "books add up", "rebuild", "is not 1 available + 2 held"),
    "a negative counter": (below_zero(), "books add up", "rebuild", "-1 available"),
    "a unit held by nobody": (with_book(available=1, held=3), "books add up", "rebuild", "3 held, live holds are 2"),
    "a unit sold to nobody": (with_book(available=1, sold=2), "books add up", "rebuild", "2 sold, sold holds are 1"),
    "a deadline that is lost": (with_book(due=frozenset()), "books add up", "rebuild", "1 holds are held, 0 are"),
    "a deadline of another": (with_book(due=frozenset({"hold_9"})), "books add up", "rebuild", "not the same"),
    "a submission that is lost": (with_book(submitted=frozenset()), "books add up", "rebuild", "are submitted, 0"),
    "a buyer who counts too much": (
        with_book(buyers=well.book().buyers | {"buyer_4": (2, ())}),
        "books add up",
        "rebuild",
        "buyer_4 counts 2, their holds are 0",
    ),
    "a buyer who is forgotten": (
        with_book(buyers={name: count for name, count in well.book().buyers.items() if name != "buyer_1"}),
        "books add up",
        "rebuild",
        "buyer_1 counts 0, their holds are 1",
    ),
    "a buyer whose hold is not listed": (
        with_book(buyers=well.book().buyers | {"buyer_3": (1, ())}),
        "books add up",
        "rebuild",
        "buyer_3 has 1 live holds, 0 are listed",
    ),
    "a book of another server": (with_book(on_this_server=False), "books add up", "rebuild", "another server process"),
    "a line in a frozen book": (with_book(waiting=2, frozen=True), "free units", "freeze", "2 wait, and the book is"),
    "a line beside free units": (with_book(waiting=2), "free units", "serve_line", "2 wait, and 2 units are free"),
    "an order being paid whose hold expired": (
        with_orders(well.order(1, "sold"), well.order(4, None)),
        "holds follow",
        "rebuild",
        "hold_4 is expired",
    ),
    "an order being paid without a hold": (
        with_orders(well.order(1, "sold"), well.order(9, None)),
        "holds follow",
        "rebuild",
        "hold_9 is unknown",
    ),
    "a sold order whose hold is live": (
        with_orders(well.order(1, "sold"), well.order(2, "sold")),
        "holds follow",
        "rebuild",
        "hold_2 is submitted in the hold book, its order says sold",
    ),
    "a refused order whose hold is live": (
        with_orders(well.order(1, "sold"), well.order(2, "released")),
        "holds follow",
        "resolve_again",
        "hold_2 is submitted",
    ),
    "a sold hold without an order": (with_orders(well.order(2, None)), "holds follow", "none", "hold_1 is sold"),
    "money for nothing": (
        with_money(order_state="unfulfillable", sold=False),
        "captured money",
        "none",
        "1000 kept, is unfulfillable and got no units",
    ),
    "too little taken": (with_money(captured=900, bank_captured=900), "captured money", "none", "1000 and took 900"),
    "a capture that we do not know": (
        with_money(captured=0, order_state="declined", sold=False),
        "bank",
        "none",
        "0 - 0 here",
    ),
    "a refund that the bank does not know": (with_money(refunded=400), "bank", "none", "1000 - 400 here"),
    "a capture under way that the bank does not know": (
        with_money(order_state="confirmed", on_its_way=True, bank_captured=0, bank_captures=0),
        "bank",
        "none",
        "1000 - 0 here, 0 - 0 at the bank",
    ),
    "captured twice": (with_money(bank_captures=2), "bank", "none", "captured 2 times"),
    "money for an unknown order": (
        with_money(order_state=None, sold=False, amount=0, captured=0),
        "bank",
        "none",
        "unknown here, the bank kept 1000",
    ),
    "news that nobody tells": (overdue_news(), "buyers have been told", "tell_news", "3 overdue"),
    "an event that was not relayed": (with_log(unrelayed=2), "show logs", "relay_again", "2 events not relayed"),
    "a log that ends too early": (with_log(redis_top=2), "show logs", "relay_again", "at 4, its log in Redis at 2"),
    "a log that ends too late": (with_log(redis_top=5), "show logs", "none", "log in Redis at 5"),
    "a lost event": (with_log(newest_event=3), "show logs", "none", "newest event is 3"),
    "a wrong level": (with_level(desired=9, told=9), "channels", "level_again", "7 due, 9 desired"),
    "a level below the safety stock": (with_level(due=0), "channels", "level_again", "0 due, 7 desired"),
    "no level": (with_level(desired=None, told=None), "channels", "level_again", "7 due, no level"),
    "told something else": (with_level(told=8), "channels", "level_again", "7 desired, 8 told, and nothing waiting"),
}


@pytest.mark.parametrize("name", OFF)
def test_one_thing_that_is_off_is_found_by_its_check_alone(name: str) -> None:
    facts, check, remedy, text = OFF[name]
    found = drifts(facts)
    assert len(found) == 1, found
    [(found_check, [drift])] = found.items()
    assert check in found_check
    assert text in drift.text
    assert drift.remedy == remedy


RIGHT = {
    "a line for units that others hold": all_taken(waiting=2),
    "a line in a book that is over and not frozen yet": with_book(waiting=2, handing_on=False),
    "an end that the book was not told yet": with_orders(well.order(1, "sold"), well.order(2, "sold", resolved=False)),
    "a refused order whose hold had expired": with_orders(well.order(1, "sold"), well.order(4, "released")),
    "a refused order whose hold was lost": with_orders(well.order(1, "sold"), well.order(9, "released")),
    "no log in Redis": with_log(redis_top=None),
    "a level that is being told": with_level(told=2, waiting=True),
    "a refund under way": with_money(order_state="unfulfillable", sold=False, on_its_way=True),
    "money that went back": with_money(order_state="cancelled", sold=False, refunded=1000, bank_refunded=1000),
    "a charge before the judgement": with_money(order_state="submitted", sold=False, captured=0, on_its_way=True),
    "a payment that came to nothing": with_money(
        order_state=None, sold=False, amount=0, captured=0, bank_captured=0, bank_captures=0
    ),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_only_looks_off_is_no_drift(name: str) -> None:
    assert drifts(RIGHT[name]) == {}


def test_a_missing_book_is_said_once_and_not_for_each_of_its_orders() -> None:
    empty = with_book(
        epoch=0,
        allocated=0,
        available=0,
        held=0,
        sold=0,
        holds=(),
        buyers={},
        due=frozenset(),
        submitted=frozenset(),
    )
    [(_, [drift])] = drifts(empty).items()
    assert "epoch 3 in Postgres, no book in Redis" in drift.text
    assert (drift.remedy, drift.target) == ("rebuild", "offer_1")


def test_a_counter_that_neither_ledger_nor_pools_agree_with_is_left_to_a_person() -> None:
    found = drifts(with_stock(in_pools=3, ring_fenced=4, replayed=3))
    assert [drift.remedy for check in found.values() for drift in check] == ["none", "none"]


def test_of_a_book_that_was_only_counted_the_counts_are_checked_and_nothing_else() -> None:
    counted = {"whole": False, "holds": (), "buyers": {}, "due": frozenset(), "submitted": frozenset()}
    assert drifts(with_book(**counted)) == {}
    [(_, [drift])] = drifts(with_book(**counted, available=1)).items()
    assert "5 allocated is not 1 available + 2 held + 1 sold" in drift.text
