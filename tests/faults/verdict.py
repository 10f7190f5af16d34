"""What a trial shows, pure: nothing sold twice, nothing left over, nothing lost. Times are ms since the epoch."""

from collections import Counter
from collections.abc import Iterable, Sequence

import msgspec

from tests.faults.limits import (
    CLOCK_OFF_MOST_MS,
    DEADLINE_SLACK_MS,
    HOLD_TTL_MS,
    PER_BUYER_LIMIT,
    RECOVERY_MOST_S,
    UNANSWERED_FROM_S,
)
from tests.faults.money import OrderFact, PaymentFact, kept_at_bank, wrong_money
from tests.faults.records import HoldRecord, Notes

FOREVER = 1 << 62
FAIR = frozenset({"sold_out", "buyer_limit", "recovering", "rate_limited"})
"""Reasons for which the claims of a trial may be refused."""


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """What happened when.

    Attributes:
        keeps_holds: whether the fault loses nothing by its nature, so that no acknowledged hold may vanish.
        may_refuse: whether claims may be answered `recovering` at all.
        answers_within_ms: the longest that a claim may wait for its answer; None where that says nothing.
        begun_ms: when the fault began; 0 when there is none but the way the place is built.
        over_ms: when it was over.
        gone_ms: when Redis was killed, each time.
        lost_ms: when its memory was lost, each time.
        back_ms: when a Redis answered again, each time.
        rebuilt_ms: when the book was last seen in the epoch before another one began, each time.
        strikes: how often something broke, as what was broken says itself; None where nothing says so.
    """

    keeps_holds: bool
    may_refuse: bool
    answers_within_ms: int | None = None
    begun_ms: int
    over_ms: int
    gone_ms: Sequence[int] = ()
    lost_ms: Sequence[int] = ()
    back_ms: Sequence[int] = ()
    rebuilt_ms: Sequence[int] = ()
    strikes: int | None = None


