"""Exports: byte for byte what Python's own CSV writer makes of the same rows, and a connection that stays whole."""

import asyncio
import csv
import io
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import TypedDict

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checkout.exports_pg import Exports, ExportsBusyError, ExportTooSlowError
from checkout.lines_pg import Lines, OrderLine
from checkout.order import OrderState, OrderView, view
from kit.errors import UnavailableError
from kit.postgres import Postgres
from live.api.csv_answers import csv_rows, safe_cell
from tests.integration.checkout.checkout_shop import Shop

ORDER_COLUMNS = (
    *("order_id", "hold_id", "offer_id", "show_id", "buyer_id", "sku", "quantity", "amount", "currency", "refunded"),
    *("state", "reason", "payment_method", "created_at_ms", "created_at", "confirmed_at_ms", "returned_quantity"),
)
LINE_COLUMNS = (
    *("order_id", "line", "show_id", "offer_id", "buyer_id", "sku", "title", "quantity", "unit_price", "amount"),
    *("currency", "refunded_quantity", "refunded", "state", "confirmed_at_ms"),
)
LONG = 100_000


class Filters(TypedDict, total=False):
    show_id: str
    state: OrderState
    limit: int
    after: str


odd = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
    st.text(alphabet="=+-@\t\r\n\",'\\. aé😀", max_size=8),
    st.sampled_from(["", "'", "\\.", "=1+1", '"', '""', "a\r\nb", "\n", ",", "NULL", "$1", "x" * LONG, '="\n' * 999]),
)


def orders_as_python_writes(orders: list[OrderView]) -> bytes:
    return csv_rows(
        [
            ORDER_COLUMNS,
            *(
                (
                    *(one.order_id, one.hold_id, one.offer_id, one.show_id, safe_cell(one.buyer_id)),
                    *(safe_cell(one.sku), one.quantity, one.amount.amount, one.amount.currency, one.refunded.amount),
                    *(one.state, safe_cell(one.reason or ""), safe_cell(one.payment_method), one.created_at_ms),
                    datetime.fromtimestamp(one.created_at_ms / 1000, UTC).isoformat(timespec="milliseconds"),
                    "" if one.confirmed_at_ms is None else one.confirmed_at_ms,
                    one.returned_quantity,
                )
                for one in orders
            ),
        ]
    )


def lines_as_python_writes(lines: list[OrderLine]) -> bytes:
    return csv_rows(
        [
            LINE_COLUMNS,
            *(
                (
                    *(one.order_id, one.line, one.show_id, one.offer_id, safe_cell(one.buyer_id), safe_cell(one.sku)),
                    *(safe_cell(one.title), one.quantity, one.unit_price.amount, one.amount.amount),
                    *(one.amount.currency, one.refunded_quantity, one.refunded.amount, one.state),
                    "" if one.confirmed_at_ms is None else one.confirmed_at_ms,
                )
                for one in lines
            ),
        ]
    )


async def whole(stream: AsyncGenerator[bytes, None]) -> bytes:
    return b"".join([piece async for piece in stream])


async def insert(postgres: Postgres, rows: list[tuple[str, str, str, str | None, str, int]]) -> None:
    """Write orders of odd texts, past everything that would refuse them, with an offer of an odd title each."""
    async with postgres.transaction() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("TRUNCATE orders, offers CASCADE")
        await connection.executemany(
            "INSERT INTO orders (order_id, hold_id, pool_id, show_id, buyer_id, sku, quantity, amount, currency,"
            " payment_method, provider, reason, created_at_ms, confirmed_at_ms)"
            " VALUES ($1, $1, $1, 'show_1', $2, $3, 2, 2000, 'EUR', $4, 'test', $5, $6, $7)",
            [
                (f"order_{number:04}", buyer, sku, method, reason, at_ms, at_ms if number % 2 else None)
                for number, (buyer, sku, method, reason, _, at_ms) in enumerate(rows)
            ],
        )
        await connection.executemany(
            "INSERT INTO offers (offer_id, show_id, product_id, title, price_amount, price_currency, state)"
            " VALUES ($1, 'show_1', '', $2, 1, 'EUR', 'open')",
            [(f"order_{number:04}", row[4]) for number, row in enumerate(rows) if number % 3],
        )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(rows=st.lists(st.tuples(odd, odd, odd, st.none() | odd, odd, st.integers(1, 2**42)), max_size=6))
async def test_postgres_writes_what_python_writes_of_the_same_rows(
    postgres: Postgres, shop: Shop, rows: list[tuple[str, str, str, str | None, str, int]]
) -> None:
    await insert(postgres, rows)
    exports = Exports(postgres)
    orders, _ = await shop.orders.page(limit=100)
    lines, _ = await Lines(postgres).page(limit=100)
    assert len(orders) == len(lines) == len(rows)
    assert await whole(exports.orders()) == orders_as_python_writes([view(one) for one in orders])
    assert await whole(exports.lines()) == lines_as_python_writes(lines)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(text=odd)
async def test_a_filter_is_a_value_whatever_it_says(postgres: Postgres, text: str) -> None:
    await insert(postgres, [("buyer", "sku", "m", None, "t", 1), (text, text, "m", None, "t", 2)])
    exports = Exports(postgres)
    for injected in (text, f"'; DROP TABLE orders; --{text}", f"\\' OR 1=1 --{text}", f"$1{text}$2"):
        file = await whole(exports.orders(buyer_id=injected, show_id="show_1"))
        rows = list(csv.reader(io.StringIO(file.decode(), newline="")))[1:]
        assert [row[0] for row in rows] == (["order_0001"] if injected == text else [])
    theirs = await whole(exports.lines(sku=text))
    assert len(list(csv.reader(io.StringIO(theirs.decode(), newline="")))) == 2


