"""The row ``drop``: thousands watch, a part of them claims within a second, and there are units for few."""

from collections.abc import Sequence
from statistics import median

import msgspec

from loadtests.bench.bench import Bench, crowd_doubts
from loadtests.bench.claim_crowd import ClaimCrowd, claim_crowd
from loadtests.bench.claim_round import ClaimOrder, ClaimReport
from loadtests.bench.cores import ANYWHERE
from loadtests.bench.limits import CLAIMS_DROP_MOST_P99_MS, DROP_OVER_S, HOLD_LONG_MS, PROCESSES_MANY
from loadtests.bench.result import OURS, RowResult
from loadtests.bench.server import SKU
from loadtests.bench.usage import CLIENT, Usage

_SOLD_OUT = "sold_out"


class _Drop(msgspec.Struct, frozen=True, kw_only=True):
    """One drop: its round, and what the API says of the offer afterwards."""

    report: ClaimReport
    usage: Usage
    held: int
    available: int


def row_drop(bench: Bench) -> list[RowResult]:
    """Let the claims come spread over a second, and all at once; each drop has an offer and claimants of its own.

    Raises:
        LoadError: somebody does not get in, or the crowd dies.
    """
    sizes = bench.sizes
    plan = msgspec.structs.replace(bench.plan(viewers=sizes.many_viewers), cores=ANYWHERE.rest)
    spread: list[_Drop] = []
    at_once: list[_Drop] = []
    doubts: list[str] = []
    with claim_crowd(bench, plan, ANYWHERE, processes=PROCESSES_MANY) as crowd:
        first = 0
        for _ in range(sizes.claim_rounds):
            for found, over_s in ((spread, DROP_OVER_S), (at_once, 0.0)):
                found.append(_drop(bench, crowd, first=first, over_s=over_s))
                doubts += crowd.doubts(found[-1].report, allowed=(_SOLD_OUT,))
                first = (first + sizes.drop_claims) % sizes.many_viewers
    return [
        _result(bench, "drop", f"in {DROP_OVER_S:.0f} s", spread, doubts),
        _result(bench, "drop-at-once", "all at once", at_once, doubts),
    ]


def _drop(bench: Bench, crowd: ClaimCrowd, *, first: int, over_s: float) -> _Drop:
    sizes, host = bench.sizes, bench.stand.host
    bench.stand.more_stock(sizes.drop_units)
    [offer_id] = host.open_offers(
        crowd.show_id, SKU, 1, quantity=sizes.drop_units, per_buyer_limit=1, hold_ttl_ms=HOLD_LONG_MS
    )
    crowd.rest()  # everyone has heard of it by then
    order = ClaimOrder(
        offers=[offer_id], each=sizes.drop_claims, in_flight=sizes.drop_claims, first=first, over_s=over_s
    )
    report, usage = crowd.claim(order)
    offer = host.offer(offer_id)
    return _Drop(report=report, usage=usage, held=offer["held"], available=offer["available"])


def _result(bench: Bench, row: str, when: str, drops: Sequence[_Drop], doubts: list[str]) -> RowResult:
    sizes = bench.sizes
    p99_ms = median(drop.report.p99_ms for drop in drops)
    exact = all(
        drop.report.accepted == drop.report.holds == drop.held == sizes.drop_units
        and drop.available == 0
        and drop.report.answered == sizes.drop_claims
        for drop in drops
    )
    share = median(drop.usage.shares[CLIENT] for drop in drops)
    details: dict[str, float | str] = {
        "p99 of each drop, ms": ", ".join(f"{drop.report.p99_ms:.1f}" for drop in drops),
        "p50, ms": round(median(drop.report.p50_ms for drop in drops), 2),
        "longest, ms": round(max(drop.report.most_ms for drop in drops), 2),
        "first claim to last answer, s": round(median(drop.report.took_s for drop in drops), 2),
        "accepted in each drop": ", ".join(str(drop.report.accepted) for drop in drops),
        "held in each drop, says the API": ", ".join(str(drop.held) for drop in drops),
    }
    details["others on this machine: share of a core"] = round(median(drop.usage.others for drop in drops), 3)
    for role in drops[0].usage.shares:
        details[f"{role}: share of a core"] = round(median(drop.usage.shares[role] for drop in drops), 3)
    return RowResult(
        row=row,
        what=f"{sizes.many_viewers:,} viewers, {PROCESSES_MANY} processes, {sizes.drop_claims:,} claims {when}, "
        f"{sizes.drop_units:,} units: p99 to the answer",
        unit="ms",
        columns={OURS: p99_ms},
        limit=f"≤ {CLAIMS_DROP_MOST_P99_MS:.0f} ms, exactly {sizes.drop_units:,} held",
        reached=exact and p99_ms <= CLAIMS_DROP_MOST_P99_MS,
        doubts=doubts + crowd_doubts(share),
        details=details,
    )
