"""The row ``channels-lag``: from a sale until its call has left for a healthy channel."""

import math
import random
import time
from collections.abc import Sequence

import msgspec

from loadtests.bench.bench import Bench
from loadtests.bench.channel_limits import (
    CHANNEL_LAG_MOST_MS,
    CHANNEL_TIMEOUT_S,
    HOT_SKUS,
    HOT_UNITS,
    OFFER_EVERY_S,
    OFFER_SALES,
    OFFER_SHARE,
    QUIET_SALES_PER_S,
)
from loadtests.bench.hook_receiver import Arrival, HookReceiver
from loadtests.bench.result import OURS, RowResult
from loadtests.bench.usage import API, POSTGRES, Usage, usage_groups
from loadtests.errors import LoadError

_TOLD_EVERY_S = 10.0


class Sale(msgspec.Struct, frozen=True, kw_only=True):
    """A unit was sold; ``left`` units were there afterwards. ``at_ns`` is when the API was asked to record it."""

    sku: str
    left: int
    at_ns: int


def row_channels_lag(bench: Bench) -> list[RowResult]:
    """Sell in the rhythm of a show, and watch what a webhook is told.

    Raises:
        LoadError: the channel cannot be set up, or is never in step.
    """
    sizes, host = bench.sizes, bench.stand.host
    skus = bench.stand.stock_many(sizes.channel_skus)
    for sku in skus[:HOT_SKUS]:
        host.add_stock(sku, HOT_UNITS)
    receiver = HookReceiver()
    try:
        channel_id = host.connect_webhook(receiver.url)
        _wait_in_step(bench, channel_id)
        receiver.report()
        usage = Usage(usage_groups([], None))
        began = time.monotonic()
        sales = _sell(bench, skus)
        usage.end(time.monotonic() - began)
        _wait_in_step(bench, channel_id)
        arrivals = receiver.report()
    finally:
        receiver.stop()
    waits, lost = waits_ms(sales, arrivals)
    p99_ms = _share_of(waits, 0.99)
    doubts = [f"{lost:,} sales never reached the channel"] if lost else []
    if wrong := _wrong(sales, arrivals):
        doubts.append(f"{wrong:,} SKUs show something else in the end than there is")
    return [
        RowResult(
            row="channels-lag",
            what=f"p99 from a sale to its call at a webhook; {len(sales):,} sales of {len(skus):,} SKUs, in bursts",
            unit="ms",
            columns={OURS: p99_ms},
            limit=f"≤ {CHANNEL_LAG_MOST_MS:,.0f} ms",
            reached=p99_ms <= CHANNEL_LAG_MOST_MS,
            doubts=doubts,
            details={
                "p50, ms": round(_share_of(waits, 0.5), 1),
                "longest, ms": round(waits[-1] if waits else math.nan, 1),
                "calls": len(arrivals),
                "levels told": sum(len(levels) for _, levels in arrivals),
                "API and worker: share of a core": round(usage.shares[API], 3),
                "Postgres: share of a core": round(usage.shares[POSTGRES], 3),
                "others on this machine: share of a core": round(usage.others, 3),
            },
        )
    ]


def _sell(bench: Bench, skus: Sequence[str]) -> list[Sale]:
    chance = random.Random(7)  # noqa: S311 - the same sales every time
    sales: list[Sale] = []
    began = told_at = time.monotonic()
    opens_at = began + OFFER_EVERY_S / 2
    offers = 0
    while (now := time.monotonic()) < began + bench.sizes.channel_s:
        if now - told_at > _TOLD_EVERY_S:
            told_at = now
            bench.tell(f"channels-lag: {len(sales):,} sales after {now - began:.0f} s")
        if now >= opens_at:
            hot = skus[offers % HOT_SKUS]
            offers += 1
            opens_at += OFFER_EVERY_S
            wanted = [hot if chance.random() < OFFER_SHARE else chance.choice(skus) for _ in range(OFFER_SALES)]
            sales += [_sold(bench, sku) for sku in wanted]
        sales.append(_sold(bench, chance.choice(skus)))
        time.sleep(chance.expovariate(QUIET_SALES_PER_S))
    return sales


def _sold(bench: Bench, sku: str) -> Sale:
    at_ns = time.monotonic_ns()
    return Sale(sku=sku, left=bench.stand.host.sell(sku), at_ns=at_ns)


def _wait_in_step(bench: Bench, channel_id: str) -> None:
    gives_up_at = time.monotonic() + CHANNEL_TIMEOUT_S
    while (behind := bench.stand.host.behind(channel_id)) > 0:
        if time.monotonic() > gives_up_at:
            raise LoadError(f"the channel was not told {behind:,} levels within {CHANNEL_TIMEOUT_S:.0f} s")
        time.sleep(0.1)


def waits_ms(sales: Sequence[Sale], arrivals: Sequence[Arrival]) -> tuple[list[float], int]:
    """Return how long each sale took to arrive, in milliseconds, ascending, and how many never did. Pure.

    A sale has arrived with the first call that has its SKU with no more units than it left: a later sale of the same
    SKU tells of it too.

    Args:
        sales: of one unit each, in order; nothing is received meanwhile.
        arrivals: in order.
    """
    calls: dict[str, list[tuple[int, int]]] = {}
    for at_ns, levels in arrivals:
        for sku, units in levels.items():
            calls.setdefault(sku, []).append((at_ns, units))
    waits = []
    lost = 0
    for sale in sales:
        of_sku = calls.get(sale.sku, [])
        while of_sku and of_sku[0][1] > sale.left:
            of_sku.pop(0)
        if of_sku:
            waits.append((of_sku[0][0] - sale.at_ns) / 1e6)
        else:
            lost += 1
    return sorted(waits), lost


def _wrong(sales: Sequence[Sale], arrivals: Sequence[Arrival]) -> int:
    shown: dict[str, int] = {}
    for _, levels in arrivals:
        shown |= levels
    return sum(shown.get(sku) != left for sku, left in {sale.sku: sale.left for sale in sales}.items())


def _share_of(ascending: Sequence[float], share: float) -> float:
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)] if ascending else math.nan
