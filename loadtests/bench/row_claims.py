"""The rows ``claims-accepted`` and ``claims-refused``: claims end to end over WebSocket, as fast as they are answered.

More viewers than claims in flight take turns, so that nobody exceeds what a viewer may send for long
(``docs/operations.md``): the gateway's limits are those of every day.
"""

from collections.abc import Sequence
from statistics import median

from loadtests.bench.bench import Bench, crowd_doubts
from loadtests.bench.claim_crowd import ClaimCrowd, claim_crowd
from loadtests.bench.claim_round import ClaimOrder, ClaimReport
from loadtests.bench.limits import (
    CLAIMS_ACCEPTED_LEAST_PER_S,
    CLAIMS_MOST_P99_MS,
    CLAIMS_PER_BUYER,
    CLAIMS_REFUSED_LEAST_PER_S,
    CLAIMS_TOGETHER,
    HOLD_LONG_MS,
    WARM_UP_CLAIMS,
)
from loadtests.bench.result import OURS, RowResult
from loadtests.bench.server import SKU
from loadtests.bench.usage import CLIENT, Usage

_SOLD_OUT = "sold_out"

_Round = tuple[ClaimReport, Usage]


def row_claims_accepted(bench: Bench) -> list[RowResult]:
    """Claim units that are there: every claim becomes a hold.

    Raises:
        LoadError: somebody does not get in, or the crowd dies.
    """
    sizes = bench.sizes
    each = sizes.claim_viewers * CLAIMS_PER_BUYER
    with claim_crowd(bench, bench.plan(viewers=sizes.claim_viewers), bench.cores) as crowd:
        # Before the rounds, not between them: an offer that opens is told to everyone.
        groups = [_offers(bench, crowd, sizes.claim_offers, each) for _ in range(sizes.claim_rounds)]
        _warm_up(bench, crowd)
        rounds, doubts = [], []
        for offers in groups:
            order = ClaimOrder(offers=offers, each=each, in_flight=sizes.claims_in_flight)
            crowd.rest()  # until everybody may send as much again
            rounds.append(crowd.claim(order))
            doubts += crowd.doubts(rounds[-1][0])
            held = sum(bench.stand.host.offer(offer_id)["held"] for offer_id in offers)
            if held != order.claims:
                doubts.append(f"{held:,} units are held after {order.claims:,} claims")
    doubts += crowd_doubts(_median_share(rounds))
    rate, p99_ms = _median_rate(rounds), median(report.p99_ms for report, _ in rounds)
    what = f"accepted claims over WebSocket, {sizes.claims_in_flight} in flight of {sizes.claim_viewers:,} viewers"
    return [
        RowResult(
            row="claims-accepted",
            what=what,
            unit="/s",
            columns={OURS: rate},
            limit=f"≥ {CLAIMS_ACCEPTED_LEAST_PER_S:,}/s",
            reached=rate >= CLAIMS_ACCEPTED_LEAST_PER_S,
            doubts=doubts,
            details=_details(rounds),
        ),
        RowResult(
            row="claims-accepted-p99",
            what="the same: p99 from claim to answer",
            unit="ms",
            columns={OURS: p99_ms},
            limit=f"≤ {CLAIMS_MOST_P99_MS:.0f} ms",
            reached=p99_ms <= CLAIMS_MOST_P99_MS,
            doubts=doubts,
            details=_details(rounds),
        ),
    ]


