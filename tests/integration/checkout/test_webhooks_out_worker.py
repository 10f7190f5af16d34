"""The loops of webhooks out, together."""

import asyncio

from checkout.webhooks.worker import HookWorker
from tests.integration.checkout.checkout_shop import SECRET, Shop
from tests.integration.checkout.hook_house import House, receiving


async def test_news_reach_a_merchant_through_two_workers_once_each_and_stop_when_told(shop: Shop) -> None:
    house = House(shop)
    workers = [HookWorker(shop.postgres, SECRET, house.addresses) for _ in range(2)]
    async with receiving() as receiver:
        made = await house.subscribe(receiver.url)
        for worker in workers:
            worker.start()
        await house.news(50)
        for worker in workers:
            worker.wake()
        await receiver.has(50)
        async with asyncio.timeout(10):
            while {one.state for one in await house.deliveries(made)} != {"delivered"}:
                await asyncio.sleep(0.05)
        for worker in workers:
            await worker.stop()
        await house.queued()
        await asyncio.sleep(0.7)  # longer than a loop that still ran would take
        assert len({call.message_id for call in receiver.calls}) == len(receiver.calls) == 50
