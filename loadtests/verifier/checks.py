"""The checks of the verifier, each a pure look at the evidence."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from loadtests.limits import CLAIM_MOST_P99_MS, CONFIRM_MOST_MS, EVENT_MOST_P99_MS
from loadtests.tiers import DROP_EACH_MOST, PRICE_CENTS
from loadtests.verifier.attendance import played, tapped
from loadtests.verifier.evidence import Evidence, most_at_once
from loadtests.verifier.found import Found
from loadtests.verifier.timing import claims_quick, client_quick, confirms_quick, events_quick, frames_steady


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check; it is held when nothing is wrong."""

    name: str
    figures: str
    faults: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether nothing contradicts it."""
        return not self.faults


def no_oversell(evidence: Evidence) -> Found:
    """No offer sold more than it had: by its counters, by its orders, and by what buyers were told.

    Nor did it keep more than it had for buyers, were it only until they let it go, which the deadline of each hold
    tells; and each unit is in one place.
    """
    told: Counter[str] = Counter()
    for viewer in evidence.viewers:
        offer_of = viewer.offer_of_hold
        told.update(offer_of.get(hold_id, "") for hold_id in viewer.confirmed)
    ordered = Counter({one.offer_id: 0 for one in evidence.server.offers})
    for order in evidence.server.orders:
        ordered[order.offer_id] += order.quantity
    faults = []
    for offer in evidence.server.offers:
        counts = {"sold": offer.sold, "ordered": ordered[offer.offer_id], "confirmed": told[offer.offer_id]}
        faults += [f"{offer.allocated} units, {many} {what}" for what, many in counts.items() if many > offer.allocated]
        if len(set(counts.values())) > 1:
            faults.append(f"{offer.offer_id}: {', '.join(f'{many} {what}' for what, many in counts.items())}")
        if not offer.adds_up:
            faults.append(f"{offer.allocated} units: {offer.available} available, {offer.held} held, {offer.sold} sold")
    for offer_id, units in evidence.host.drops.items():
        promised = evidence.promised(offer_id)
        faults += [f"{units} units, {promised} held or sold at once"] if promised > units else []
    undated = sum(len(viewer.offer_of_hold.keys() - viewer.deadlines.keys()) for viewer in evidence.viewers)
    faults += [f"{undated} holds without a deadline"] if undated else []
    sold, units = sum(one.sold for one in evidence.server.offers), sum(evidence.host.drops.values())
    return f"{sold} of {units} units sold in {len(evidence.host.drops)} drops", faults


def within_limit(evidence: Evidence) -> Found:
    """No buyer has more of a drop than the limit: by its orders, and by what was held for them at once."""
    drops = evidence.host.drops
    ordered: Counter[tuple[str, str]] = Counter()
    for order in evidence.server.orders:
        ordered[order.buyer_id, order.offer_id] += order.quantity
    faults = [
        f"{buyer} ordered {units} units of {offer_id}"
        for (buyer, offer_id), units in ordered.items()
        if offer_id in drops and units > DROP_EACH_MOST
    ]
    most = 0
    for viewer in evidence.viewers:
        for offer_id in drops.keys() & set(viewer.offer_of_hold.values()):
            units = most_at_once([viewer], offer_id)
            most = max(most, units)
            faults += [f"{viewer.subject} had {units} units of {offer_id} at once"] if units > DROP_EACH_MOST else []
    return f"at most {most} of {DROP_EACH_MOST} a buyer and drop", faults


def sold_out(evidence: Evidence) -> Found:
    """In each drop more want a unit than there are, and everything is sold; of what was only tried, nothing is."""
    faults = []
    buyers = evidence.buyers()
    wanted = {offer_id: buyers[offer_id] for offer_id in evidence.host.drops}
    for offer_id, units in evidence.host.drops.items():
        offer = evidence.offer(offer_id)
        if offer is None:
            faults.append(f"{offer_id} is unknown")
        elif offer.sold != units or wanted[offer_id] < units:
            faults.append(f"{offer.sold} of {units} sold, and {wanted[offer_id]} wanted one")
    for offer_id in evidence.host.trickles:
        offer = evidence.offer(offer_id)
        if offer is None or offer.sold:
            faults.append(f"{offer_id} sold {'?' if offer is None else offer.sold} units, all were given back")
    faults += [f"not at rest: {what}" for what in evidence.server.not_quiet]
    return f"{sum(wanted.values()):,} buyers wanted one", faults


def claims_answered(evidence: Evidence) -> Found:
    """Every sending of every claim was answered once, and always the same: a claim has at most one hold."""
    claims = [(claim_id, claim) for viewer in evidence.viewers for claim_id, claim in viewer.claims.items()]
    faults = []
    unanswered = sum(max(0, claim.sends - len(claim.answers)) for _, claim in claims)
    faults += [f"{unanswered} claims without an answer"] if unanswered else []
    unasked = sum(max(0, len(claim.answers) - claim.sends) for _, claim in claims)
    faults += [f"{unasked} answers that nobody asked for"] if unasked else []
    faults += [
        f"claim {claim_id} became {len(claim.holds)} holds" for claim_id, claim in claims if len(claim.holds) > 1
    ]
    for claim_id, claim in claims:
        got = next((place for place, answer in enumerate(claim.answers) if answer in claim.holds), None)
        if got is not None and any(answer.startswith("!") for answer in claim.answers[got:]):
            faults.append(f"claim {claim_id} was accepted, then refused")
        if got is not None and "!ended" in claim.answers[:got]:  # sold out may end, the end does not
            faults.append(f"claim {claim_id} was accepted after the end")
    holds = Counter(hold for _, claim in claims for hold in claim.holds)
    holds.update(hold for viewer in evidence.viewers for hold in viewer.promoted)
    faults += [f"{hold} was given {count} times" for hold, count in holds.items() if count > 1]
    sends = sum(claim.sends for _, claim in claims)
    accepted = sum(1 for _, claim in claims if claim.holds)
    return f"{sends:,} sendings of {len(claims):,} claims, {accepted:,} accepted, {len(holds):,} holds", faults


def holds_end_once(evidence: Evidence) -> Found:
    """Every hold ended as its buyer was told, exactly once: sold, expired or given back."""
    faults = []
    ends: Counter[str] = Counter()
    again = 0
    for viewer in evidence.viewers:
        of_hold: dict[str, set[str]] = {hold: set() for claim in viewer.claims.values() for hold in claim.holds}
        of_hold |= {hold: set() for hold in viewer.promoted}
        told = {"sold": list(viewer.confirmed), "expired": viewer.expired, "released": viewer.released}
        for end, holds in told.items():
            again += len(holds) - len(set(holds))  # an answer and the news of the same end: nothing is wrong with it
            for hold in holds:
                of_hold.setdefault(hold, {"unknown"}).add(end)
        for hold in viewer.ended_away:
            if not of_hold.setdefault(hold, {"unknown"}):
                of_hold[hold].add("unseen")
        faults += [
            f"{hold} ended so: {', '.join(sorted(how)) or 'not at all'}"
            for hold, how in of_hold.items()
            if len(how) != 1
        ]
        ends.update(min(how) for how in of_hold.values() if how)
    counted = ", ".join(f"{count:,} {end}" for end, count in sorted(ends.items())) or "no holds"
    return counted + (f"; {again} were told again" if again else ""), faults


def orders_once(evidence: Evidence) -> Found:
    """Every order was taken from its buyer and confirmed, once; nobody was told of another, and each has its price.

    Who was cut while gateways were replaced is told how the order stands then, and not again that it was taken.
    """
    taken = evidence.told(lambda viewer: viewer.submitted)
    told = evidence.told(lambda viewer: viewer.confirmed)
    orders = evidence.server.orders
    listed = {(order.hold_id, order.order_id, order.buyer_id) for order in orders}
    faults = [f"{order} of {buyer} was never confirmed to them" for _, order, buyer in listed - told]
    if not evidence.rolled:
        faults += [f"{order} of {buyer} was never said to be taken" for _, order, buyer in listed - taken]
    faults += [f"{order} was taken from {buyer} and is not there" for _, order, buyer in taken - listed]
    faults += [f"{order} was confirmed to {buyer} and is not there" for _, order, buyer in told - listed]
    faults += [
        f"{hold} has {count} orders" for hold, count in Counter(one.hold_id for one in orders).items() if count > 1
    ]
    faults += [f"{one.order_id} is {one.state}" for one in orders if one.state != "captured"]
    faults += [f"{one.order_id} costs {one.amount}" for one in orders if one.amount != PRICE_CENTS * one.quantity]
    twice = sum(viewer.told_twice for viewer in evidence.viewers)
    faults += [f"{twice} news were told twice"] if twice else []
    faults += [news for viewer in evidence.viewers for news in viewer.other_news]
    if (evidence.server.reported_orders, evidence.server.reported_gmv) != (
        len(orders),
        sum(one.amount for one in orders),
    ):
        faults.append(f"the report says {evidence.server.reported_orders} orders, {evidence.server.reported_gmv} cents")
    return f"{len(orders):,} orders, {len(told):,} confirmed to their buyers", faults


def no_gaps(evidence: Evidence) -> Found:
    """Every viewer saw every event in order, once, up to the last one, also over a storm of reconnects."""
    viewers, last = evidence.viewers, evidence.server.last_seq
    sums = {
        "events missed": sum(viewer.gaps for viewer in viewers),
        "events twice": sum(viewer.repeats for viewer in viewers),
        "viewers without the last event": sum(viewer.last_seq != last for viewer in viewers),
        "viewers who came back and were not recovered": sum(viewer.snapshots for viewer in viewers),
    }
    faults = [f"{count:,} {what}" for what, count in sums.items() if count]
    return f"{sum(viewer.events for viewer in viewers):,} events at {len(viewers):,} viewers, up to {last}", faults


def nothing_refused(evidence: Evidence) -> Found:
    """No request was answered with an error or not at all, and no claim refused for a reason that is strange there."""
    errors = Counter(error for viewer in evidence.viewers for error in viewer.errors)
    trickles = set(evidence.host.trickles)
    reasons: Counter[str] = Counter()
    strange: Counter[str] = Counter()
    for viewer in evidence.viewers:
        for claim in viewer.claims.values():
            # A claim may cross the host's close, and a second tap a unit that came from the waiting list.
            expected = {"ended"} if claim.offer_id in trickles else {"sold_out"}
            expected |= {"buyer_limit"} if claim.offer_id in viewer.promoted.values() else set()
            said = [answer[1:] for answer in claim.answers if answer.startswith("!")]
            reasons.update(said)
            strange.update(reason for reason in said if reason not in expected)
    faults = [f"{count} times {code}" for code, count in errors.items()]
    faults += [f"{what} of {viewer.subject} has no answer" for viewer in evidence.viewers for what in viewer.unanswered]
    faults += [f"{count} claims refused: {reason}" for reason, count in strange.items()]
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(reasons.items())) or "none", faults


def reconciles(evidence: Evidence) -> Found:
    """Redis, Postgres, the bank and the channels agree, says ``showdrop reconcile``."""
    code = evidence.server.reconciled
    if code is None:
        return "not asked", []
    return f"exit code {code}", [] if code == 0 else ["it found drift, or could not look"]


CHECKS: Final[tuple[tuple[str, Callable[[Evidence], Found]], ...]] = (
    ("everyone played", played),
    ("everyone tapped", tapped),
    ("nothing is oversold", no_oversell),
    ("nobody has more than the limit", within_limit),
    ("exactly sold out", sold_out),
    ("a claim has one answer and one hold", claims_answered),
    ("a hold ends once", holds_end_once),
    ("an order is confirmed once", orders_once),
    ("no gaps", no_gaps),
    ("refusals and errors", nothing_refused),
    (f"claim to answer, p99 <= {CLAIM_MOST_P99_MS} ms", claims_quick),
    (f"event to viewer, p99 <= {EVENT_MOST_P99_MS} ms", events_quick),
    (f"order to confirmation, at most {CONFIRM_MOST_MS} ms", confirms_quick),
    ("state frames", frames_steady),
    ("the load client kept up", client_quick),
    ("Redis and Postgres agree", reconciles),
)


def judge(evidence: Evidence) -> list[Verdict]:
    """Make every check."""
    verdicts = []
    for name, check in CHECKS:
        figures, faults = check(evidence)
        verdicts.append(Verdict(name=name, figures=figures, faults=tuple(faults)))
    return verdicts


def last_line(verdicts: Iterable[Verdict]) -> str:
    """Return the verdict in one line."""
    broken = [verdict.name for verdict in verdicts if not verdict.held]
    return f"BROKEN: {'; '.join(broken)}" if broken else "held"
