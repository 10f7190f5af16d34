"""Lists of a table that has grown: what is rare is found by an index, however often it is asked for."""

from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest

from checkout.lines_pg import Lines
from checkout.orders_pg import Orders
from kit.postgres import Postgres
from tests.integration.checkout.checkout_shop import Shop

OTHERS = 20_000
OFFERS = 100
READ_MOST = 500
"""Rows of the table that a call may read: the answer has at most 40."""


@pytest.fixture
async def single(database_url: str) -> AsyncGenerator[Postgres, None]:
    """A pool of one connection, whose plans and counters are ours."""
    pool = await Postgres.connect(database_url, max_size=1)
    yield pool
    await pool.close()


async def read_of_orders(postgres: Postgres) -> int:
    """Return how many rows of the table were read until now."""
    async with postgres.connection() as connection:
        await connection.execute("SELECT pg_stat_force_next_flush()")
        return int(
            await connection.fetchval(
                "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_user_tables WHERE relname = 'orders'"
            )
        )


async def grown(shop: Shop) -> None:
    """Write the orders of other offers in other shows, all of them newer."""
    terms = [await shop.pool(5, show_id=f"show_{number}") for number in range(100, 100 + OFFERS)]
    async with shop.postgres.transaction() as connection:
        await connection.execute(
            "INSERT INTO orders (order_id, hold_id, pool_id, show_id, buyer_id, sku, quantity, amount, currency,"
            " payment_method, provider, state, hold_outcome, hold_resolved)"
            " SELECT 'order_Z' || lpad(n::text, 8, '0'), 'hold_' || n, pool_id, show_id, 'buyer_' || n, sku, 1, 1,"
            " 'EUR', 'm', 'test', 'captured', 'sold', true"
            " FROM generate_series(1, $1::bigint) AS n"
            " JOIN unnest($2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS given (pool_id, show_id, sku, place)"
            " ON place = 1 + n % cardinality($2::text[])",
            OTHERS,
            [one.pool_id for one in terms],
            [one.show_id for one in terms],
            [one.sku for one in terms],
        )
    await shop.execute("ANALYZE orders")


async def test_a_rare_sku_and_a_rare_state_are_found_by_an_index_each_time(shop: Shop, single: Postgres) -> None:
    ours = await shop.pool(50)
    declined = await shop.submitted(ours, count=30)
    await shop.execute("UPDATE orders SET state = 'declined', hold_outcome = 'released', hold_resolved = true")
    await grown(shop)
    orders, lines = Orders(single), Lines(single)
    newest_first = sorted((order.order_id for order in declined), reverse=True)

    async def of_state() -> list[str]:
        return [one.order_id for one in (await orders.page(state="declined"))[0]]

    async def of_sku() -> list[str]:
        return [one.order_id for one in (await lines.page(sku=ours.sku))[0]]

    async def of_sku_and_show() -> list[str]:
        return [one.order_id for one in (await lines.page(sku=ours.sku, show_id="show_1"))[0]]

    calls: list[Callable[[], Awaitable[list[str]]]] = [of_state, of_sku, of_sku_and_show]
    for call in calls:
        for _ in range(8):  # from the sixth on, Postgres may use a plan that was made for any filter
            before = await read_of_orders(single)
            assert await call() == newest_first, call.__name__
            assert await read_of_orders(single) - before <= READ_MOST, call.__name__
    nothing, after = await lines.page(sku="never-sold")
    assert (nothing, after) == ([], None)


async def test_lines_of_a_sku_from_several_offers_come_newest_first_in_pages(shop: Shop) -> None:
    first = await shop.pool(50)
    second = await shop.pool(50, show_id="show_2")
    await shop.execute("UPDATE pools SET sku = $1 WHERE pool_id = $2", first.sku, second.pool_id)
    made = [order.order_id for _ in range(3) for terms in (first, second) for order in await shop.submitted(terms)]
    await shop.submitted(await shop.pool(50), count=2)
    lines = Lines(shop.postgres)

    seen: list[str] = []
    after = None
    while True:
        items, after = await lines.page(sku=first.sku, limit=4, after=after)
        seen += [one.order_id for one in items]
        if after is None:
            break
    assert seen == sorted(made, reverse=True)
    of_show, _ = await lines.page(sku=first.sku, show_id="show_2")
    assert [one.order_id for one in of_show] == sorted(made[1::2], reverse=True)
    assert await lines.page(sku=first.sku, show_id="show_2", state="captured") == ([], None)
