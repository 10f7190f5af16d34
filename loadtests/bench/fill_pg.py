"""Fills the database of a stand with the orders of years, so that growth can be measured.

There is no other way in: over the API it would take an hour. The rows obey every constraint of the tables, and the
ledger, the pools and the orders agree.
"""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final, LiteralString, cast

import psycopg

from loadtests.bench.paid_limits import FILL_SLICE_ORDERS, FILL_TASKS
from loadtests.errors import LoadError

ORDERS_OF_POOL: Final = 1_000
ORDERS_OF_SHOW: Final = 10_000

_NAME: Final = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_Range = tuple[int, int]


def _blocks(text: str) -> dict[str, LiteralString]:
    """Return the named blocks of an SQL file of ours; it is as literal as a string in this file would be."""
    _, *parts = _NAME.split(text)
    return {name: cast(LiteralString, block) for name, block in zip(parts[::2], parts[1::2], strict=True)}


_sql: Final = _blocks((Path(__file__).parent / "sql" / "fill.sql").read_text(encoding="utf-8"))


def fill_orders(database_url: str, orders: int, tell: Callable[[str], None]) -> dict[str, float]:
    """Write orders that have ended, with their shows, pools, refunds and movements, into a database that has none.

    Args:
        database_url: of a server where we are superuser; nobody else writes orders meanwhile.
        orders: how many; whole pools.
        tell: gets a line of progress.

    Returns:
        How many seconds each part took.

    Raises:
        LoadError: the database refused it; the message is one line.
    """
    if orders % ORDERS_OF_POOL:
        raise LoadError(f"orders are filled in whole pools of {ORDERS_OF_POOL:,}")
    took: dict[str, float] = {}
    try:
        with psycopg.connect(database_url, autocommit=True) as connection:
            with _without_checkpoints(connection):
                _fill(connection, database_url, orders, took, tell)
            with _timed(took, "checkpoint"):
                connection.execute(_sql["checkpoint"])
    except psycopg.Error as error:
        raise LoadError(f"the table cannot be filled: {str(error).splitlines()[0]}") from error
    return took


def _fill(
    connection: psycopg.Connection,
    database_url: str,
    orders: int,
    took: dict[str, float],
    tell: Callable[[str], None],
) -> None:
    counts = {"shows": -(-orders // ORDERS_OF_SHOW), "pools": orders // ORDERS_OF_POOL, "orders": orders}
    tell(f"filling the table with {orders:,} orders ...")
    connection.execute(_sql["session"])
    with _timed(took, "shows"):
        connection.execute(_sql["put_off_indexes"])
        for name in ("products", "variants", "stock"):
            connection.execute(_sql[name], {})
        for name in ("shows", "pools", "offers"):
            connection.execute(_sql[name], counts)
    ranges = [(first, min(first + FILL_SLICE_ORDERS - 1, orders)) for first in range(1, orders + 1, FILL_SLICE_ORDERS)]
    for name in ("orders", "sales"):
        with _timed(took, name):
            _side_by_side(database_url, _sql[name], ranges, orders)
    with _timed(took, "sums"):
        for name in ("refunds", "sold", "allocations", "receipts", "on_hand"):
            connection.execute(_sql[name], {})
    tell("its indexes ...")
    with _timed(took, "indexes"):
        while _number(connection, _sql["indexes_left"]):
            connection.execute(_sql["make_index"])
        connection.execute(_sql["forget_indexes"])
    with _timed(took, "vacuum"):
        connection.execute(_sql["tidy"])


def _side_by_side(database_url: str, statement: LiteralString, ranges: list[_Range], orders: int) -> None:
    """Run a statement for each range of orders, on as many connections as there may be."""

    def work(task: int) -> None:
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(_sql["session"])
            for first, last in ranges[task::FILL_TASKS]:
                connection.execute(statement, {"first": first, "last": last, "orders": orders})

    with ThreadPoolExecutor(FILL_TASKS) as pool:
        list(pool.map(work, range(FILL_TASKS)))


@contextmanager
def _without_checkpoints(connection: psycopg.Connection) -> Iterator[None]:
    for name in ("begin", "begin_patience", "reload"):
        connection.execute(_sql[name])
    try:
        yield
    finally:
        for name in ("end", "end_patience", "reload"):
            connection.execute(_sql[name])


def _number(connection: psycopg.Connection, statement: LiteralString) -> int:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def _timed(took: dict[str, float], name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    took[name] = time.monotonic() - began