async def test_filters_and_pages_are_those_of_the_json_list(shop: Shop) -> None:
    terms = await shop.pool(50)
    ours = await shop.submitted(terms, count=7)
    await shop.submitted(await shop.pool(5, show_id="show_2"), count=2)
    exports, lines = Exports(shop.postgres), Lines(shop.postgres)
    cases: list[Filters] = [
        {"show_id": "show_1"},
        {"state": "captured"},
        {"show_id": "show_1", "limit": 3},
        {"show_id": "show_1", "after": ours[3].order_id, "limit": 2},
    ]
    for filters in cases:
        orders, _ = await shop.orders.page(**filters)
        assert await whole(exports.orders(**filters)) == orders_as_python_writes([view(one) for one in orders])
        found, _ = await lines.page(**filters)
        assert await whole(exports.lines(**filters)) == lines_as_python_writes(found)
    mine, _ = await shop.orders.page(buyer_id=ours[0].buyer_id)
    assert await whole(exports.orders(buyer_id=ours[0].buyer_id)) == orders_as_python_writes([view(mine[0])])
    found, _ = await lines.page(sku=terms.sku)
    assert [one.order_id for one in found] == sorted((one.order_id for one in ours), reverse=True)


async def filled(postgres: Postgres, orders: int) -> None:
    """Write so many orders that no buffer on the way holds them all: about 1.2 KB each."""
    async with postgres.transaction() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            "INSERT INTO orders (order_id, hold_id, pool_id, show_id, buyer_id, sku, quantity, amount, currency,"
            " payment_method, provider) SELECT 'order_' || n, 'hold_' || n, 'pool', 'show_1', repeat('b', 1000),"
            " 'sku', 1, 1, 'EUR', 'm', 'test' FROM generate_series(1, $1::integer) AS n",
            orders,
        )


@pytest.fixture
async def single(database_url: str) -> AsyncGenerator[Postgres, None]:
    """A pool of one connection: whoever keeps or spoils it is noticed by the next."""
    pool = await Postgres.connect(database_url, max_size=1)
    yield pool
    await pool.close()


async def pid(postgres: Postgres) -> int:
    async with asyncio.timeout(5), postgres.connection() as connection:
        backend: int = await connection.fetchval("SELECT pg_backend_pid()")
        return backend


async def test_a_reader_who_leaves_gives_the_same_connection_back_whole(single: Postgres) -> None:
    await filled(single, 20_000)
    exports, before = Exports(single), await pid(single)
    for number in range(40):
        stream = exports.orders()
        for _ in range(1 + number % 6):
            await anext(stream)
        await stream.aclose()
        assert await pid(single) == before
    assert (await whole(exports.orders())).count(b"\r\n") == 20_001


async def test_a_reader_who_is_cut_off_while_it_waits_leaves_no_copy_behind(single: Postgres) -> None:
    await filled(single, 20_000)
    exports, before = Exports(single), await pid(single)
    for delay_s in (0.0, 0.001, 0.01, 0.03):
        reading = asyncio.create_task(whole(exports.orders()))
        await asyncio.sleep(delay_s)
        reading.cancel()
        await asyncio.wait((reading,))
        assert await pid(single) == before


async def test_memory_ahead_of_a_reader_who_sleeps_is_bounded(single: Postgres) -> None:
    await filled(single, 20_000)
    stream = Exports(single).orders()
    first = await anext(stream)
    await asyncio.sleep(0.2)
    second = await anext(stream)
    # All of it is 20 MB. What is handed over is the bound and at most one more read of the driver.
    assert max(len(first), len(second)) < 2_000_000
    await stream.aclose()


async def test_an_export_that_takes_too_long_breaks_off_and_frees_its_connection(single: Postgres) -> None:
    await filled(single, 20_000)
    stream = Exports(single, most_s=0.3).orders()
    await anext(stream)
    await asyncio.sleep(0.5)
    # Its reader is still there and has read nothing more, yet Postgres is free again.
    assert await pid(single) > 0
    with pytest.raises(ExportTooSlowError):
        await whole(stream)


async def test_more_exports_than_may_be_are_refused_before_they_begin(postgres: Postgres) -> None:
    await filled(postgres, 20_000)
    exports = Exports(postgres, at_once=2)
    first, second = exports.orders(), exports.lines()
    await anext(first)
    await anext(second)
    with pytest.raises(ExportsBusyError) as refused:
        await anext(exports.orders())
    assert refused.value.temporary
    await first.aclose()
    assert (await whole(exports.orders())).count(b"\r\n") == 20_001
    await second.aclose()


async def test_an_export_whose_server_is_lost_does_not_end_as_if_it_were_whole(
    postgres: Postgres, single: Postgres
) -> None:
    await filled(postgres, 20_000)
    stream = Exports(single).orders()
    await anext(stream)
    async with postgres.connection() as connection:
        await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
            " AND query LIKE 'COPY (%' AND pid <> pg_backend_pid()"
        )
    with pytest.raises(UnavailableError):
        await whole(stream)
    assert await pid(single) > 0


async def test_an_export_shows_one_moment(postgres: Postgres, shop: Shop) -> None:
    await filled(postgres, 20_000)
    stream = Exports(postgres).orders()
    first = await anext(stream)
    await shop.execute("DELETE FROM orders")
    assert (first + await whole(stream)).count(b"\r\n") == 20_001
