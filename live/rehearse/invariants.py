"""The eleven invariants of the design, each a pure check over collected facts."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from kit.money import CURRENCIES, Money, plain_amount
from live.rehearse.channel_table import due_level
from live.rehearse.facts import ENDED_STATUSES, Facts
from live.rehearse.record import missing_events

SHOWN_AT_MOST: Final = 3
"""Examples that a broken invariant shows."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check.

    Attributes:
        number: as in the design.
        figures: what was counted; it shows why the invariant holds.
        faults: one line per thing that contradicts it; none when it is held.
    """

    number: int
    name: str
    figures: str
    faults: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether nothing contradicts it."""
        return not self.faults


Found = tuple[str, list[str]]


def pool_adds_up(facts: Facts) -> Found:
    """Invariant 1: allocated = available + held + sold; held and each buyer's count are the sums of their holds."""
    book, faults = facts.book, []
    if book.allocated != book.available + book.held + book.sold:
        faults.append(f"{book.allocated} allocated, but {book.available} + {book.held} + {book.sold}")
    if min(book.available, book.held, book.sold) < 0:
        faults.append("a counter is below 0")
    live = [hold for hold in book.holds if hold.status in ("held", "submitted")]
    if book.held != sum(hold.quantity for hold in live):
        faults.append(f"held is {book.held}, live holds are {sum(hold.quantity for hold in live)} units")
    sold = [hold for hold in book.holds if hold.status == "sold"]
    if book.sold != sum(hold.quantity for hold in sold):
        faults.append(f"sold is {book.sold}, sold holds are {sum(hold.quantity for hold in sold)} units")
    units: Counter[str] = Counter()
    for hold in (*live, *sold):
        units[hold.buyer_id] += hold.quantity
    faults += [
        f"buyer {buyer_id} counts {count}, their holds are {units[buyer_id]} units"
        for buyer_id, (count, _) in book.buyers.items()
        if count != units[buyer_id]
    ]
    return f"{book.allocated} = {book.available} + {book.held} + {book.sold}; {len(book.buyers)} buyers", faults


def holds_end_once(facts: Facts) -> Found:
    """Invariant 2: every hold ended exactly once, and nobody was told another end."""
    status = {hold.hold_id: hold.status for hold in facts.book.holds}
    outcomes = {order.hold_id: order.hold_outcome for order in facts.orders}
    faults = [f"{hold_id} is still {now}" for hold_id, now in status.items() if now not in ENDED_STATUSES]
    faults += [
        f"{hold_id} is {status[hold_id]} and still waits"
        for hold_id in facts.book.due | facts.book.submitted
        if status.get(hold_id) in ENDED_STATUSES
    ]
    faults += [
        f"{hold_id} is {status.get(hold_id)} in Redis and {outcome} in Postgres"
        for hold_id, outcome in outcomes.items()
        if outcome is not None and status.get(hold_id) != outcome
    ]
    faults += [
        f"{hold_id} is sold without an order" for hold_id, now in status.items() if _sold_alone(now, hold_id, outcomes)
    ]
    for viewer in facts.viewers:
        faults += [f"{hold_id} was accepted and is unknown" for hold_id in viewer.holds if hold_id not in status]
        faults += [
            f"{viewer.subject} was told that {hold_id} is {' and '.join(sorted(ends))}; it is {status.get(hold_id)}"
            for hold_id, ends in viewer.hold_ends.items()
            if ends != {status.get(hold_id)}
        ]
    ends = Counter(status.values())
    return f"{len(status)} holds: " + _counts(ends), faults


def _sold_alone(status: str, hold_id: str, outcomes: dict[str, str | None]) -> bool:
    return status == "sold" and outcomes.get(hold_id) != "sold"


def one_order_per_hold(facts: Facts) -> Found:
    """Invariant 3: a hold gives at most one order, a payment belongs to one, a webhook event counts once."""
    faults = [f"{hold_id} has {count} orders" for hold_id, count in _more_than_once(o.hold_id for o in facts.orders)]
    faults += [
        f"payment {payment_id} belongs to {count} orders"
        for payment_id, count in _more_than_once(o.payment_id for o in facts.orders if o.payment_id is not None)
    ]
    faults += [
        f"{order_id} was paid {count} times" for order_id, count in _more_than_once(p.order_id for p in facts.payments)
    ]
    faults += [
        f"{viewer.subject} heard of {len(orders)} orders for {hold_id}"
        for viewer in facts.viewers
        for hold_id, orders in viewer.order_of.items()
        if len(orders) > 1
    ]
    if facts.payment_events != facts.payment_event_ids:
        faults.append(f"{facts.payment_events} webhook events were applied, {facts.payment_event_ids} are different")
    figures = f"{len(facts.orders)} orders, {len(facts.payments)} payments, {facts.payment_events} webhook events"
    return figures, faults


