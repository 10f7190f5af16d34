"""Each check of the verifier, on a run that held and on runs in which one thing is wrong."""

from collections.abc import Callable

import msgspec
import pytest

from loadtests.notes import CLAIM, CONFIRM, EVENT, LATE_CLAIM
from loadtests.records import ClaimRecord, HostRecord, RunRecord, ViewerRecord
from loadtests.tiers import HOLD_TTL_MS
from loadtests.verifier.checks import judge, last_line
from loadtests.verifier.evidence import Evidence, OfferFacts, OrderFacts, ServerFacts
from loadtests.verifier.table import make_report
from loadtests.waits import Waits

DROP = "offer_drop"
UNITS = 2
LAST_SEQ = 9
BORN_MS = 1_790_000_000_000


def quick() -> Waits:
    return Waits(counts={3: 100})


def slow() -> Waits:
    return Waits(counts={3: 90, 6_000: 10})


def bought(number: int) -> ViewerRecord:
    """A buyer who tapped twice and paid."""
    hold = f"hold_{number}"
    claim = ClaimRecord(offer_id=DROP, sends=2, answers=[hold, hold])
    order = {hold: [f"order_{number}"]}
    return ViewerRecord(
        subject=f"buyer-{number}",
        last_seq=LAST_SEQ,
        events=6,
        welcomes=2,
        claims={f"claim_{number}": claim},
        deadlines={hold: BORN_MS + HOLD_TTL_MS},
        submitted=order,
        confirmed=order,
    )


def let_go(number: int, born_ms: int) -> ViewerRecord:
    """A buyer who got a unit at that moment and did not pay."""
    hold = f"hold_{number}"
    record = watched(number)
    record.claims = {f"claim_{number}": ClaimRecord(offer_id=DROP, sends=2, answers=[hold, hold])}
    record.deadlines = {hold: born_ms + HOLD_TTL_MS}
    record.expired = [hold]
    return record


def watched(number: int) -> ViewerRecord:
    return ViewerRecord(subject=f"viewer-{number}", last_seq=LAST_SEQ, events=6, welcomes=2)


def order(number: int) -> OrderFacts:
    return OrderFacts(
        order_id=f"order_{number}",
        hold_id=f"hold_{number}",
        offer_id=DROP,
        buyer_id=f"buyer-{number}",
        quantity=1,
        amount=900,
        state="captured",
    )


def good() -> Evidence:
    refused = watched(2)
    refused.claims = {"claim_2": ClaimRecord(offer_id=DROP, sends=2, answers=["!sold_out", "!sold_out"])}
    run = RunRecord(
        tool="locust",
        tier="XS",
        shape="show",
        show_id="show_1",
        host=HostRecord(show_id="show_1", ended=True, drops={DROP: UNITS}),
        viewers=[bought(0), bought(1), refused, *(watched(number) for number in range(3, 20))],
        waits={CLAIM: quick(), EVENT: quick(), LATE_CLAIM: quick()},
        cpu=[0.1, 0.5],
    )
    server = ServerFacts(
        last_seq=LAST_SEQ,
        offers=(OfferFacts(offer_id=DROP, allocated=UNITS, available=0, held=0, sold=UNITS),),
        orders=(order(0), order(1)),
        reported_orders=2,
        reported_gmv=1_800,
        not_quiet=(),
        reconciled=0,
    )
    return Evidence(runs=(run,), server=server)


def broken(evidence: Evidence) -> list[str]:
    return [verdict.name for verdict in judge(evidence) if not verdict.held]


def with_server(evidence: Evidence, **changes: object) -> Evidence:
    return Evidence(runs=evidence.runs, server=msgspec.structs.replace(evidence.server, **changes))


def with_offer(evidence: Evidence, **changes: object) -> Evidence:
    return with_server(evidence, offers=(msgspec.structs.replace(evidence.server.offers[0], **changes),))


def change(evidence: Evidence, **changes: object) -> Evidence:
    """Change the first buyer's record."""
    for name, value in changes.items():
        setattr(evidence.runs[0].viewers[0], name, value)
    return evidence


def sell_a_third(evidence: Evidence) -> Evidence:
    evidence.runs[0].viewers[2] = bought(2)
    return with_offer(with_server(evidence, orders=(order(0), order(1), order(2))), sold=3)


