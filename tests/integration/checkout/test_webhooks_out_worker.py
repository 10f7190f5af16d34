"""The loops of webhooks out, together."""

import asyncio

from prometheus_client import CollectorRegistry
from starlette.responses import Response

from checkout.webhooks.backlog_pg import Backlog, read_backlog
from checkout.webhooks.metrics import HookMetrics
from checkout.webhooks.worker import HookWorker
from kit.metrics import new_registry
from tests.integration.checkout.checkout_shop import SECRET, Shop
from tests.integration.checkout.hook_house import House, receiving


async def test_news_reach_a_merchant_through_two_workers_once_each_and_stop_when_told(shop: Shop) -> None:
    house = House(shop)
    workers = [HookWorker(shop.postgres, SECRET, house.addresses, registry=new_registry()) for _ in range(2)]
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


def figure(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"showdrop_webhook_{name}", labels)


async def test_how_tries_end_is_counted(shop: Shop) -> None:
    house, registry = House(shop), new_registry()
    worker = HookWorker(shop.postgres, SECRET, house.addresses, registry=registry)
    assert figure(registry, "tries_total", result="timeout") == 0
    async with receiving() as receiver:
        receiver.answers = [Response(status_code=500), Response(status_code=204), Response(status_code=410)]
        made = await house.subscribe(receiver.url)
        await house.queued(3)
        worker.start()
        async with asyncio.timeout(10):
            while {one.state for one in await house.deliveries(made)} != {"pending", "delivered", "failed"}:
                await asyncio.sleep(0.05)
        await worker.stop()
    results = {result: figure(registry, "tries_total", result=result) for result in ("delivered", "status", "gone")}
    assert results == {"delivered": 1, "status": 1, "gone": 1}
    ends = {end: figure(registry, "deliveries_total", result=end) for end in ("delivered", "failed")}
    assert ends == {"delivered": 1, "failed": 1}


async def test_what_waits_is_shown(shop: Shop) -> None:
    house, registry = House(shop), new_registry()
    assert await read_backlog(shop.postgres) == Backlog(news_lag_ms=0, due=0)
    made = await house.subscribe("http://127.0.0.1:9/hooks")
    gone = await house.subscribe("http://127.0.0.1:9/gone")
    await house.queued(3)
    await shop.execute(
        "UPDATE webhook_endpoints SET enabled = false, disabled_reason = 'gone' WHERE endpoint_id = $1",
        gone.endpoint.endpoint_id,
    )
    await shop.execute(
        "UPDATE webhook_deliveries SET due_at_ms = now_ms() + 60000 WHERE delivery_id ="
        " (SELECT min(delivery_id) FROM webhook_deliveries WHERE endpoint_id = $1)",
        made.endpoint.endpoint_id,
    )
    await house.news(2)
    await shop.execute("UPDATE outbox SET created_at_ms = created_at_ms - 60000 WHERE NOT hooked")
    waiting = await read_backlog(shop.postgres)
    assert waiting.due == 2
    assert 60_000 <= waiting.news_lag_ms < 120_000

    HookMetrics(registry).show(waiting)
    assert figure(registry, "due_deliveries") == 2
    assert (figure(registry, "news_lag_seconds") or 0) >= 60
