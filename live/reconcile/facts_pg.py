"""What Postgres says, in one snapshot."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import asyncpg
import msgspec

from inventory import stock_pg
from kit.postgres import Postgres, answer_within_s
from kit.sql import Queries
from live.reconcile.facts import FenceFacts, LevelFacts, LogFacts, MoneyFacts, OrderRow, PoolRow, StockFacts, Totals
from live.reconcile.limits import NEWS_OVERDUE_MS, READ_TIMEOUT_MS, SUSPECTS_MOST

_sql = Queries(Path(__file__).parent / "sql" / "reconcile.sql")
_stock = Queries(Path(stock_pg.__file__).parent / "sql" / "stock.sql")
T = TypeVar("T")


class PostgresFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything; the logs' ``redis_top`` is still None."""

    stock: tuple[StockFacts, ...]
    fences: tuple[FenceFacts, ...]
    pools: tuple[PoolRow, ...]
    orders: tuple[OrderRow, ...]
    money: tuple[MoneyFacts, ...]
    logs: tuple[LogFacts, ...]
    levels: tuple[LevelFacts, ...]
    totals: Totals


async def read_postgres(postgres: Postgres) -> PostgresFacts:
    """Read everything in one transaction of one snapshot; it writes nothing.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with (
        postgres.connection() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(_sql.patience, str(READ_TIMEOUT_MS))
        wait_s = answer_within_s(READ_TIMEOUT_MS)
        rows = {
            "stock": await connection.fetch(_stock.ledger_drift, timeout=wait_s),
            "fences": await connection.fetch(_sql.fences, timeout=wait_s),
            "pools": await connection.fetch(_sql.pools, timeout=wait_s),
            "orders": await connection.fetch(_sql.orders, timeout=wait_s),
            "money": await connection.fetch(_sql.money, SUSPECTS_MOST, timeout=wait_s),
            "logs": await connection.fetch(_sql.logs, timeout=wait_s),
            "levels": await connection.fetch(_sql.levels, SUSPECTS_MOST, timeout=wait_s),
            "totals": await connection.fetch(_sql.totals, NEWS_OVERDUE_MS, timeout=wait_s),
        }
    # In a thread: with some thousand orders it takes longer than the worker's other loops should wait.
    return await asyncio.to_thread(_facts, rows)


def _facts(rows: "Mapping[str, Sequence[asyncpg.Record]]") -> PostgresFacts:
    return PostgresFacts(
        stock=tuple(
            msgspec.convert({name: value or 0 for name, value in row.items()} | _place(row), StockFacts)
            for row in rows["stock"]
        ),
        fences=_structs(rows["fences"], FenceFacts),
        pools=_structs(rows["pools"], PoolRow),
        orders=_structs(rows["orders"], OrderRow),
        money=_structs(rows["money"], MoneyFacts),
        logs=_structs([{**row, "redis_top": None} for row in rows["logs"]], LogFacts),
        levels=_structs(rows["levels"], LevelFacts),
        totals=_structs(rows["totals"], Totals)[0],
    )


def _place(row: asyncpg.Record) -> dict[str, str]:
    return {"sku": row["sku"], "location": row["location"]}


def _structs(rows: "Sequence[asyncpg.Record | dict[str, object]]", kind: type[T]) -> tuple[T, ...]:
    return tuple(msgspec.convert(dict(row), kind) for row in rows)
