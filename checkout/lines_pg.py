"""The lines of orders, page by page. The same as one CSV file: ``checkout.exports_pg``."""

from pathlib import Path
from typing import cast

import asyncpg
import msgspec

from checkout.limits import PAGE_MAX_ORDERS
from checkout.order import OrderState
from kit.money import Money
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "exports.sql")


class OrderLine(msgspec.Struct, frozen=True, kw_only=True):
    """One SKU of an order, with what became of it.

    Attributes:
        line: its number within the order, from 1. An order has one line today.
        title: what the offer was called; empty where it is not known.
        refunded_quantity: units whose money went back, put back on sale or not.
        refunded: money that went back, also without units.
    """

    order_id: str
    line: int
    show_id: str
    offer_id: str
    buyer_id: str
    sku: str
    title: str
    quantity: int
    unit_price: Money
    amount: Money
    refunded_quantity: int
    refunded: Money
    state: OrderState
    confirmed_at_ms: int | None


class Lines:
    """Reads the lines of this deployment's orders."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def page(
        self,
        *,
        show_id: str | None = None,
        state: OrderState | None = None,
        sku: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> tuple[list[OrderLine], str | None]:
        """Return lines, those of the newest order first.

        Args:
            show_id: of this show only.
            state: of orders in this state only.
            sku: of this SKU only.
            limit: most lines, up to ``PAGE_MAX_ORDERS``.
            after: the ``next`` of the page before.

        Returns:
            The lines, and what to pass as ``after`` for the next page; None when this is the last.
        """
        limit = min(limit, PAGE_MAX_ORDERS)
        async with self._postgres.connection() as connection:
            if sku is None:
                rows = await connection.fetch(_sql.lines_page, show_id, state, after, limit + 1)
            else:
                rows = await connection.fetch(_sql.lines_of_sku_page, show_id, state, after, limit + 1, sku)
        lines = [_line_from(row) for row in rows[:limit]]
        return lines, lines[-1].order_id if len(rows) > limit else None


def _line_from(row: asyncpg.Record) -> OrderLine:
    currency = row["currency"]
    return OrderLine(
        order_id=row["order_id"],
        line=row["line"],
        show_id=row["show_id"],
        offer_id=row["offer_id"],
        buyer_id=row["buyer_id"],
        sku=row["sku"],
        title=row["title"],
        quantity=row["quantity"],
        unit_price=Money(row["unit_price"], currency),
        amount=Money(row["amount"], currency),
        refunded_quantity=row["refunded_quantity"],
        refunded=Money(row["refunded"], currency),
        state=cast(OrderState, row["state"]),
        confirmed_at_ms=row["confirmed_at_ms"],
    )
