"""The row ``expiry``: from a hold's deadline until the others see its unit again."""

from bisect import bisect_left
from collections.abc import Sequence

from loadtests.bench.bench import Bench, crowd_doubts
from loadtests.bench.claim_crowd import claim_crowd
from loadtests.bench.claim_round import ClaimOrder, ClaimReport, Sighting, share_of
from loadtests.bench.limits import EXPIRY_MOST_P99_MS, EXPIRY_TIMEOUT_S, EXPIRY_WATCHERS, HOLD_SHORT_MS
from loadtests.bench.result import OURS, RowResult
from loadtests.bench.server import SKU
from loadtests.bench.usage import CLIENT


def row_expiry(bench: Bench) -> list[RowResult]:
    """Let every unit be held, with deadlines spread over seconds, and watch the stock count that viewers are sent.

    Raises:
        LoadError: somebody does not get in, or the crowd dies.
    """
    sizes = bench.sizes
    units = sizes.expiring_holds
    with claim_crowd(bench, bench.plan(viewers=sizes.claim_viewers), bench.cores) as crowd:
        bench.stand.more_stock(units)
        offers = bench.stand.host.open_offers(
            crowd.show_id, SKU, 1, quantity=units, per_buyer_limit=units, hold_ttl_ms=HOLD_SHORT_MS
        )
        crowd.rest()
        order = ClaimOrder(
            offers=offers,
            each=units,
            in_flight=units,
            over_s=sizes.expiring_over_s,
            timeout_s=EXPIRY_TIMEOUT_S,
            watchers=EXPIRY_WATCHERS,
            until_available=units,
        )
        report, usage = crowd.claim(order)
        doubts = crowd.doubts(report)
    waits, unseen = all_waits_ms(report)
    if unseen:
        doubts.append(f"{unseen:,} units were not seen again within {EXPIRY_TIMEOUT_S:.0f} s")
    p99_ms = share_of(waits, 0.99)
    return [
        RowResult(
            row="expiry",
            what=f"{units:,} holds of {HOLD_SHORT_MS // 1000} s end within {sizes.expiring_over_s:.1f} s: p99 from the "
            f"deadline until others see the unit, {sizes.claim_viewers:,} viewers",
            unit="ms",
            columns={OURS: p99_ms},
            limit=f"≤ {EXPIRY_MOST_P99_MS:,.0f} ms",
            reached=bool(waits) and p99_ms <= EXPIRY_MOST_P99_MS,
            doubts=doubts + crowd_doubts(usage.shares[CLIENT]),
            details={
                "p50, ms": round(share_of(waits, 0.5), 1),
                "longest, ms": round(share_of(waits, 1.0), 1),
                "shortest, ms": round(min(waits, default=0.0), 1),
                "watchers": EXPIRY_WATCHERS,
                "units seen": len(waits),
            },
        )
    ]


def all_waits_ms(report: ClaimReport) -> tuple[list[float], int]:
    """Return the waits of all units at all watchers, in rising order, and how many were never seen."""
    waits: list[float] = []
    for seen in report.seen:
        waits += waits_ms(report.expires_at_ms, seen)
    return sorted(waits), len(report.expires_at_ms) * len(report.seen) - len(waits)


def waits_ms(expires_at_ms: Sequence[int], seen: Sequence[Sighting]) -> list[float]:
    """Return how long after each deadline a viewer saw its unit, without those that it never saw.

    Every unit is held at the first deadline, and nobody claims after it: the unit of the n-th deadline is there when
    n units are.

    Args:
        expires_at_ms: the deadlines, in rising order.
        seen: the viewer's stock counts, in order; those before the first deadline do not count.
    """
    if not expires_at_ms:
        return []
    seen = [one for one in seen if one.at_ms >= expires_at_ms[0]]
    available = [one.available for one in seen]
    places = (bisect_left(available, number) for number in range(1, len(expires_at_ms) + 1))
    return [
        seen[place].at_ms - deadline for place, deadline in zip(places, expires_at_ms, strict=True) if place < len(seen)
    ]