def captures_have_orders(facts: Facts) -> Found:
    """Invariant 4: captured money has a confirmed order or went back; a confirmed order was captured once."""
    orders = {order.order_id: order for order in facts.orders}
    paid: dict[str, list[str]] = {}
    faults = []
    for payment in facts.payments:
        order = orders.get(payment.order_id)
        if payment.captured > 0:
            paid.setdefault(payment.order_id, []).append(payment.payment_id)
        kept = payment.captured - payment.refunded
        if kept > 0 and (order is None or order.hold_outcome != "sold"):
            faults.append(f"{payment.payment_id} kept {_amount(kept, payment.currency)} without a confirmed order")
        if payment.state in ("pending", "authorised"):
            faults.append(f"{payment.payment_id} is still {payment.state}")
    faults += [
        f"{order.order_id} is {order.state} with {len(paid.get(order.order_id, []))} captures"
        for order in facts.sold_orders
        if len(paid.get(order.order_id, [])) != 1
    ]
    given_back = sum(1 for payment in facts.payments if payment.refunded > 0)
    return f"{len(paid)} captured, {len(facts.sold_orders)} confirmed, {given_back} given back", faults


def money_adds_up(facts: Facts) -> Found:
    """Invariant 5: one currency, captures minus refunds = orders net of refunds, refunds within captures."""
    faults = []
    bank: dict[str, tuple[int, int]] = {}
    for payment in facts.payments:
        captured, refunded = bank.get(payment.order_id, (0, 0))
        bank[payment.order_id] = (captured + payment.captured, refunded + payment.refunded)
        if payment.refunded > payment.captured:
            gave, took = (_amount(minor, payment.currency) for minor in (payment.refunded, payment.captured))
            faults.append(f"{payment.payment_id} gave back {gave} of {took}")
    currencies = {order.currency for order in facts.orders} | {payment.currency for payment in facts.payments}
    if len(currencies) > 1:
        faults.append(f"several currencies: {', '.join(sorted(currencies))}")
    for order in facts.orders:
        captured, refunded = bank.get(order.order_id, (0, 0))
        if (captured, refunded) != (order.captured, order.refunded):
            took, gave = (_amount(minor, order.currency) for minor in (captured, refunded))
            faults.append(f"{order.order_id} and the bank differ: it took {took} and gave back {gave}")
        if order.hold_outcome == "sold" and order.state == "captured" and order.captured != order.amount:
            costs, took = (_amount(minor, order.currency) for minor in (order.amount, order.captured))
            faults.append(f"{order.order_id} costs {costs} and took {took}")
    kept_minor = sum(captured - refunded for captured, refunded in bank.values())
    due_minor = sum(order.amount - order.refunded for order in facts.sold_orders)
    kept, due = (_amount(minor, "/".join(sorted(currencies))) for minor in (kept_minor, due_minor))
    if kept_minor != due_minor:
        faults.append(f"the bank kept {kept}, the orders are {due}")
    return f"kept {kept} = orders net of refunds {due}", faults


def sold_is_sold(facts: Facts) -> Found:
    """Invariant 6: sold = confirmed lines = sale movements = news of confirmed orders, everywhere."""
    units = {order.order_id: order.quantity for order in facts.sold_orders}
    confirmed = [line for line in facts.news if line.kind == "order.confirmed"]
    told = sum(units.get(line.order_id, 0) for line in confirmed)
    counts = {
        "pool": facts.pool.sold,
        "hold book": facts.book.sold,
        "orders": sum(units.values()),
        "movements": facts.ledger.sale_units,
        "outbox": told,
    }
    faults = []
    if len(set(counts.values())) > 1:
        faults.append(", ".join(f"{name} {count}" for name, count in counts.items()))
    if facts.pool.sold > facts.pool.allocated:
        faults.append(f"oversold: {facts.pool.sold} of {facts.pool.allocated}")
    if facts.ledger.sale_movements != len(units):
        faults.append(f"{facts.ledger.sale_movements} sale movements for {len(units)} orders")
    heard = {viewer.subject: viewer.order_news for viewer in facts.viewers if viewer.welcomes == 1}
    faults += [
        f"{line.buyer_id} never heard {line.kind} of {line.order_id}"
        for line in facts.news
        if line.buyer_id in heard
        and (word := line.heard_as) is not None
        and word not in heard[line.buyer_id].get(line.order_id, ())
    ]
    return f"{facts.pool.sold} in pool, hold book, orders, movements and outbox", faults


def no_undersell(facts: Facts) -> Found:
    """Invariant 7: when all is quiet and somebody still wanted a unit, everything was sold."""
    faults = [f"not quiet in time: {what}" for what in facts.not_quiet]
    left = facts.pool.allocated - facts.pool.sold
    if left > 0 and facts.unmet_buyers > 0:
        faults.append(f"{left} units were left although {facts.unmet_buyers} buyers wanted one")
    if facts.pool.state == "closed" and facts.pool.sold + facts.pool.returned != facts.pool.allocated:
        faults.append(f"{facts.pool.allocated} allocated, {facts.pool.sold} sold and {facts.pool.returned} returned")
    figures = f"{facts.pool.sold} of {facts.pool.allocated} sold, {facts.unmet_buyers} buyers went without"
    return figures, faults


