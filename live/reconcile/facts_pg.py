"""What Postgres says, in one snapshot."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import asyncpg
import msgspec

from inventory import stock_pg
from kit.postgres import Postgres
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
        drifting = await connection.fetch(_stock.ledger_drift)
        return PostgresFacts(
            stock=tuple(
                msgspec.convert({name: value or 0 for name, value in row.items()} | _place(row), StockFacts)
                for row in drifting
            ),
            fences=_structs(await connection.fetch(_sql.fences), FenceFacts),
            pools=_structs(await connection.fetch(_sql.pools), PoolRow),
            orders=_structs(await connection.fetch(_sql.orders), OrderRow),
            money=_structs(await connection.fetch(_sql.money, SUSPECTS_MOST), MoneyFacts),
            logs=_structs([{**row, "redis_top": None} for row in await connection.fetch(_sql.logs)], LogFacts),
            levels=_structs(await connection.fetch(_sql.levels, SUSPECTS_MOST), LevelFacts),
            totals=_structs(await connection.fetch(_sql.totals, NEWS_OVERDUE_MS), Totals)[0],
        )


def _place(row: asyncpg.Record) -> dict[str, str]:
    return {"sku": row["sku"], "location": row["location"]}


def _structs(rows: "Sequence[asyncpg.Record | dict[str, object]]", kind: type[T]) -> tuple[T, ...]:
    return tuple(msgspec.convert(dict(row), kind) for row in rows)
