"""The whole worker as it runs in production: loops, wake-ups, LISTEN."""

import asyncio
import time

from tests.integration.checkout.checkout_shop import Shop


async def until_told(shop: Shop, events: int, *, within_s: float = 20) -> None:
    async with asyncio.timeout(within_s):
        while len(shop.told) < events:
            await asyncio.sleep(0.005)


async def test_two_workers_bring_every_order_to_its_end(shop: Shop) -> None:
    terms = await shop.pool(60)
    workers = [shop.whole_worker(), shop.whole_worker()]
    for worker in workers:
        worker.start()
    try:
        await asyncio.gather(
            shop.submitted(terms, count=50),
            shop.submitted(terms, "pm_test_no_auth", count=30),
            shop.submitted(terms, "pm_test_timeout", count=10),
            shop.submitted(terms, "pm_test_declined", count=10),
        )
        async with asyncio.timeout(30):
            while await shop.value(
                "SELECT count(*) FROM orders WHERE state NOT IN ('captured', 'unfulfillable', 'declined')"
                " OR payment_open OR NOT hold_resolved OR authorised > refunded AND state <> 'captured'"
            ):
                await asyncio.sleep(0.05)
    finally:
        for worker in workers:
            await worker.stop()
    await shop.finish()
    assert await shop.states(terms) == {"captured": 60, "unfulfillable": 30, "declined": 10}
    await shop.check_quiet(terms)


async def test_an_idle_worker_is_woken_by_a_new_order(shop: Shop) -> None:
    terms = await shop.pool(60)
    worker = shop.whole_worker()
    worker.start()
    try:
        await asyncio.sleep(0.7)
        waits = []
        for number in range(1, 6):
            began = time.monotonic()
            await shop.submitted(terms)
            await until_told(shop, number)
            waits.append(time.monotonic() - began)
            await asyncio.sleep(0.05)
    finally:
        await worker.stop()
    # A poll alone would take half its period and more, for each of the stages.
    assert sorted(waits)[2] < 0.25
