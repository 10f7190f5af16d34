"""Each check of the verifier, on a run that held and on runs in which one thing is wrong."""

from collections.abc import Callable

import msgspec
import pytest

from loadtests.notes import CLAIM, CONFIRM, EVENT, LATE_CLAIM
from loadtests.records import ClaimRecord
from loadtests.tiers import HOLD_TTL_MS
from loadtests.verifier.checks import judge, last_line
from loadtests.verifier.evidence import Evidence
from loadtests.verifier.table import make_report
from loadtests.waits import Waits
from tests.unit.loadtests.verifier.good_run import (
    BORN_MS,
    DROP,
    UNITS,
    bought,
    broken,
    change,
    good,
    let_go,
    order,
    rolled,
    slow,
    with_offer,
    with_server,
    with_soak,
)


def sell_a_third(evidence: Evidence) -> Evidence:
    evidence.runs[0].viewers[2] = bought(2)
    return with_offer(with_server(evidence, orders=(order(0), order(1), order(2))), sold=3)


def keep_a_third_for_a_while(evidence: Evidence) -> Evidence:
    evidence.runs[0].viewers[2] = let_go(2, BORN_MS)
    return evidence


def sell_both_to_one(evidence: Evidence) -> Evidence:
    """The first buyer has the second one's order, says the server."""
    second = msgspec.structs.replace(order(1), buyer_id="buyer-0")
    return with_server(evidence, orders=(order(0), second))


def sell_a_pair_to_one(evidence: Evidence) -> Evidence:
    pair = msgspec.structs.replace(order(0), quantity=2, amount=2 * order(0).amount)
    return with_server(evidence, orders=(pair,), reported_orders=1)


def keep_both_for_one(evidence: Evidence) -> Evidence:
    """The first buyer has the second one's hold besides its own, says its record."""
    first, second = evidence.runs[0].viewers[:2]
    first.promoted = {"hold_1": DROP}
    first.deadlines |= second.deadlines
    return evidence


def time_none(name: str) -> Callable[[Evidence], Evidence]:
    def do(evidence: Evidence) -> Evidence:
        del evidence.runs[0].waits[name]
        return evidence

    return do


def time_one(name: str) -> Callable[[Evidence], Evidence]:
    def do(evidence: Evidence) -> Evidence:
        evidence.runs[0].waits[name] = Waits(counts={3: 1})
        return evidence

    return do


def wait_long(name: str) -> Callable[[Evidence], Evidence]:
    def do(evidence: Evidence) -> Evidence:
        evidence.runs[0].waits[name] = slow()
        return evidence

    return do


def warn(evidence: Evidence) -> Evidence:
    evidence.runs[0].warned = True
    return evidence


def want_one_only(evidence: Evidence) -> Evidence:
    """One buyer got both units."""
    for viewer in evidence.runs[0].viewers[1:]:
        viewer.claims = {}
    return evidence


def sell_what_was_to_come_back() -> Evidence:
    evidence = with_soak()
    drop, trickle = evidence.server.offers
    return with_server(evidence, offers=(drop, msgspec.structs.replace(trickle, sold=1)))


def answered(*answers: str) -> dict[str, ClaimRecord]:
    return {"claim_0": ClaimRecord(offer_id=DROP, sends=2, answers=list(answers))}


def test_a_run_without_a_fault_is_held() -> None:
    assert broken(good()) == []
    assert last_line(judge(good())) == "held"
    assert broken(with_soak()) == []


def lose_what_came_back(evidence: Evidence) -> Evidence:
    drop, trickle = evidence.server.offers
    return with_server(evidence, offers=(drop, msgspec.structs.replace(trickle, available=0)))


def test_units_that_were_given_back_have_to_be_there() -> None:
    assert broken(lose_what_came_back(with_soak())) == ["nothing is oversold"]


