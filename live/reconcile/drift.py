"""What is off in one look's facts: pure checks, one per promise."""

from collections.abc import Callable
from typing import Final

from live.reconcile.book_drift import books_add_up, holds_follow_orders, lines_are_served
from live.reconcile.facts import Facts, MoneyFacts
from live.reconcile.findings import Drift, Finding, Found, Remedy, pool_drift


def ledger_replays(facts: Facts) -> Found:
    """Replaying the ledger gives the counters; a repair makes the ledger say what the counters, which judged, say."""
    drifts = [
        Drift(
            about=f"{row.sku}@{row.location}",
            text=f"{row.sku}: {row.on_hand} on hand and {row.ring_fenced} ring-fenced, the ledger says "
            f"{row.replayed_on_hand} and {row.replayed_ring_fenced}",
            # Where only the ledger agrees with the pools, the counter is wrong: it is not ours to overwrite.
            remedy="adjust_ledger" if _fence_of(facts, row.sku, row.location) == row.ring_fenced else "none",
            target=row.sku,
        )
        for row in facts.stock
        if (row.on_hand, row.ring_fenced) != (row.replayed_on_hand, row.replayed_ring_fenced)
    ]
    return f"{facts.totals.counters} counters, {facts.totals.movements} movements", drifts


def ring_fence_is_pools(facts: Facts) -> Found:
    """What is ring-fenced is what pools still have to sell or return."""
    unreplayed = {(row.sku, row.location) for row in facts.stock}
    drifts = [
        Drift(
            about=f"{row.sku}@{row.location}",
            text=f"{row.sku}: {row.ring_fenced} ring-fenced, pools still have {row.in_pools}",
            remedy="none" if (row.sku, row.location) in unreplayed else "adjust_fence",
            target=row.sku,
        )
        for row in facts.fences
        if row.ring_fenced != row.in_pools
    ]
    return f"{len(facts.fences)} SKUs, {sum(row.ring_fenced for row in facts.fences)} units", drifts


def sold_is_sold(facts: Facts) -> Found:
    """A pool sold what its orders got and what its sale movements took, and no more than it had."""
    drifts = []
    for pool in facts.pools:
        if not pool.sold == pool.sold_in_orders == pool.sold_in_movements:
            text = f"{pool.sold} sold, orders got {pool.sold_in_orders}, movements took {pool.sold_in_movements}"
            drifts.append(pool_drift(pool.pool_id, "sold", text, remedy="none"))
        if pool.sold + pool.returned > pool.allocated:
            text = f"{pool.sold} sold and {pool.returned} returned of {pool.allocated}"
            drifts.append(pool_drift(pool.pool_id, "oversold", text, remedy="none"))
    return f"{facts.totals.pools} pools, {facts.totals.units_sold} units sold", drifts


def captures_have_units(facts: Facts) -> Found:
    """Captured money has confirmed units, or went back, or is on its way back."""
    drifts = [
        _money_drift(row, f"{row.captured - row.refunded} kept, is {row.order_state} and got no units")
        for row in facts.money
        if row.captured > row.refunded and not row.sold and not row.on_its_way
    ]
    drifts += [
        _money_drift(row, f"costs {row.amount} and took {row.captured}")
        for row in facts.money
        if row.order_state == "captured" and row.captured != row.amount
    ]
    return f"{facts.totals.captured_orders} captured orders of {facts.totals.orders}", drifts


def bank_agrees(facts: Facts) -> Found:
    """The bank took and gave back what the orders say, and took it once.

    A worker that died in the middle of a call leaves the bank ahead until its lease ends: that is on its way.
    """
    drifts = []
    for row in facts.money:
        if row.order_state is None and row.bank_captured > row.bank_refunded:
            drifts.append(_money_drift(row, f"is unknown here, the bank kept {row.bank_captured - row.bank_refunded}"))
        elif row.order_state is not None and not _bank_agrees(row):
            here, bank = f"{row.captured} - {row.refunded}", f"{row.bank_captured} - {row.bank_refunded}"
            drifts.append(_money_drift(row, f"captured and refunded {here} here, {bank} at the bank"))
        if row.bank_captures > 1:
            drifts.append(_money_drift(row, f"was captured {row.bank_captures} times", suffix=":twice"))
    return (
        f"{facts.totals.bank_payments} payments at the test bank, {facts.totals.orders_under_way} orders under way",
        drifts,
    )


