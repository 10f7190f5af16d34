"""``channels-converge``: every SKU changes at once, and nine channels at their documented limits are told.

Eight fakes of named channels and a webhook, each with its documented limit, on clocks that run ``CONVERGE_SPEED`` times
as fast: the fakes', Postgres's, and the worker's event loop's. What a worker could not know better is the least
possible: a call for every full batch of what changed, by the groups that may share one; two where the channel takes
differences and has to be read first, or is asked afterwards what came of it; and where only availability is known,
nothing but what sold out.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

import msgspec

from kit.errors import StartupError
from kit.postgres import Postgres
from live.bench.channel_children_http import Fakes, Hooks, open_fakes, open_hooks, open_worker
from live.bench.channel_limits import (
    CALLS_MOST_RATIO,
    CONVERGE_SPEED,
    CONVERGE_TIMEOUT_S,
    PROGRESS_EVERY_S,
    UNITS,
    VARIANTS,
    ChannelSizes,
)
from live.bench.channel_shop_pg import SECRET, ChannelShop
from live.bench.channel_worker import WorkerOrder
from live.bench.result import LimitResult

BY_SKU: Final = frozenset({"meta", "pinterest"})
"""Fakes whose items are called as the SKUs are."""

TWO_CALLS: Final = frozenset({"wechat", "line_myshop", "kakao", "shopify", "meta", "pinterest"})
"""A level takes two: four are read first, two are asked later."""

WEBHOOK: Final = "webhook"


class _Channel(msgspec.Struct, kw_only=True):
    """One of the nine.

    Attributes:
        least: calls that had to be made.
        calls: that were made.
        took_s: until it was in step, in seconds of its own clock.
        wrong: items that do not show what the ledger says.
    """

    kind: str
    channel_id: str
    least: int = 0
    calls: int = 0
    over_pace: int = 0
    took_s: float = 0.0
    wrong: int = 0


async def bench_converge(
    postgres: Postgres, database_url: str, folder: Path, sizes: ChannelSizes, tell: Callable[[str], None]
) -> LimitResult:
    """Let all SKUs change, and wait until all nine show it.

    Raises:
        StartupError: a child does not start, or the channels are not in step in time.
    """
    tell(f"nine channels with {sizes.skus:,} SKUs each ...")
    async with (
        open_fakes(folder, skus=sizes.skus, variants=VARIANTS, units=UNITS, speed=CONVERGE_SPEED) as fakes,
        open_hooks(folder, 1) as hooks,
    ):
        shop = ChannelShop(postgres, fakes.urls)
        await shop.fill(sizes.skus)
        channels = await _connect(shop, fakes, hooks)
        await shop.begin(CONVERGE_SPEED)
        order = WorkerOrder(
            database_url=database_url, secret=SECRET, base_urls=dict(fakes.urls), speed=float(CONVERGE_SPEED)
        )
        try:
            async with open_worker(folder, order):
                await led(shop)
                sold_out = await shop.sell_everywhere()
                ledger = await shop.ledger()
                async for one in _in_step(shop, channels, tell):
                    # At once: what is in step is soon read back by the check for drift, and these calls do not count.
                    shown = await _shown_by_webhook(one, hooks) if one.kind == WEBHOOK else await _shown(one, fakes)
                    can, right = await shop.capabilities(one.channel_id), ledger
                    if can.tells == "availability":
                        one.least = -(-sold_out // can.batch_size)
                        right = {sku: int(units > 0) for sku, units in ledger.items()}
                    one.least *= 2 if one.kind in TWO_CALLS else 1
                    one.wrong = sum(shown.get(sku) != right[sku] for sku in shop.skus)
        finally:
            await shop.end()
    return _result(channels, sizes)


async def led(shop: ChannelShop) -> None:
    """Wait until a worker leads, and has had the time to open its channels.

    Raises:
        StartupError: none does, in time.
    """
    async with asyncio.timeout(CONVERGE_TIMEOUT_S):
        while not await shop.is_led():  # noqa: ASYNC110 - another process takes it, and tells nobody
            await asyncio.sleep(0.1)
    await asyncio.sleep(1.0)


async def _connect(shop: ChannelShop, fakes: Fakes, hooks: Hooks) -> list[_Channel]:
    channels = []
    for kind in fakes.urls:
        state = await fakes.state(kind)
        items = {} if kind in BY_SKU else {sku: item_id for sku, item_id, _ in state.items}
        channel_id = await shop.connect(kind, state.settings, items)
        batch = (await shop.capabilities(channel_id)).batch_size
        tells = sum(-(-members // batch) for members in shop.groups(kind, items))
        channels.append(_Channel(kind=kind, channel_id=channel_id, least=tells))
    channel_id = await shop.connect(WEBHOOK, {"url": hooks.url(0)}, {})
    batch = (await shop.capabilities(channel_id)).batch_size
    channels.append(_Channel(kind=WEBHOOK, channel_id=channel_id, least=-(-len(shop.skus) // batch)))
    return channels


async def _in_step(shop: ChannelShop, channels: list[_Channel], tell: Callable[[str], None]) -> AsyncIterator[_Channel]:
    """Yield each channel when it is in step."""
    began = told_at = time.monotonic()
    total = len(channels) * len(shop.skus)
    left = list(channels)
    while left:
        behind = 0
        for one in list(left):
            levels = await shop.behind([one.channel_id])
            behind += levels
            if levels == 0:
                one.took_s = (time.monotonic() - began) * CONVERGE_SPEED
                left.remove(one)
                yield one
        now = time.monotonic()
        if now - told_at > PROGRESS_EVERY_S:
            told_at = now
            names = ", ".join(one.kind for one in left)
            tell(f"{total - behind:,} of {total:,} levels told after {now - began:.0f} s; not in step: {names}")
        if now - began > CONVERGE_TIMEOUT_S:
            raise StartupError(f"{behind:,} levels were not told within {CONVERGE_TIMEOUT_S:.0f} s")
        await asyncio.sleep(0.1)


async def _shown_by_webhook(one: _Channel, hooks: Hooks) -> dict[str, int]:
    shown: dict[str, int] = {}
    for _, levels in await hooks.arrivals(0):
        shown |= levels
    one.calls = await hooks.calls(0)
    return shown


async def _shown(one: _Channel, fakes: Fakes) -> dict[str, int]:
    state = await fakes.state(one.kind)
    one.calls = sum(calls for path, calls in state.calls.items() if not _is_of_other_work(path))
    one.over_pace = state.over_pace
    return {sku: units for sku, _, units in state.items}


def _result(channels: list[_Channel], sizes: ChannelSizes) -> LimitResult:
    details: dict[str, float | str] = {
        "clocks": f"{CONVERGE_SPEED} times as fast as the world's",
        "calls of all": sum(one.calls for one in channels),
        "least possible of all": sum(one.least for one in channels),
    }
    for one in channels:
        details[f"{one.kind}: calls"] = one.calls
        details[f"{one.kind}: least possible"] = one.least
        details[f"{one.kind}: too fast"] = one.over_pace
        details[f"{one.kind}: in step after, s of its clock"] = round(one.took_s)
    return LimitResult(
        name="channels-converge",
        what=f"{sizes.skus:,} SKUs change at once, nine channels: calls of the one that makes most, of the least",
        unit="x least",
        value=max(one.calls / one.least for one in channels),
        most=CALLS_MOST_RATIO,
        doubts=[f"{one.kind}: {one.wrong:,} items are not what the ledger says" for one in channels if one.wrong],
        details=details,
    )


def _is_of_other_work(path: str) -> bool:
    """Tell whether a call renews access or looks for orders, which goes on however many levels there are to tell."""
    return "token" in path or "order" in path
