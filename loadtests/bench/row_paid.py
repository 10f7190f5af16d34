"""The rows ``paid``, ``paid-p99`` and ``paid-grown``: from the claim to the news that the order is confirmed.

Claim, checkout, authorisation by the built-in provider, settlement and the buyer's news, all over WebSocket. Gateway,
API, worker, Postgres, Redis and the load client share all cores: nothing is pinned.
"""

from collections.abc import Sequence
from statistics import median

from loadtests.bench.bench import Bench, crowd_doubts
from loadtests.bench.fill_pg import fill_orders
from loadtests.bench.paid_limits import PAID_GROWN_LEAST_SHARE, PAID_LEAST_PER_S, PAID_MOST_P99_MS, PAID_PACED_PER_S
from loadtests.bench.paid_show import PaidRound, PaidShow
from loadtests.bench.purchase_crowd import PurchaseCrowd
from loadtests.bench.purchase_round import STEPS
from loadtests.bench.result import FLOOR, OURS, RowResult
from loadtests.bench.round_crowd import crowd_of
from loadtests.bench.usage import CLIENT

_FLOW = "claim, checkout, authorise, settle, told, over WebSocket"


def row_paid(bench: Bench) -> list[RowResult]:
    """Let viewers buy as fast as orders are confirmed, and then at a rate of half of what must be reached.

    Raises:
        LoadError: somebody does not get in, or the crowd dies.
    """
    sizes = bench.sizes
    with crowd_of(PurchaseCrowd, bench, bench.plan(viewers=sizes.paid_viewers), bench.cores) as crowd:
        show = PaidShow(bench, crowd)
        show.warm_up()
        fast = [show.fast() for _ in range(sizes.paid_rounds)]
        paced = [show.paced(PAID_PACED_PER_S) for _ in range(sizes.paid_rounds)]
    rate, p99_ms = _rate(fast), median(one.report.p99_ms for one in paced)
    return [
        RowResult(
            row="paid",
            what=f"paid orders: {_FLOW}; {sizes.paid_in_flight} in flight of {sizes.paid_viewers:,} viewers",
            unit="/s",
            columns={OURS: rate},
            limit=f"≥ {PAID_LEAST_PER_S:,}/s",
            reached=rate >= PAID_LEAST_PER_S,
            doubts=show.doubts + _too_busy(fast),
            details=_details(fast),
        ),
        RowResult(
            row="paid-p99",
            what=f"the same at {PAID_PACED_PER_S} orders/s: p99 from the claim to order.confirmed",
            unit="ms",
            columns={OURS: p99_ms},
            limit=f"≤ {PAID_MOST_P99_MS:,.0f} ms",
            reached=p99_ms <= PAID_MOST_P99_MS,
            doubts=show.doubts + _too_busy(paced),
            details=_details(paced),
        ),
    ]


def row_paid_grown(bench: Bench) -> list[RowResult]:
    """Measure the same with a table that begins empty, and with millions of orders in it.

    Raises:
        LoadError: somebody does not get in, the crowd dies, or the table cannot be filled.
    """
    sizes = bench.sizes
    empty, doubts = _rounds(bench)
    filled = fill_orders(bench.stand.database_url, sizes.grown_orders, bench.tell)
    grown, more = _rounds(bench)
    doubts += more
    before, after = _rate(empty), _rate(grown)
    return [
        RowResult(
            row="paid-grown",
            what=f"paid orders with {sizes.grown_orders:,} orders in the table; floor: with none",
            unit="/s",
            columns={FLOOR: before, OURS: after},
            limit=f"≥ {PAID_GROWN_LEAST_SHARE:g} x empty",
            reached=after >= PAID_GROWN_LEAST_SHARE * before,
            doubts=doubts + _too_busy(grown),
            details=_details(grown)
            | {f"empty table: {name}": value for name, value in _details(empty).items()}
            | {f"filling: {name}, s": round(took_s, 1) for name, took_s in filled.items()},
        )
    ]


def _rounds(bench: Bench) -> tuple[list[PaidRound], list[str]]:
    sizes = bench.sizes
    with crowd_of(PurchaseCrowd, bench, bench.plan(viewers=sizes.paid_viewers), bench.cores) as crowd:
        show = PaidShow(bench, crowd)
        show.warm_up()
        return [show.fast() for _ in range(sizes.paid_rounds)], show.doubts


def _rate(rounds: Sequence[PaidRound]) -> float:
    return median(one.report.per_s for one in rounds)


def _too_busy(rounds: Sequence[PaidRound]) -> list[str]:
    return crowd_doubts(median(one.usage.shares[CLIENT] for one in rounds))


def _details(rounds: Sequence[PaidRound]) -> dict[str, float | str]:
    """Return the figures behind a row: each round's, where the time goes, and who used how much CPU."""
    details: dict[str, float | str] = {
        "rate of each round, /s": ", ".join(f"{one.report.per_s:,.0f}" for one in rounds),
        "p99 of each round, ms": ", ".join(f"{one.report.p99_ms:.1f}" for one in rounds),
        "orders of a round": len(rounds[0].report.bought),
        "finished after the last confirmation, s": round(median(one.behind_s for one in rounds), 2),
        "others on this machine: share of a core": round(median(one.usage.others for one in rounds), 3),
    }
    for step in STEPS:
        times = [one.report.times[step] for one in rounds]
        details[f"{step}: p50, ms"] = round(median(one.p50_ms for one in times), 1)
        details[f"{step}: p99, ms"] = round(median(one.p99_ms for one in times), 1)
        details[f"{step}: longest, ms"] = round(max(one.most_ms for one in times), 1)
    for role in rounds[0].usage.shares:
        details[f"{role}: share of a core"] = round(median(one.usage.shares[role] for one in rounds), 3)
        each = median(one.usage.used_us[role] / max(len(one.report.bought), 1) for one in rounds)
        details[f"{role}: µs per order"] = round(each, 1)
    return details
