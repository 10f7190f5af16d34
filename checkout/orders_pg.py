"""Orders in Postgres: written once per hold, read by people."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from checkout.limits import LATEST_ORDERS, PAGE_MAX_ORDERS
from checkout.order import NewOrder, Order, OrderState, SaleTerms
from checkout.order_rows_pg import order_from
from inventory.holds import Hold, OpenOrder
from kit.errors import NotFoundError
from kit.ids import new_id
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "orders.sql")


class Orders:
    """The orders of this deployment."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def insert_many(self, new: Sequence[NewOrder]) -> list[Order]:
        """Write orders durably and wake the workers.

        Returns:
            The order of each hold, in the order given: the one that was there before, if there was one.
        """
        async with self._postgres.transaction() as connection:
            await connection.execute(
                _sql.insert_orders,
                [order.order_id for order in new],
                [order.hold_id for order in new],
                [order.terms.pool_id for order in new],
                [order.terms.show_id for order in new],
                [order.buyer_id for order in new],
                [order.terms.sku for order in new],
                [order.quantity for order in new],
                [order.amount.amount for order in new],
                [order.amount.currency for order in new],
                [order.payment_method for order in new],
                [order.provider for order in new],
                [None if order.shipping is None else msgspec.json.encode(order.shipping).decode() for order in new],
            )
            # A second statement, so that it sees rows which another process wrote while ours waited for it.
            rows = await connection.fetch(_sql.orders_of_holds, [order.hold_id for order in new])
            await connection.execute(_sql.notify_of_new_orders)
        by_hold = {
            hold_id: order_from(row) for row in rows for hold_id in (row["hold_id"], row["first_hold_id"]) if hold_id
        }
        return [by_hold[order.hold_id] for order in new]

    async def get(self, order_id: str) -> Order:
        """Return one order.

        Raises:
            NotFoundError: ``unknown_order``.
        """
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.order_by_id, order_id)
        if row is None:
            raise NotFoundError("there is no such order", code="unknown_order", details={"order_id": order_id})
        return order_from(row)

    async def by_hold(self, hold_id: str) -> Order | None:
        """Return the order that a hold became, or None."""
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.orders_of_holds, [hold_id])
        return None if row is None else order_from(row)

    async def page(
        self,
        *,
        show_id: str | None = None,
        state: OrderState | None = None,
        buyer_id: str | None = None,
        limit: int = 100,
        after: str | None = None,
    ) -> tuple[list[Order], str | None]:
        """Return orders, newest first.

        Args:
            show_id: of this show only.
            state: in this state only.
            buyer_id: of this buyer only.
            limit: most orders, up to ``PAGE_MAX_ORDERS``.
            after: the ``next`` of the page before.

        Returns:
            The orders, and what to pass as ``after`` for the next page; None when this is the last.
        """
        limit = min(limit, PAGE_MAX_ORDERS)
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.orders_page, show_id, state, buyer_id, after, limit + 1)
        orders = [order_from(row) for row in rows[:limit]]
        return orders, orders[-1].order_id if len(rows) > limit else None

    async def of_buyers(self, show_id: str, buyer_ids: Sequence[str]) -> dict[str, list[Order]]:
        """Return the latest orders of these buyers in a show; who has none is left out.

        Each buyer's newest come first, at most ``LATEST_ORDERS``. ``buyer_ids`` names nobody twice.
        """
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.orders_of_buyers, show_id, buyer_ids, LATEST_ORDERS)
        found: dict[str, list[Order]] = {}
        for row in rows:
            found.setdefault(row["buyer_id"], []).append(order_from(row))
        return found

    async def open_orders(self, pool_id: str) -> list[OpenOrder]:
        """Return what a rebuilt hold book of this pool has to contain."""
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.open_orders, pool_id)
        return [
            OpenOrder(hold_id=row["hold_id"], buyer_id=row["buyer_id"], quantity=row["quantity"], status=row["status"])
            for row in rows
        ]

    async def tombstone(self, hold: Hold, terms: SaleTerms) -> bool:
        """Settle the fate of a hold that was submitted long ago and may have no order.

        When it has none, a cancelled one is written and the hold's units are released; a late insert then gets that.
        When its order has ended, the hold book is told again.

        Returns:
            Whether there was no order.
        """
        amount = terms.unit_price * hold.quantity
        async with self._postgres.transaction() as connection:
            ours = await connection.fetchval(
                _sql.insert_tombstone,
                new_id("order"),
                hold.hold_id,
                terms.pool_id,
                terms.show_id,
                hold.buyer_id,
                terms.sku,
                hold.quantity,
                amount.amount,
                amount.currency,
            )
            await connection.execute(_sql.notify_workers)
        return ours is True
