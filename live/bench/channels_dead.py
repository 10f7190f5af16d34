"""``channels-dead``: a channel is dead for an hour while the shop sells, and the others must not notice.

Half of the hour it hangs, half of it it answers 503. All clocks run ``DEAD_SPEED`` times as fast: Postgres's, and the
worker's event loop's. A wait begins before a sale is recorded and ends when a receiver, in a process of its own, has
read the call that holds the level after it. What the others have to wait without the dead channel is measured before
the hour and again after it.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from kit.errors import StartupError
from kit.postgres import Postgres
from live.bench.channel_children_http import Arrivals, Hooks, open_hooks, open_worker
from live.bench.channel_limits import (
    BURST,
    BURST_EVERY,
    CONVERGE_TIMEOUT_S,
    DEAD_SPEED,
    GROWTH_MOST_BYTES,
    HEALTHY,
    LAG_MOST_RATIO,
    LATE_GROWTH_MOST_BYTES,
    PROGRESS_EVERY_S,
    SALES_PER_S,
    TOLD_MOST,
    ChannelSizes,
)
from live.bench.channel_shop_pg import SECRET, ChannelShop
from live.bench.channel_worker import WorkerOrder
from live.bench.channels_converge import led
from live.bench.lag import Sale, lags_ms, percentile
from live.bench.resident import resident_bytes
from live.bench.result import LimitResult

DEAD = HEALTHY
"""The number of the receiver that dies; those below it live."""


class _Stand(msgspec.Struct, frozen=True, kw_only=True):
    """What the parts of a run share."""

    shop: ChannelShop
    hooks: Hooks
    channel_ids: list[str]
    worker: int
    sizes: ChannelSizes
    tell: Callable[[str], None]


class _Hour(msgspec.Struct, frozen=True, kw_only=True):
    """What came of selling for a while.

    Attributes:
        lags_ms: of the healthy channels, ascending.
        growth: the most bytes that the worker had above what it began with.
        late_growth: the same from half of the time on.
        lost: sales that a healthy channel was never told of.
    """

    lags_ms: list[float]
    growth: int
    late_growth: int
    lost: int


async def bench_dead(
    postgres: Postgres, database_url: str, folder: Path, sizes: ChannelSizes, tell: Callable[[str], None]
) -> list[LimitResult]:
    """Sell without the channel, with it dead, and without it again; then let it come back.

    Raises:
        StartupError: a child does not start, or a channel is not in step in time.
    """
    async with open_hooks(folder, HEALTHY + 1) as hooks:
        shop = ChannelShop(postgres, {})
        await shop.fill(sizes.dead_skus)
        channel_ids = [await shop.connect("webhook", {"url": hooks.url(number)}, {}) for number in range(HEALTHY + 1)]
        await shop.begin(DEAD_SPEED)
        order = WorkerOrder(database_url=database_url, secret=SECRET, base_urls={}, speed=float(DEAD_SPEED))
        try:
            async with open_worker(folder, order) as worker:
                await led(shop)
                stand = _Stand(shop=shop, hooks=hooks, channel_ids=channel_ids, worker=worker, sizes=sizes, tell=tell)
                return await _measure(stand)
        finally:
            await shop.end()


async def _measure(stand: _Stand) -> list[LimitResult]:
    dead_id = stand.channel_ids[DEAD]
    await stand.shop.channels.pause(dead_id)
    before = await _sell(stand, stand.sizes.around_s, "without it")
    await stand.hooks.mode(DEAD, "hang")
    await stand.shop.channels.resume(dead_id)
    hour = await _sell(stand, stand.sizes.outage_s, "with a dead channel")
    calls = await stand.hooks.calls(DEAD)
    missed = await stand.shop.behind([dead_id])
    await stand.hooks.arrivals(DEAD)
    await stand.hooks.mode(DEAD, "fine")
    recovered_at = time.monotonic()
    await _in_step(stand)
    took_s = (time.monotonic() - recovered_at) * DEAD_SPEED
    told = await stand.hooks.arrivals(DEAD)
    wrong = await _wrong(stand.shop, told)
    await stand.shop.channels.pause(dead_id)
    after = await _sell(stand, stand.sizes.around_s, "without it again")
    each = Counter(sku for _, levels in told for sku in levels)
    return [
        _lag(before, hour, after, calls),
        _memory(before, hour, after),
        LimitResult(
            name="channels-dead-told",
            what=f"the same: levels of one SKU that it is told when it is back, {missed:,} SKUs having changed",
            unit="levels",
            value=float(max(each.values(), default=0)),
            most=float(TOLD_MOST),
            doubts=[f"{wrong:,} SKUs are not what the ledger says"] if wrong else [],
            details={
                "SKUs that changed": missed,
                "SKUs told": len(each),
                "calls": len(told),
                "in step after, s of its clock": round(took_s, 1),
            },
        ),
    ]


def _lag(before: _Hour, hour: _Hour, after: _Hour, calls: int) -> LimitResult:
    without = sorted(before.lags_ms + after.lags_ms)
    without_ms, with_ms = percentile(without, 0.99), percentile(hour.lags_ms, 0.99)
    return LimitResult(
        name="channels-dead",
        what="p99 lag of the others with a channel that is dead for an hour, against without",
        unit="x without",
        value=with_ms / without_ms,
        most=LAG_MOST_RATIO,
        doubts=[f"{one.lost:,} sales never reached a healthy channel" for one in (before, hour, after) if one.lost],
        details={
            "clocks": f"{DEAD_SPEED} times as fast as the world's",
            "sales of the hour": len(hour.lags_ms) // HEALTHY,
            "without: p50, ms of the world": round(percentile(without, 0.5), 1),
            "without: p99, ms of the world": round(without_ms, 1),
            "before it: p99, ms of the world": round(percentile(before.lags_ms, 0.99), 1),
            "after it: p99, ms of the world": round(percentile(after.lags_ms, 0.99), 1),
            "with: p50, ms of the world": round(percentile(hour.lags_ms, 0.5), 1),
            "with: p99, ms of the world": round(with_ms, 1),
            "calls to the dead channel in the hour": calls,
        },
    )


def _memory(before: _Hour, hour: _Hour, after: _Hour) -> LimitResult:
    return LimitResult(
        name="channels-dead-memory",
        what="the same: growth of the worker's process in that hour",
        unit="MiB",
        value=hour.growth / 1024**2,
        most=GROWTH_MOST_BYTES / 1024**2,
        doubts=["it still grew in the second half"] if hour.late_growth > LATE_GROWTH_MOST_BYTES else [],
        details={
            "in its second half, MiB": round(hour.late_growth / 1024**2, 2),
            "before it: growth, MiB": round(before.growth / 1024**2, 2),
            "after it: growth, MiB": round(after.growth / 1024**2, 2),
        },
    )


async def _sell(stand: _Stand, clock_s: float, how: str) -> _Hour:
    """Sell for ``clock_s`` seconds of the faster clock, with bursts; the dead channel's way of being dead changes."""
    chance = random.Random(clock_s)  # noqa: S311 - the same sales every time
    began = told_at = time.monotonic()
    took_s = clock_s / DEAD_SPEED
    sales: list[Sale] = []
    at_first = resident_bytes(stand.worker)
    growth = late_growth = in_the_middle = 0
    while (now := time.monotonic()) < began + took_s:
        if now - told_at > PROGRESS_EVERY_S:
            told_at = now
            stand.tell(f"{how}: {len(sales):,} sales in {(now - began) * DEAD_SPEED / 60:.0f} minutes of its clock")
        if not in_the_middle and now > began + took_s / 2:
            in_the_middle = resident_bytes(stand.worker)
            if await _is_dead(stand):
                await stand.hooks.mode(DEAD, "fail")
        in_burst = len(sales) % BURST_EVERY < BURST
        sku = stand.shop.skus[0] if in_burst and chance.random() < 0.5 else chance.choice(stand.shop.skus)
        at_ns = time.monotonic_ns()
        sales.append(Sale(sku=sku, left=await stand.shop.sell(sku), at_ns=at_ns))
        resident = resident_bytes(stand.worker)
        growth = max(growth, resident - at_first)
        late_growth = max(late_growth, resident - in_the_middle if in_the_middle else 0)
        if not in_burst:
            await asyncio.sleep(max(0.0, 1 / SALES_PER_S - (time.monotonic() - now)))
    await _in_step(stand, stand.channel_ids[:HEALTHY])
    found = [lags_ms(sales, await stand.hooks.arrivals(number)) for number in range(HEALTHY)]
    waits = sorted(lag for lags, _ in found for lag in lags)
    return _Hour(lags_ms=waits, growth=growth, late_growth=late_growth, lost=sum(lost for _, lost in found))


async def _is_dead(stand: _Stand) -> bool:
    return stand.channel_ids[DEAD] in await stand.shop.channels.active()


async def _in_step(stand: _Stand, channel_ids: Sequence[str] | None = None) -> None:
    gives_up_at = time.monotonic() + CONVERGE_TIMEOUT_S / DEAD_SPEED * 10
    while left := await stand.shop.behind(channel_ids or stand.channel_ids):
        if time.monotonic() > gives_up_at:
            raise StartupError(f"{left:,} levels were not told in time")
        await asyncio.sleep(0.02)


async def _wrong(shop: ChannelShop, told: Arrivals) -> int:
    ledger = await shop.ledger()
    shown: dict[str, int] = {}
    for _, levels in told:
        shown |= levels
    return sum(ledger[sku] != units for sku, units in shown.items())
