"""A run of tier XS without a fault, for the verifier's tests to break."""

import msgspec

from loadtests.notes import CLAIM, CONFIRM, EVENT, LATE_CLAIM
from loadtests.records import ClaimRecord, HostRecord, RunRecord, ViewerRecord
from loadtests.tiers import HOLD_TTL_MS, SECOND_TAP_MS
from loadtests.verifier.checks import judge
from loadtests.verifier.evidence import Evidence, OfferFacts, OrderFacts, ServerFacts
from loadtests.waits import Waits

DROP = "offer_drop"
TRICKLE = "offer_trickle"
UNITS = 2
LAST_SEQ = 9
BORN_MS = 1_790_000_000_000


def quick() -> Waits:
    return Waits(counts={3: 100})


def slow() -> Waits:
    return Waits(counts={3: 90, 6_000: 10})


def tapped_twice(*answers: str, after_ms: int = 100) -> ClaimRecord:
    return ClaimRecord(
        offer_id=DROP, sends=2, answers=list(answers), sent_after_ms=[after_ms, after_ms + int(SECOND_TAP_MS)]
    )


def bought(number: int) -> ViewerRecord:
    """A buyer who tapped twice and paid."""
    hold = f"hold_{number}"
    order = {hold: [f"order_{number}"]}
    return ViewerRecord(
        subject=f"buyer-{number}",
        last_seq=LAST_SEQ,
        events=6,
        welcomes=2,
        claims={f"claim_{number}": tapped_twice(hold, hold)},
        deadlines={hold: BORN_MS + HOLD_TTL_MS},
        submitted=order,
        confirmed=order,
    )


def let_go(number: int, born_ms: int) -> ViewerRecord:
    """A buyer who got a unit at that moment and did not pay."""
    hold = f"hold_{number}"
    record = watched(number)
    record.claims = {f"claim_{number}": tapped_twice(hold, hold)}
    record.deadlines = {hold: born_ms + HOLD_TTL_MS}
    record.expired = [hold]
    return record


def refused(number: int, after_ms: int) -> ViewerRecord:
    """A buyer who came too late."""
    record = watched(number)
    record.claims = {f"claim_{number}": tapped_twice("!sold_out", "!sold_out", after_ms=after_ms)}
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
    """A drop: three of the five buyers tap in the first second, and two get a unit."""
    buyers = [bought(0), bought(1), refused(2, 700), refused(3, 1_000), refused(4, 1_000)]
    run = RunRecord(
        tool="locust",
        tier="XS",
        shape="drop",
        show_id="show_1",
        host=HostRecord(show_id="show_1", ended=True, drops={DROP: UNITS}),
        viewers=[*buyers, *(watched(number) for number in range(5, 20))],
        waits={CLAIM: Waits(counts={3: 10}), EVENT: quick(), CONFIRM: quick(), LATE_CLAIM: quick()},
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


def with_soak(frames_per_s: int = 10, *, soak_s: float = 40.0) -> Evidence:
    """The same, and a soak in which everyone sees so many stock counts a second."""
    evidence = good()
    run, host = evidence.runs[0], host_of(evidence)
    run.shape, run.soak_s = "show", soak_s
    host.trickles = [TRICKLE]
    host.soaks_ms = [(1_000_500.0, 1_000_500.0 + 1_000 * soak_s)]
    for second in range(1_001, 1_001 + int(soak_s)):
        see(evidence, second, frames_per_s)
    idle = OfferFacts(offer_id=TRICKLE, allocated=1_000, available=1_000, held=0, sold=0)
    return with_server(evidence, offers=(*evidence.server.offers, idle))


def see(evidence: Evidence, second: int, count: int) -> None:
    """Let everyone see so many stock counts more in a second, or fewer."""
    run = evidence.runs[0]
    run.frames[second] = run.frames.get(second, 0) + count * len(run.viewers)
    for viewer in run.viewers:
        viewer.frames += count


def host_of(evidence: Evidence) -> HostRecord:
    host = evidence.runs[0].host
    assert host is not None
    return host


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


def rolled(evidence: Evidence) -> Evidence:
    """The same run, if gateways had been replaced meanwhile."""
    return msgspec.structs.replace(evidence, rolled=True)