class After(msgspec.Struct, frozen=True, kw_only=True):
    """What was found when all was quiet.

    Attributes:
        allocated: units of the offer.
        sold: units that the pool in Postgres sold.
        api_sold: what `GET /v1/offers` says of it.
        stock: the stock that a viewer who only watched heard of last: available, held, sold.
        payments: every payment that the provider knows.
        unrest: what was still on its way, by kind.
        reconcile: what ``showdrop reconcile`` complained of; empty when it found nothing.
        ended_roles: why processes ended although nobody had asked them to.
    """

    allocated: int
    sold: int
    orders: Sequence[OrderFact]
    payments: Sequence[PaymentFact]
    api_sold: int
    stock: tuple[int, int, int] | None
    unrest: dict[str, int]
    reconcile: str
    ended_roles: Sequence[str] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The row of a fault.

    Attributes:
        oversold: units confirmed beyond the allocation, and units that were held beyond it at some moment.
        undersold: units left over although somebody wanted them.
        lost: paid orders that Postgres does not have, money without units, and holds that vanished although the fault
            loses nothing.
        forgotten: holds that vanished with Redis's memory; nobody had begun to pay for them.
        turned_away: orders that Postgres refused, because their units were sold already; no money was kept.
        gap_holds: holds accepted by a server that had come back before its book was rebuilt.
        gap_ms: the longest time from a server's return to the rebuild.
        recovering_ms: from the first to the last claim that was answered `recovering`.
        recovered_ms: from the end of the fault to the last such answer.
        slowest_answer_ms: the longest that a claim waited for its answer.
        unanswered: requests about holds that got no answer on a connection that stayed, and were asked again.
        faults: what is wrong beyond the three counts, one line each.
        orders: how many were paid, and their units given.
        strikes: as in ``Course``.
        untried: why this machine cannot show it; empty when it was tried.
    """

    claims: int = 0
    oversold: int = 0
    undersold: int = 0
    lost: int = 0
    forgotten: int = 0
    turned_away: int = 0
    gap_holds: int = 0
    gap_ms: int = 0
    recovering: int = 0
    recovering_ms: int = 0
    recovered_ms: int = 0
    slowest_answer_ms: int = 0
    unanswered: int = 0
    faults: Sequence[str] = ()
    orders: int = 0
    strikes: int | None = None
    untried: str = ""

    @property
    def holds(self) -> bool:
        """Whether the promise holds."""
        return not (self.oversold or self.undersold or self.lost or self.faults or self.untried)


def judge(notes: Notes, course: Course, after: After) -> Verdict:
    """Judge a trial by what buyers wrote down and by what was found afterwards."""
    orders = {order.hold_id: order for order in after.orders}
    gone = vanished(notes.holds.values(), orders)
    missing = lost_orders(notes.holds.values(), orders)
    with_bank = kept_at_bank(after.payments)
    unearned = [order for order in after.orders if max(order.kept, with_bank[order.order_id]) > 0 and not order.is_sold]
    confirmed = sum(order.units for order in after.orders if order.is_sold)
    gap_holds, gap_ms = gap(notes.holds.values(), course)
    turned_away = sum(order.state == "unfulfillable" for order in after.orders)
    first, last = notes.first_recovering_ms(), notes.last_recovering_ms()
    faults = [
        *([f"{turned_away} buyers with a hold were turned away"] if turned_away and course.keeps_holds else []),
        *wrong_answers(notes, course),
        *broken_promises(notes, after),
        *wrong_money(after.orders, after.payments),
        *(["it broke nothing"] if course.strikes == 0 else []),
        *(f"lost: an order that its buyer knows, {hold}" for hold in missing),
        *(f"lost: money without units, {order}" for order in unearned),
        *(f"lost: {hold}" for hold in gone if course.keeps_holds),
    ]
    return Verdict(
        claims=notes.claims,
        oversold=max(0, confirmed - after.allocated) + beyond(notes.holds.values(), orders, course, after.allocated),
        undersold=max(0, after.allocated - after.sold),
        lost=len(missing) + len(unearned) + (len(gone) if course.keeps_holds else 0),
        forgotten=0 if course.keeps_holds else len(gone),
        turned_away=turned_away,
        gap_holds=gap_holds,
        gap_ms=gap_ms,
        recovering=sum(one.reason == "recovering" for one in notes.refusals),
        recovering_ms=last - first,
        recovered_ms=max(0, last - course.over_ms) if last else 0,
        slowest_answer_ms=notes.slowest_answer_ms,
        unanswered=len(notes.unanswered_ms),
        faults=faults,
        orders=sum(order.is_sold for order in after.orders),
        strikes=course.strikes,
    )


def vanished(holds: Iterable[HoldRecord], orders: dict[str, OrderFact]) -> list[HoldRecord]:
    """Return acknowledged holds that ended before their deadline though their buyer had not ended them."""
    return [hold for hold in holds if hold.hold_id not in orders and _vanished(hold)]


def _vanished(hold: HoldRecord) -> bool:
    if hold.missing_ms is not None:
        return True
    if hold.refused is not None and hold.release_sent_ms is None:
        # A checkout that was lost with its gateway may arrive after the deadline.
        return hold.refused_ms < hold.expires_at_ms - DEADLINE_SLACK_MS
    if hold.ended_ms is None or hold.release_sent_ms is not None:
        return False
    return hold.fate == "released" or hold.ended_ms < hold.expires_at_ms - DEADLINE_SLACK_MS


def lost_orders(holds: Iterable[HoldRecord], orders: dict[str, OrderFact]) -> list[HoldRecord]:
    """Return holds whose buyer was told of an order that Postgres does not have, or has another end for."""
    return [hold for hold in holds if hold.order_news and _is_lost(hold, orders.get(hold.hold_id))]


def _is_lost(hold: HoldRecord, order: OrderFact | None) -> bool:
    if order is None or order.order_id != hold.order_id:
        return True
    return "order.confirmed" in hold.order_news and not order.is_sold


def beyond(holds: Iterable[HoldRecord], orders: dict[str, OrderFact], course: Course, allocated: int) -> int:
    """Return how many units were promised beyond the allocation at the worst moment.

    A sold unit is promised for good. A hold that was forgotten with Redis's memory is promised until that moment: it
    is counted as forgotten, not as sold twice.
    """
    changes: list[tuple[int, int]] = []
    for hold in holds:
        ends = _promised_until(hold, orders.get(hold.hold_id), course)
        if ends > hold.heard_ms:
            changes += [(hold.heard_ms, hold.units), (ends, -hold.units)]
    promised = worst = 0
    for _, units in sorted(changes):  # at the same moment ends come before beginnings
        promised += units
        worst = max(worst, promised)
    return max(0, worst - allocated)


def _promised_until(hold: HoldRecord, order: OrderFact | None, course: Course) -> int:
    if order is not None:
        if order.is_sold:
            return FOREVER
        # Its money goes back; the units were free when Postgres refused it.
        return hold.checkout_sent_ms or hold.heard_ms
    lost_ms = min((at for at in course.lost_ms if at > hold.accepted_ms), default=FOREVER)
    if not _known_later(hold) and lost_ms < hold.expires_at_ms:
        return min(lost_ms, hold.release_sent_ms or FOREVER)
    if hold.release_sent_ms is not None:
        # A buyer who was sent back may get the answer, and give the hold back, after its deadline.
        return min(hold.release_sent_ms, hold.expires_at_ms)
    if _vanished(hold):
        moments = sorted([*course.lost_ms, *course.rebuilt_ms])
        known = [hold.ended_ms or FOREVER, hold.missing_ms or FOREVER, hold.expires_at_ms]
        return min([at for at in moments if at > hold.accepted_ms] + known)
    return min(hold.expires_at_ms, hold.ended_ms or FOREVER)


def _known_later(hold: HoldRecord) -> bool:
    """Tell whether the book said something of it at its end, or was seen to have it."""
    return hold.found_ms is not None or (hold.ended_ms is not None and hold.refused is None)


def gap(holds: Iterable[HoldRecord], course: Course) -> tuple[int, int]:
    """Return how many holds were accepted between a server's return and its rebuild, and the longest such time."""
    spans = []
    for gone, back in zip(course.gone_ms, course.back_ms, strict=True):
        # A fast worker rebuilds before we have noticed that the server is back.
        rebuilt = min((at for at in course.rebuilt_ms if at >= gone), default=None)
        if rebuilt is not None:
            spans.append((back, max(back, rebuilt)))
    accepted = sum(any(back <= hold.accepted_ms < rebuilt for back, rebuilt in spans) for hold in holds)
    return accepted, max((rebuilt - back for back, rebuilt in spans), default=0)