def state_is_events(facts: Facts) -> Found:
    """Invariant 8: every viewer saw every event in order; old state + events = fresh snapshot."""
    faults = [
        f"{viewer.subject}: {missing} events missing or out of order"
        for viewer in facts.viewers
        if (missing := missing_events(viewer, facts.last_seq))
    ]
    if not facts.folded:
        faults.append("no viewer's state was compared")
    faults += [f"{one.subject}: {one.folded} is not {one.fresh}" for one in facts.folded if one.folded != one.fresh]
    figures = f"{len(facts.viewers)} viewers at event {facts.last_seq}; {len(facts.folded)} folded states compared"
    return figures, faults


def twice_is_once(facts: Facts) -> Found:
    """Invariant 9: what was sent twice got the same answer and had the same effect."""
    faults = [f"{one.what}: {one.first} and then {one.second}" for one in facts.repeats if one.first != one.second]
    taps = 0
    for viewer in facts.viewers:
        for claim_id, claim in viewer.claims.items():
            taps += claim.sends > 1
            holds = {answer for answer in claim.answers if answer[0] not in "!?"}
            if len(holds) > 1:
                faults.append(f"claim {claim_id} became {len(holds)} holds")
            # A temporary refusal may be followed by a hold; a hold by a refusal never.
            got = next((place for place, answer in enumerate(claim.answers) if answer in holds), None)
            if got is not None and any(answer[0] == "!" for answer in claim.answers[got:]):
                faults.append(f"claim {claim_id} was accepted, then refused")
    return f"{taps} claims tapped twice, {len(facts.repeats)} other calls repeated", faults


def channels_converge(facts: Facts) -> Found:
    """Invariant 10: every channel shows max(0, on_hand - ring_fenced - safety stock), or 0 where it is switched off."""
    faults = [f"not quiet in time: {what}" for what in facts.not_quiet]
    own = None
    # Others may be down for reasons of their own.
    others = {one.channel_id for one in facts.channels.watched if one.must_converge}
    in_step = 0
    for level in facts.channels.levels:
        due = due_level(facts.ledger, level)
        if level.desired != due:
            faults.append(f"{level.channel_id}: {due} due, {level.desired} desired")
        if level.channel_id == facts.channels.own_id:
            own = level
            if (level.told, level.received) != (due, due):
                faults.append(f"{level.channel_id}: {due} due, {level.told} told, the channel has {level.received}")
        elif level.channel_id in others:
            in_step += level.told == due
            if level.told != due:
                faults.append(f"{level.channel_id}: {due} due, {level.told} told, and nothing has failed there")
    if facts.channels.own_id is not None and own is None:
        faults.append("the rehearsal's channel has no level")
    if facts.channels.bad_signatures:
        faults.append(f"{facts.channels.bad_signatures} calls with a bad signature")
    shown = "no channel of its own" if own is None else f"told {own.told}, channel has {own.received}"
    figures = f"{len(facts.channels.levels)} channels; {shown}; {facts.channels.calls} signed calls"
    return figures + (f"; {in_step} of the shop's own in step" if facts.channels.watched else ""), faults


def ledger_replays(facts: Facts) -> Found:
    """Invariant 11: replaying the ledger from zero gives today's counters."""
    drifting = facts.ledger.drifting_skus
    faults = [f"{drifting} SKUs drift"] if drifting else []
    return f"{facts.ledger.movements} movements replayed, {facts.ledger.skus} SKUs", faults


CHECKS: Final[tuple[tuple[int, str, Callable[[Facts], Found]], ...]] = (
    (1, "the pool adds up", pool_adds_up),
    (2, "a hold ends exactly once", holds_end_once),
    (3, "one order per hold, one payment per order", one_order_per_hold),
    (4, "captured money has a confirmed order", captures_have_orders),
    (5, "money adds up", money_adds_up),
    (6, "sold is the same everywhere", sold_is_sold),
    (7, "nothing is left unsold", no_undersell),
    (8, "old state + events = fresh snapshot", state_is_events),
    (9, "twice is the same as once", twice_is_once),
    (10, "channels converge", channels_converge),
    (11, "the ledger replays", ledger_replays),
)


def judge(facts: Facts) -> list[Verdict]:
    """Check all of them."""
    verdicts = []
    for number, name, check in CHECKS:
        figures, faults = check(facts)
        verdicts.append(Verdict(number=number, name=name, figures=figures, faults=tuple(faults)))
    return verdicts


def shown(faults: tuple[str, ...]) -> str:
    """Return the first few faults as one text."""
    more = len(faults) - SHOWN_AT_MOST
    return "; ".join(faults[:SHOWN_AT_MOST]) + (f"; and {more} more" if more > 0 else "")


def _more_than_once(values: Iterable[str]) -> list[tuple[str, int]]:
    return [(value, count) for value, count in Counter(values).items() if count > 1]


def _amount(minor: int, currency: str) -> str:
    """An amount as people write it; where the facts do not agree on one currency, the plain number of minor units."""
    if currency not in CURRENCIES:
        return f"{minor} minor units"
    return f"{plain_amount(Money(minor, currency))} {currency}"


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counter.items())) or "none"
