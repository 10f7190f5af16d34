"""The stock ledger in Postgres."""

from collections.abc import Sequence
from pathlib import Path

import asyncpg

from inventory.stock import Movement, StockLevel, adjust
from kit.errors import ConflictError, NotFoundError
from kit.postgres import Connection, Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "stock.sql")


async def record_movements(
    connection: Connection, movements: Sequence[Movement], *, timeout_s: float | None = None
) -> list[StockLevel]:
    """Record movements and move the counters, inside the caller's transaction.

    Movements whose key is recorded already are passed over: only what is new moves the counters.

    Args:
        connection: inside a transaction.
        movements: in any order.
        timeout_s: seconds to wait for each statement; None for as long as for any other.

    Returns:
        The counters of the SKUs that moved.

    Raises:
        ConflictError: ``stock_short`` - a counter would fall below what is there or set aside. The caller's
            transaction is broken and must be rolled back.
    """
    if not movements:
        return []
    await connection.execute(_sql.lock_stock, sorted({one.sku for one in movements}), timeout=timeout_s)
    try:
        rows = await connection.fetch(
            _sql.record_movements,
            [one.key for one in movements],
            [one.kind for one in movements],
            [one.sku for one in movements],
            [one.location for one in movements],
            [one.on_hand_delta for one in movements],
            [one.ring_fenced_delta for one in movements],
            [one.pool_id for one in movements],
            [one.order_id for one in movements],
            [one.reason for one in movements],
            timeout=timeout_s,
        )
    except asyncpg.CheckViolationError as error:
        skus = sorted({one.sku for one in movements})
        raise ConflictError(
            f"there is not enough stock of {', '.join(skus[:3])}", code="stock_short", details={"skus": skus[:100]}
        ) from error
    return [StockLevel(sku=row["sku"], on_hand=row["on_hand"], ring_fenced=row["ring_fenced"]) for row in rows]


class StockLedger:
    """Reads and corrects stock on behalf of staff."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def level(self, sku: str) -> StockLevel:
        """Return the counters of one SKU.

        Raises:
            NotFoundError: ``unknown_sku``.
        """
        async with self._postgres.connection() as connection:
            return await _level(connection, sku)

    async def adjust(self, sku: str, delta: int, *, key: str, reason: str) -> StockLevel:
        """Correct the stock by ``delta`` units and return the new counters; the same ``key`` corrects once.

        Raises:
            NotFoundError: ``unknown_sku``.
            ConflictError: ``stock_short`` - fewer would remain than are set aside for offers.
        """
        async with self._postgres.transaction() as connection:
            level = await _level(connection, sku)
            try:
                await record_movements(connection, [adjust(sku, delta, key=f"adjust:{key}", reason=reason)])
            except ConflictError as error:
                raise _short(level, "delta") from error
            return await _level(connection, sku)


async def require_units(connection: Connection, sku: str, quantity: int) -> None:
    """Refuse when fewer units are free than wanted, and tell how many there are. The caller has locked the stock.

    Raises:
        ConflictError: ``stock_short``.
        NotFoundError: ``unknown_sku``.
    """
    level = await _level(connection, sku)
    if level.available < quantity:
        raise _short(level, "quantity")


def _short(level: StockLevel, field: str) -> ConflictError:
    return ConflictError(
        f"there is not enough stock of {level.sku}: {level.available} available",
        code="stock_short",
        details={"field": field, "available": level.available, "skus": [level.sku]},
    )


async def _level(connection: Connection, sku: str) -> StockLevel:
    row = await connection.fetchrow(_sql.stock_of, [sku])
    if row is None:
        raise NotFoundError(f"there is no variant with SKU {sku!r}", code="unknown_sku", details={"field": "sku"})
    return StockLevel(sku=row["sku"], on_hand=row["on_hand"], ring_fenced=row["ring_fenced"])
