"""A worker that dies between any two steps loses nothing and does nothing twice."""

import asyncio

import pytest

from tests.integration.checkout.checkout_shop import Shop, Worker
from tests.integration.checkout.fuse import Fuse

MOODS = ("pm_test_ok", "pm_test_no_auth", "pm_test_timeout", "pm_test_declined", "pm_test_slow")
UNITS = 2


async def _die_at(shop: Shop, step: int) -> bool:
    """Run a worker that dies at this step, then others that finish; return whether it came that far."""
    terms = await shop.pool(UNITS, show_id=f"show_{step}")
    # Two of each mood that brings money: some find no unit and get it back.
    for mood in MOODS:
        await shop.submitted(terms, mood, count=2 if mood in {"pm_test_ok", "pm_test_no_auth"} else 1)
    fuse = Fuse(step)
    worker = Worker(shop, fuse=fuse)
    before = asyncio.all_tasks()
    try:
        await worker.run()
        await shop.hurry()
        await worker.run()
    except asyncio.CancelledError:
        pass
    left = asyncio.all_tasks() - before
    if left:
        await asyncio.wait(left, timeout=10)
    await shop.finish()
    states = await shop.states(terms)
    assert states.get("captured") == UNITS, (step, states)
    assert states["declined"] == 1
    await shop.check_quiet(terms)
    return fuse.blown


@pytest.mark.timeout(300)
async def test_a_worker_that_dies_at_any_step_loses_nothing(shop: Shop) -> None:
    step = 1
    while await _die_at(shop, step):
        step += 1
    assert step > 60