def keep_a_third_for_a_while(evidence: Evidence) -> Evidence:
    evidence.runs[0].viewers[2] = let_go(2, BORN_MS)
    return evidence


def time_none(name: str) -> Callable[[Evidence], Evidence]:
    def do(evidence: Evidence) -> Evidence:
        del evidence.runs[0].waits[name]
        return evidence

    return do


def leave_one_out(evidence: Evidence) -> Evidence:
    del evidence.runs[0].viewers[-1]
    return evidence


def never_end(evidence: Evidence) -> Evidence:
    assert evidence.runs[0].host is not None
    evidence.runs[0].host.ended = False
    return evidence


def wait_long(name: str) -> Callable[[Evidence], Evidence]:
    def do(evidence: Evidence) -> Evidence:
        evidence.runs[0].waits[name] = slow()
        return evidence

    return do


def warn(evidence: Evidence) -> Evidence:
    evidence.runs[0].warned = True
    return evidence


def answered(*answers: str) -> dict[str, ClaimRecord]:
    return {"claim_0": ClaimRecord(offer_id=DROP, sends=2, answers=list(answers))}


def test_a_run_without_a_fault_is_held() -> None:
    assert broken(good()) == []
    assert last_line(judge(good())) == "held"


FAULTS: dict[str, tuple[Callable[[Evidence], Evidence], str]] = {
    "a unit too many": (sell_a_third, "nothing is oversold"),
    "a unit too many that nobody bought in the end": (keep_a_third_for_a_while, "nothing is oversold"),
    "a unit that was not sold": (lambda one: with_offer(one, sold=1), "exactly sold out"),
    "an offer that disagrees with its orders": (lambda one: with_offer(one, sold=1), "nothing is oversold"),
    "something that does not come to rest": (
        lambda one: with_server(one, not_quiet=("1 unit is held",)),
        "exactly sold out",
    ),
    "a claim without an answer": (
        lambda one: change(one, claims=answered("hold_0")),
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
    "a hold without an end": (lambda one: change(one, confirmed={}), "a hold ends once"),
    "a hold with two ends": (lambda one: change(one, expired=["hold_0"]), "a hold ends once"),
    "an order that nobody was told of": (lambda one: change(one, confirmed={}), "an order is confirmed once"),
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
    "an error": (lambda one: change(one, errors=["internal"]), "refusals and errors"),
    "a strange refusal": (
        lambda one: change(one, claims=answered("!recovering", "hold_0")),
        "refusals and errors",
    ),
    "slow answers": (wait_long(CLAIM), "claim to answer, p99 <= 500 ms"),
    "slow events": (wait_long(EVENT), "event to viewer, p99 <= 1000 ms"),
    "claims that nobody timed": (time_none(CLAIM), "claim to answer, p99 <= 500 ms"),
    "events that nobody timed": (time_none(EVENT), "event to viewer, p99 <= 1000 ms"),
    "news of an order that came late": (wait_long(CONFIRM), "order to confirmation, at most 5000 ms"),
    "a load client that was late": (wait_long(LATE_CLAIM), "the load client kept up"),
    "a load client that warns": (warn, "the load client kept up"),
    "a viewer who did not come": (leave_one_out, "everyone played"),
    "a viewer who was cut": (lambda one: change(one, lost=1), "everyone played"),
    "a show without an end": (never_end, "everyone played"),
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


def test_where_gateways_were_replaced_a_late_confirmation_is_no_fault() -> None:
    evidence = wait_long(CONFIRM)(good())
    assert "order to confirmation, at most 5000 ms" not in broken(msgspec.structs.replace(evidence, rolled=True))


@pytest.mark.parametrize("tier", ["XS", "L"])
def test_too_few_stock_counts_in_the_soak_are_a_fault(tier: str) -> None:
    def soak(frames: int) -> Evidence:
        evidence = good()
        run = evidence.runs[0]
        assert run.host is not None
        run.host.soaks_ms = [(1_000_000.0, 1_010_000.0)]
        run.frames = {1_000 + second: frames * len(run.viewers) for second in range(12)}
        run.tier = tier
        return evidence

    assert "state frames" in broken(soak(8))
    assert "state frames" not in broken(soak(10))
