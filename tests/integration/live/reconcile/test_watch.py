"""The watch: drift is shown as long as it lasts, by one process at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from kit.metrics import new_registry
from kit.tasks import Tasks
from live.reconcile.drift import CHECKS
from live.reconcile.watch import ReconcileWatch
from tests.integration.live.reconcile.sold_shop import Shop


@pytest.fixture(autouse=True)
def looks_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look may take all of the watch's time: else a slow machine waits fifty looks for the next one."""
    monkeypatch.setattr("live.reconcile.watch.WATCH_SHARE_MOST", 1.0)


async def test_the_watch_shows_drift_as_long_as_it_lasts_and_logs_it_once(shop: Shop) -> None:
    with capture_logs() as said:
        async with watching(shop) as registry:
            await until(lambda: at_of(registry) > 0)
            assert drift_of(registry) == 0
            await shop.stores.redis.hincrby(f"{{{shop.pool_id}}}:pool", "available", -1)
            await until(lambda: drift_of(registry) == 1)
            compared = at_of(registry)
            await until(lambda: at_of(registry) > compared + 0.5)
            assert drift_of(registry) == 1
            await shop.stores.redis.hincrby(f"{{{shop.pool_id}}}:pool", "available", 1)
            await until(lambda: drift_of(registry) == 0)
    assert [one["event"] for one in said if one.get("part") == "reconcile"] == ["drift", "drift_is_over"]


async def test_one_watch_looks_at_a_time_and_another_takes_over(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("live.reconcile.watch.WATCH_STANDBY_S", 0.1)
    async with watching(shop) as first:
        await until(lambda: at_of(first) > 0)
        tasks, second = Tasks(), new_registry()
        tasks.forever("second", a_watch(shop, second).run)
        before = at_of(first)
        await until(lambda: at_of(first) > before + 0.5)
        assert at_of(second) == 0
    await until(lambda: at_of(second) > 0)
    await tasks.stop()


def a_watch(shop: Shop, registry: CollectorRegistry) -> ReconcileWatch:
    return ReconcileWatch(shop.stores, registry, every_s=0.05, in_flight_s=0.2, look_every_s=0.05)


@asynccontextmanager
async def watching(shop: Shop) -> AsyncIterator[CollectorRegistry]:
    """Run a watch that does not take half a minute."""
    registry, tasks = new_registry(), Tasks()
    tasks.forever("watch", a_watch(shop, registry).run)
    try:
        yield registry
    finally:
        await tasks.stop()


def drift_of(registry: CollectorRegistry) -> float:
    samples = [one for metric in registry.collect() for one in metric.samples if one.name == "showdrop_drift"]
    assert len(samples) == len(CHECKS)
    return sum(one.value for one in samples)


def at_of(registry: CollectorRegistry) -> float:
    """When the newest comparison ended."""
    return registry.get_sample_value("showdrop_reconcile_last_timestamp_seconds") or 0.0


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(45):
        while not so():
            await asyncio.sleep(0.02)
