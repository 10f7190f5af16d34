"""What the checkout's worker shows: what waits, what was done, and one purchase as a trace."""

import asyncio

from checkout.backlog_pg import STAGES, StageBacklog, read_waiting
from checkout.submit import CheckoutRequest, Submitter
from kit.metrics import new_registry
from tests.integration.checkout.checkout_shop import Shop, Worker


class Told:
    """Keeps spans."""

    on = True

    def __init__(self) -> None:
        self.spans: list[tuple[str, str, dict[str, str]]] = []

    def span(self, name: str, of: str, began_ns: int, **ids: str) -> None:
        assert began_ns > 0
        self.spans.append((name, of, ids))

    async def close(self) -> None:
        self.spans.clear()


async def test_what_waits_is_counted_by_stage_and_as_old_as_its_first(shop: Shop) -> None:
    terms, worker = await shop.pool(60), Worker(shop)
    await shop.submitted(terms, count=3)
    await shop.execute("UPDATE orders SET created_at_ms = created_at_ms - 60000")
    await shop.submitted(terms, count=2)
    waiting = await read_waiting(shop.postgres)
    assert waiting.stages["authorise"].orders == 5
    assert 60_000 <= waiting.stages["authorise"].lag_ms < 70_000
    await worker.authorise()
    await shop.execute("UPDATE orders SET updated_at_ms = updated_at_ms - 8000")
    waiting = await read_waiting(shop.postgres)
    assert waiting.stages["authorise"] == StageBacklog()
    assert waiting.stages["settle"].orders == 5
    assert 8_000 <= waiting.stages["settle"].lag_ms < 18_000
    await worker.settle()
    waiting = await read_waiting(shop.postgres)
    assert {stage: waiting.stages[stage].orders for stage in STAGES} == {
        "authorise": 0,
        "settle": 0,
        "capture": 5,
        "give_back": 0,
        "resolve": 5,
    }
    assert waiting.outbox == 5
    await shop.execute("UPDATE outbox SET created_at_ms = created_at_ms - 4000")
    assert 4_000 <= (await read_waiting(shop.postgres)).outbox_lag_ms < 14_000
    await shop.finish()
    waiting = await read_waiting(shop.postgres)
    assert (set(waiting.stages.values()), waiting.outbox, waiting.outbox_lag_ms) == ({StageBacklog()}, 0, 0)


async def test_a_purchase_is_told_from_checkout_to_the_end_of_its_hold_and_counted(shop: Shop) -> None:
    terms, told, registry = await shop.pool(5), Told(), new_registry()
    worker = shop.whole_worker(registry=registry, traces=told)
    submitter = Submitter(shop.holds, shop.orders, shop.providers, traces=told)
    hold = shop.holds.put(terms.pool_id, "ana")
    worker.start()
    try:
        order = await submitter.submit(
            CheckoutRequest(hold_id=hold.hold_id, buyer_id="ana", terms=terms, payment_method="pm_test_ok")
        )
        async with asyncio.timeout(10):
            while {name for name, _, _ in told.spans} < {"checkout", "authorise", "settle", "capture", "resolve"}:
                await asyncio.sleep(0.01)
    finally:
        await worker.stop()
        await submitter.close()
    for name, of, ids in told.spans:
        assert of == hold.hold_id, name
        assert (ids["order_id"], ids["offer_id"]) == (order.order_id, terms.pool_id), name
        assert name == "resolve" or ids["show_id"] == "show_1", name
    figure = registry.get_sample_value
    assert figure("showdrop_orders_settled_total", {"verdict": "confirmed"}) == 1
    assert figure("showdrop_orders_settled_total", {"verdict": "refused"}) == 0
    for batch in ("authorise", "settle", "capture", "resolve"):
        assert figure("showdrop_batch_size_sum", {"role": "worker", "batch": batch}) == 1, batch
    assert submitter.sizes["insert"].count == 1