def news_is_told(facts: Facts) -> Found:
    """No news waits in the outbox for longer than a relay may take."""
    late = facts.totals.overdue_news
    drifts = [Drift(about="outbox", text=f"{late} overdue", remedy="tell_news", target="outbox")] if late else []
    return f"{facts.totals.undone_news} waiting", drifts


def logs_are_whole(facts: Facts) -> Found:
    """Every event of a show was relayed, and the log in Redis ends where the show does."""
    drifts = []
    for log in facts.logs:
        about = f"{log.show_id}:"
        if log.newest_event != log.seq:
            text = f"{log.show_id} is at {log.seq}, its newest event is {log.newest_event}"
            drifts.append(Drift(about=f"{about}events", text=text, remedy="none", target=log.show_id))
        if log.unrelayed:
            text = f"{log.show_id}: {log.unrelayed} events not relayed"
            drifts.append(Drift(about=f"{about}unrelayed", text=text, remedy="relay_again", target=log.show_id))
        if log.redis_top is not None and log.redis_top != log.seq:
            text = f"{log.show_id} is at {log.seq}, its log in Redis at {log.redis_top}"
            # Viewers have seen events that Postgres does not know; it cannot make them unseen.
            remedy: Remedy = "relay_again" if log.redis_top < log.seq else "none"
            drifts.append(Drift(about=f"{about}top", text=text, remedy=remedy, target=log.show_id))
    there = sum(log.redis_top is not None for log in facts.logs)
    return f"{len(facts.logs)} shows, {there} logs in Redis", drifts


def channels_are_level(facts: Facts) -> Found:
    """Every channel's desired level is what may be sold, and what it was told last is the desired level."""
    drifts = []
    for level in facts.levels:
        if level.desired != level.due:
            wrong = f"{level.due} due, {'no level' if level.desired is None else f'{level.desired} desired'}"
        elif not level.waiting and level.told != level.desired:
            wrong = f"{level.desired} desired, {level.told} told, and nothing waiting"
        else:
            continue
        about = f"{level.channel_id} {level.sku}"
        drifts.append(Drift(about=about, text=f"{about}: {wrong}", remedy="level_again", target=level.channel_id))
    totals = facts.totals
    return f"{totals.channels} channels, {totals.levels} levels, {totals.levels_waiting} waiting to be told", drifts


CHECKS: Final[tuple[tuple[str, Callable[[Facts], Found]], ...]] = (
    ("the ledger replays to the counters", ledger_replays),
    ("ring-fenced is what pools still have", ring_fence_is_pools),
    ("sold is the same in pools, orders and ledger", sold_is_sold),
    ("hold books add up", books_add_up),
    ("holds follow their orders", holds_follow_orders),
    ("free units go to who waits", lines_are_served),
    ("captured money has units or went back", captures_have_units),
    ("the bank agrees", bank_agrees),
    ("buyers have been told", news_is_told),
    ("show logs are whole", logs_are_whole),
    ("channels are level", channels_are_level),
)


def judge(facts: Facts) -> list[Finding]:
    """Make every check."""
    findings = []
    for name, check in CHECKS:
        figures, drifts = check(facts)
        findings.append(Finding(check=name, figures=figures, drifts=tuple(drifts)))
    return findings


def _money_drift(row: MoneyFacts, text: str, *, suffix: str = "") -> Drift:
    return Drift(about=f"{row.order_id}{suffix}", text=f"{row.order_id} {text}", remedy="none", target=row.order_id)


def _bank_agrees(row: MoneyFacts) -> bool:
    if row.on_its_way:
        return row.captured <= row.bank_captured and row.refunded <= row.bank_refunded
    return (row.captured, row.refunded) == (row.bank_captured, row.bank_refunded)


def _fence_of(facts: Facts, sku: str, location: str) -> int:
    return next((row.in_pools for row in facts.fences if (row.sku, row.location) == (sku, location)), 0)