def row_claims_refused(bench: Bench) -> list[RowResult]:
    """Claim units of an offer that is sold out: every claim is refused.

    Raises:
        LoadError: somebody does not get in, or the crowd dies.
    """
    sizes = bench.sizes
    with claim_crowd(bench, bench.plan(viewers=sizes.refused_viewers), bench.cores) as crowd:
        [offer_id] = _offers(bench, crowd, 1, sizes.claims_in_flight // 10)
        _warm_up(bench, crowd)
        crowd.claim(ClaimOrder(offers=[offer_id], each=sizes.claims_in_flight, in_flight=sizes.claims_in_flight))
        one_by_one: list[_Round] = []
        together: list[_Round] = []
        doubts: list[str] = []
        for _ in range(sizes.claim_rounds):
            for found, at_once in ((one_by_one, 1), (together, CLAIMS_TOGETHER)):
                order = ClaimOrder(
                    offers=[offer_id],
                    each=sizes.refused_claims,
                    in_flight=sizes.claims_in_flight + 1 - at_once,
                    together=at_once,
                )
                crowd.rest()  # until everybody may send a burst again
                report, usage = crowd.claim(order)
                found.append((report, usage))
                doubts += crowd.doubts(report, allowed=(_SOLD_OUT,))
                if report.accepted:
                    doubts.append(f"{report.accepted:,} claims accepted of an offer that was sold out")
    doubts += crowd_doubts(_median_share(one_by_one))
    rate = _median_rate(one_by_one)
    further = {f"{CLAIMS_TOGETHER} of a viewer at once: {name}": one for name, one in _details(together).items()}
    return [
        RowResult(
            row="claims-refused",
            what=f"sold-out refusals over WebSocket, {sizes.claims_in_flight} in flight of "
            f"{sizes.refused_viewers:,} viewers",
            unit="/s",
            columns={OURS: rate},
            limit=f"≥ {CLAIMS_REFUSED_LEAST_PER_S:,}/s",
            reached=rate >= CLAIMS_REFUSED_LEAST_PER_S,
            doubts=doubts,
            details=_details(one_by_one) | further,
        )
    ]


def _offers(bench: Bench, crowd: ClaimCrowd, count: int, quantity: int) -> list[str]:
    """Open offers with so many units each, which one buyer may have all; no hold of them ends while we look."""
    bench.stand.more_stock(count * quantity)
    return bench.stand.host.open_offers(
        crowd.show_id, SKU, count, quantity=quantity, per_buyer_limit=quantity, hold_ttl_ms=HOLD_LONG_MS
    )


def _warm_up(bench: Bench, crowd: ClaimCrowd) -> None:
    crowd.rest()
    offers = _offers(bench, crowd, 1, WARM_UP_CLAIMS)
    crowd.rest()  # the gateway has heard of them by then
    crowd.claim(ClaimOrder(offers=offers, each=WARM_UP_CLAIMS, in_flight=bench.sizes.claims_in_flight))
    crowd.rest()


def _median_rate(rounds: Sequence[_Round]) -> float:
    return median(report.answered / max(report.took_s, 1e-9) for report, _ in rounds)


def _median_share(rounds: Sequence[_Round]) -> float:
    return median(usage.shares[CLIENT] for _, usage in rounds)


def _details(rounds: Sequence[_Round]) -> dict[str, float | str]:
    """Return the figures behind a rate: each round's, the answer times, and who used how much CPU."""
    details: dict[str, float | str] = {
        "rate of each round, /s": ", ".join(f"{report.answered / report.took_s:,.0f}" for report, _ in rounds),
        "claims of a round": rounds[0][0].answered,
        "p50, ms": round(median(report.p50_ms for report, _ in rounds), 2),
        "p99, ms": round(median(report.p99_ms for report, _ in rounds), 2),
        "p99 of each round, ms": ", ".join(f"{report.p99_ms:.1f}" for report, _ in rounds),
        "longest, ms": round(max(report.most_ms for report, _ in rounds), 2),
        "others on this machine: share of a core": round(median(usage.others for _, usage in rounds), 3),
    }
    for role in rounds[0][1].shares:
        details[f"{role}: share of a core"] = round(median(usage.shares[role] for _, usage in rounds), 3)
        each = median(usage.used_us[role] / max(report.answered, 1) for report, usage in rounds)
        details[f"{role}: µs per claim"] = round(each, 1)
    return details
