"""``settle``: up to 500 orders per transaction, beside one order per transaction, all of one hot pool.

Every commit is on disk before it counts: a server that is set to anything less is refused.
"""

import time
from pathlib import Path

from checkout.judge import first_come
from checkout.limits import INSERT_MAX_ORDERS, SETTLE_MAX_ORDERS
from checkout.order import NewOrder, SaleTerms
from checkout.orders_pg import Orders
from checkout.settle_pg import Settlement
from inventory.hold_ids import new_hold_id
from inventory.stock import allocate, receive
from inventory.stock_pg import record_movements
from kit.ids import new_id
from kit.money import Money
from kit.postgres import Postgres
from kit.sql import Queries
from live.bench.limits import LEAST_TIMES_ALONE_SETTLED, ORDERS, ORDERS_ALONE, ROUNDS, SETTLED_LEAST_PER_S
from live.bench.result import Measured, RateResult

_sql = Queries(Path(__file__).parent / "sql" / "bench.sql")


async def bench_settle(postgres: Postgres) -> RateResult:
    """Measure both ways, each order of another buyer; the database has to be a throw-away one.

    Raises:
        RuntimeError: the server does not write every commit to disk, or a round settled something else.
    """
    await _require_durable(postgres)
    alone = [await _round(postgres, ORDERS_ALONE, 1) for _ in range(ROUNDS)]
    batched = [await _round(postgres, ORDERS, SETTLE_MAX_ORDERS) for _ in range(ROUNDS)]
    return RateResult(
        name="settle",
        unit="orders",
        floor=Measured(way="one order per transaction, durable", items=ORDERS_ALONE, seconds=min(alone)),
        ours=Measured(way=f"up to {SETTLE_MAX_ORDERS} orders per transaction", items=ORDERS, seconds=min(batched)),
        least_ratio=LEAST_TIMES_ALONE_SETTLED,
        least_per_s=SETTLED_LEAST_PER_S,
    )


async def postgres_version(postgres: Postgres) -> str:
    """Return the version of the server."""
    async with postgres.connection() as connection:
        return str(await connection.fetchval("SHOW server_version"))


async def _require_durable(postgres: Postgres) -> None:
    async with postgres.connection() as connection:
        found = {row["name"]: row["setting"] for row in await connection.fetch(_sql.durability)}
    if set(found.values()) != {"on"}:
        raise RuntimeError(f"commits are not all on disk: {found}")


async def _round(postgres: Postgres, orders: int, per_transaction: int) -> float:
    """Settle ``orders`` authorised orders; return the seconds it took."""
    pool_id = await _authorised_orders(postgres, orders)
    settlement = Settlement(postgres)
    started_s = time.perf_counter()
    settled = 0
    while settled < orders:
        done = (await settlement.settle_due(first_come, limit=per_transaction)).orders
        if not done:
            break
        settled += done
    seconds = time.perf_counter() - started_s
    async with postgres.connection() as connection:
        sold = await connection.fetchval(_sql.sold, pool_id)
    if (settled, sold) != (orders, orders):
        raise RuntimeError(f"{settled} of {orders} orders were settled and {sold} units sold")
    return seconds


async def _authorised_orders(postgres: Postgres, count: int) -> str:
    sku, product_id, pool_id = new_id("sku"), new_id("prod"), new_id("offer")
    async with postgres.transaction() as connection:
        await connection.execute(_sql.product, product_id)
        await connection.execute(_sql.variant, sku, product_id)
        await connection.execute(_sql.stock, sku)
        await record_movements(connection, [receive(sku, count, key=f"receive:{sku}", reason="benchmark")])
        await connection.execute(_sql.pool, pool_id, sku, count)
        await record_movements(connection, [allocate(sku, count, pool_id=pool_id)])
    terms = SaleTerms(pool_id=pool_id, show_id=new_id("show"), sku=sku, unit_price=Money(1_000, "EUR"))
    orders = Orders(postgres)
    for at in range(0, count, INSERT_MAX_ORDERS):
        size = min(INSERT_MAX_ORDERS, count - at)
        await orders.insert_many([_order(terms) for _ in range(size)])
    async with postgres.connection() as connection:
        await connection.execute(_sql.authorise_all, pool_id)
        await connection.execute(_sql.tidy)
    return pool_id


def _order(terms: SaleTerms) -> NewOrder:
    return NewOrder(
        order_id=new_id("order"),
        hold_id=new_hold_id(1),
        buyer_id=new_id("buyer"),
        quantity=1,
        terms=terms,
        payment_method="pm_test_ok",
        provider="test",
    )