FAULTS: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "a unit too many": (sell_a_third, "nothing is oversold"),
    "a unit too many that nobody bought in the end": (keep_a_third_for_a_while, "nothing is oversold"),
    "a unit that was not sold": (lambda one: with_offer(one, sold=1), "exactly sold out"),
    "a unit that is gone": (lambda one: with_offer(one, allocated=UNITS + 1), "nothing is oversold"),
    "a unit that is still available, though it was sold": (
        lambda one: with_offer(one, available=1),
        "nothing is oversold",
    ),
    "a unit that is still held, though it was sold": (lambda one: with_offer(one, held=1), "nothing is oversold"),
    "fewer than no unit": (lambda one: with_offer(one, available=1, held=-1), "nothing is oversold"),
    "a hold without a deadline": (lambda one: change(one, deadlines={}), "nothing is oversold"),
    "a second order of one buyer": (sell_both_to_one, "nobody has more than the limit"),
    "two units in one order": (sell_a_pair_to_one, "nobody has more than the limit"),
    "a second unit that is held for one buyer": (keep_both_for_one, "nobody has more than the limit"),
    "units that nobody wanted and that are sold all the same": (want_one_only, "exactly sold out"),
    "a unit sold of what was to be given back": (lambda _: sell_what_was_to_come_back(), "exactly sold out"),
    "an offer that disagrees with its orders": (lambda one: with_offer(one, sold=1), "nothing is oversold"),
    "something that does not come to rest": (
        lambda one: with_server(one, not_quiet=("1 unit is held",)),
        "exactly sold out",
    ),
    "a claim without an answer": (
        lambda one: change(one, claims=answered("hold_0")),
        "a claim has one answer and one hold",
    ),
    "a claim that was answered more often than it was sent": (
        lambda one: change(one, claims=answered("hold_0", "hold_0", "hold_0")),
        "a claim has one answer and one hold",
    ),
    "a claim with two holds": (
        lambda one: change(one, claims=answered("hold_0", "hold_7")),
        "a claim has one answer and one hold",
    ),
    "a hold of two buyers": (
        lambda one: change(one, claims=answered("hold_1", "hold_1")),
        "a claim has one answer and one hold",
    ),
    "a claim that was accepted, then refused": (
        lambda one: change(one, claims=answered("hold_0", "!sold_out")),
        "a claim has one answer and one hold",
    ),
    "a claim that was accepted after the end": (
        lambda one: change(one, claims=answered("!ended", "hold_0")),
        "a claim has one answer and one hold",
    ),
    "a hold without an end": (lambda one: change(one, confirmed={}), "a hold ends once"),
    "a hold with two ends": (lambda one: change(one, expired=["hold_0"]), "a hold ends once"),
    "an order that nobody was told of": (lambda one: change(one, confirmed={}), "an order is confirmed once"),
    "an order that nobody was told to be taken": (
        lambda one: change(one, submitted={}),
        "an order is confirmed once",
    ),
    "an order that is not there": (
        lambda one: with_server(one, orders=(order(0),), reported_orders=1, reported_gmv=900),
        "an order is confirmed once",
    ),
    "a second order of one hold": (
        lambda one: change(one, submitted={"hold_0": ["order_0", "order_7"]}),
        "an order is confirmed once",
    ),
    "an order told twice": (lambda one: change(one, told_twice=1), "an order is confirmed once"),
    "an order that is not in the report": (
        lambda one: with_server(one, reported_orders=1),
        "an order is confirmed once",
    ),
    "an event that was skipped": (lambda one: change(one, gaps=1), "no gaps"),
    "an event that came twice": (lambda one: change(one, repeats=1), "no gaps"),
    "a last event that did not come": (lambda one: change(one, last_seq=8), "no gaps"),
    "a viewer that was not recovered": (lambda one: change(one, snapshots=1), "no gaps"),
    "a request without an answer": (
        lambda one: change(one, unanswered=["checkout hold_0"]),
        "refusals and errors",
    ),
    "an error": (lambda one: change(one, errors=["internal"]), "refusals and errors"),
    "a strange refusal": (
        lambda one: change(one, claims=answered("!recovering", "hold_0")),
        "refusals and errors",
    ),
    "slow answers": (wait_long(CLAIM), "claim to answer, p99 <= 500 ms"),
    "slow events": (wait_long(EVENT), "event to viewer, p99 <= 1000 ms"),
    "confirmations that nobody timed": (time_none(CONFIRM), "order to confirmation, at most 5000 ms"),
    "one confirmation that was not timed": (time_one(CONFIRM), "order to confirmation, at most 5000 ms"),
    "a load client that timed none of its claims": (time_none(LATE_CLAIM), "the load client kept up"),
    "claims that nobody timed": (time_none(CLAIM), "claim to answer, p99 <= 500 ms"),
    "claims of which only one was timed": (time_one(CLAIM), "claim to answer, p99 <= 500 ms"),
    "events that nobody timed": (time_none(EVENT), "event to viewer, p99 <= 1000 ms"),
    "news of an order that came late": (wait_long(CONFIRM), "order to confirmation, at most 5000 ms"),
    "a load client that was late": (wait_long(LATE_CLAIM), "the load client kept up"),
    "a load client that warns": (warn, "the load client kept up"),
    "drift": (lambda one: with_server(one, reconciled=1), "Redis and Postgres agree"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_breaks_its_check(fault: str) -> None:
    do, name = FAULTS[fault]
    evidence = do(good())
    assert name in broken(evidence)
    report = make_report(evidence, judge(evidence), {})
    assert not report.held
    assert report.verdict.startswith("BROKEN: ")


def test_a_unit_that_comes_back_may_be_the_next_one_s() -> None:
    evidence = good()
    first = let_go(0, BORN_MS - HOLD_TTL_MS)  # it ends at the moment in which the others begin
    evidence.runs[0].viewers.append(msgspec.structs.replace(first, subject="buyer-9"))
    assert evidence.promised(DROP) == UNITS


def test_a_buyer_may_have_another_unit_when_the_first_has_run_out() -> None:
    evidence = good()
    buyer = evidence.runs[0].viewers[0]
    buyer.promoted, buyer.expired = {"hold_7": DROP}, ["hold_7"]
    for early_ms, is_one_too_many in ((0, False), (1, True)):
        buyer.deadlines["hold_7"] = BORN_MS + early_ms
        assert ("nobody has more than the limit" in broken(evidence)) is is_one_too_many


def test_a_claim_that_came_too_early_for_a_unit_may_get_one_that_comes_back() -> None:
    evidence = good()
    evidence.runs[0].viewers[0].claims["claim_0"].answers[0] = "!sold_out"
    assert broken(evidence) == []


def test_where_gateways_were_replaced_who_came_back_may_hear_of_an_order_when_it_is_confirmed() -> None:
    assert broken(rolled(change(good(), submitted={}))) == []


def test_where_gateways_were_replaced_a_late_confirmation_is_no_fault() -> None:
    evidence = wait_long(CONFIRM)(good())
    assert "order to confirmation, at most 5000 ms" not in broken(rolled(evidence))
