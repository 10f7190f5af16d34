"""Whole sales, each by one seed. ``SHOWDROP_SEED=… pytest`` plays one of them again."""

import os
from collections import Counter
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from tests.integration.inventory.simulated_sale import SimulatedSale

SEEDS = [int(os.environ["SHOWDROP_SEED"])] if "SHOWDROP_SEED" in os.environ else list(range(20))


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_sale_sells_every_unit_once_and_nobody_more_than_the_limit(seed: int, redis: Redis) -> None:
    print(f"play it again: SHOWDROP_SEED={seed}")  # noqa: T201 - shown when the test fails
    sale = SimulatedSale(redis, f"offer_{uuid4().hex}", seed)
    await sale.run()
    [counts] = await sale.holds.counts([sale.pool.pool_id])
    sold = [order for order in sale.ledger.orders.values() if order.status == "sold"]
    # I12: everybody who asked at the end asked in vain, because everything is sold.
    assert sum(order.quantity for order in sold) == sale.allocated, sale.seen
    # I1, I2: the book, Postgres and the holds one by one say the same.
    assert (counts.available, counts.held, counts.sold) == (0, 0, sale.allocated), sale.seen
    holds, _, _ = await sale.keys.look()
    assert sorted(hold.hold_id for hold in holds if hold.status == "sold") == sorted(order.hold_id for order in sold)
    assert not await sale.holds.holds_of([sale.pool.pool_id], sorted({hold.buyer_id for hold in holds}))
    # I9
    bought: Counter[str] = Counter()
    for order in sold:
        bought[order.buyer_id] += order.quantity
    over = {buyer_id: units for buyer_id, units in bought.items() if units > sale.limit}
    assert not over or sale.seen["late_sold"], (over, sale.seen)
    await sale.keys.forget()