def wrong_answers(notes: Notes, course: Course) -> list[str]:
    """Say which answers to claims should not have been given."""
    reasons = Counter(one.reason for one in notes.refusals)
    faults = [f"{reasons[reason]} claims were refused as {reason}" for reason in sorted(reasons.keys() - FAIR)]
    if reasons["recovering"] and not course.may_refuse:
        faults.append(f"{reasons['recovering']} claims were answered recovering without a reason")
    early = sum(one.reason == "recovering" and one.heard_ms < course.begun_ms for one in notes.refusals)
    if early:
        faults.append(f"{early} claims were answered recovering before the fault")
    accepted, gap_ms = gap(notes.holds.values(), course)
    if accepted and course.lost_ms:
        faults.append(f"{accepted} claims were accepted by a book that had lost its memory, within {gap_ms} ms")
    late_ms = notes.last_recovering_ms() - course.over_ms
    if late_ms > RECOVERY_MOST_S * 1000:
        faults.append(f"claims were answered recovering until {late_ms} ms after the fault")
    limit_ms = course.answers_within_ms
    if limit_ms is not None and notes.slowest_answer_ms > limit_ms:
        faults.append(f"a claim waited {notes.slowest_answer_ms} ms for its answer, {limit_ms} ms are allowed")
    mended_ms = max([course.over_ms, *course.rebuilt_ms]) + UNANSWERED_FROM_S * 1000
    unanswered = sum(sent_ms > mended_ms for sent_ms in notes.unanswered_ms)
    if unanswered:
        faults.append(f"{unanswered} requests about holds got no answer, sent after all was well again")
    if notes.clock_off_ms > CLOCK_OFF_MOST_MS:
        faults.append(
            f"viewers were told a server's time that is {notes.clock_off_ms} ms off: their countdowns are too"
        )
    wrong = sum(not _deadline_fits(hold) for hold in notes.holds.values())
    if wrong:
        faults.append(f"{wrong} holds have a deadline that is not their time to live after their acceptance")
    return faults


def _deadline_fits(hold: HoldRecord) -> bool:
    # A claim that was repeated is answered with the hold that it got the first time.
    earliest, latest = hold.asked_ms + HOLD_TTL_MS, hold.heard_ms + HOLD_TTL_MS
    return earliest - DEADLINE_SLACK_MS <= hold.expires_at_ms <= latest + DEADLINE_SLACK_MS


def broken_promises(notes: Notes, after: After) -> list[str]:
    """Say what is wrong at the end besides the counts."""
    faults = [f"still on its way: {count} {what}" for what, count in sorted(after.unrest.items())]
    if after.reconcile:
        faults.append(f"showdrop reconcile: {after.reconcile}")
    bought: Counter[str] = Counter()
    for order in after.orders:
        bought[order.buyer_id] += order.units if order.is_sold else 0
    over = sum(units > PER_BUYER_LIMIT for units in bought.values())
    if over:
        faults.append(f"{over} buyers bought more than {PER_BUYER_LIMIT}")
    if after.api_sold != after.sold:
        faults.append(f"the API says that {after.api_sold} are sold, Postgres says {after.sold}")
    if after.stock is None or after.stock[2] != after.sold:
        faults.append(f"the last stock that a viewer heard of was {after.stock}, and {after.sold} are sold")
    faults += [
        f"{count} buyers gave up, though not told that all is sold: {why}" for why, count in notes.gave_up.items()
    ]
    faults += [f"a client ended: {why}" for why in notes.clients_ended]
    faults += [f"a process ended: {why}" for why in after.ended_roles]
    return faults
