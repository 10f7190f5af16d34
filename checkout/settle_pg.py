"""The settle transaction: Postgres gives the units to orders that have their money, or refuses them."""

from collections.abc import Sequence
from pathlib import Path

import asyncpg
import msgspec

from checkout.judge import Judge
from checkout.limits import LEASE_MS, RESOLVE_LEASE_MS
from checkout.news import news
from checkout.order import Order, move
from checkout.order_rows_pg import lock_orders, order_from, save_changes
from checkout.payment_answer import Change
from checkout.resolve import Resolution
from inventory.stock import Movement, sale
from kit.errors import ConflictError
from kit.postgres import Connection, Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "stages.sql")


class UnitsRefusedError(ConflictError):
    """A constraint of the database refused a batch; nothing of it was written.

    Attributes:
        order_ids: the batch, oldest first.
    """

    default_code = "units_refused"

    def __init__(self, order_ids: Sequence[str]) -> None:
        super().__init__("the database refused a settlement")
        self.order_ids = tuple(order_ids)


class Settled(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a settle transaction.

    Attributes:
        orders: how many it had.
        refused: how many of them got no units.
        decided: all of them, as they are now.
        to_capture: confirmed orders, leased to the caller for ``LEASE_MS``.
        to_resolve: the ends of their holds, leased for ``RESOLVE_LEASE_MS``.
    """

    orders: int = 0
    refused: int = 0
    decided: tuple[Order, ...] = ()
    to_capture: tuple[Order, ...] = ()
    to_resolve: tuple[Resolution, ...] = ()


class Settlement:
    """Runs settle transactions: locked pools and orders, verdicts, and everything that follows from them, as one."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def settle_due(self, judge: Judge, *, limit: int, hand_on: int = 0) -> Settled:
        """Settle the oldest authorised orders of pools that nobody else is settling.

        Args:
            judge: decides who gets the units.
            limit: most orders.
            hand_on: how many of the confirmed ones the caller has captured and resolved itself: those are leased to it.

        Raises:
            UnitsRefusedError: a constraint refused what the judge accepted.
        """
        async with self._postgres.transaction() as connection:
            waiting = await connection.fetch(_sql.oldest_to_settle, limit)
            if not waiting:
                return Settled()
            pools = await connection.fetch(_sql.lock_pools_to_settle, list({row["pool_id"] for row in waiting}))
            # Looked at again now that nobody else settles these pools: those seen before may be settled by now.
            waiting = await connection.fetch(_sql.oldest_to_settle, limit)
            ours = {pool["pool_id"] for pool in pools}
            order_ids = [row["order_id"] for row in waiting if row["pool_id"] in ours]
            orders = [order_from(row) for row in await connection.fetch(_sql.take_to_settle, order_ids)]
            return await _settle(connection, judge, pools, orders, hand_on=hand_on)

    async def settle_one(self, judge: Judge, order_id: str) -> Settled:
        """Settle one order, if it still waits for it.

        Raises:
            UnitsRefusedError: a constraint refused it.
        """
        async with self._postgres.transaction() as connection:
            pools = await connection.fetch(_sql.lock_pool_of, order_id)
            orders = [order for order in await lock_orders(connection, [order_id]) if order.state == "authorised"]
            return await _settle(connection, judge, pools, orders)


async def _settle(
    connection: Connection,
    judge: Judge,
    pools: Sequence[asyncpg.Record],
    orders: Sequence[Order],
    *,
    hand_on: int = 0,
) -> Settled:
    if not orders:
        return Settled()
    verdicts = judge({pool["pool_id"]: pool["free"] for pool in pools}, orders)
    sold: dict[str, int] = {}
    changes: list[Change] = []
    sales: list[Movement] = []
    handed: list[Order] = []
    for order, accepted in zip(orders, verdicts, strict=True):
        if accepted:
            leased = len(handed) < hand_on
            changes.append(_confirm(order, leased=leased))
            if leased:
                handed.append(changes[-1].order)
            sold[order.pool_id] = sold.get(order.pool_id, 0) + order.quantity
            sales.append(sale(order.sku, order.quantity, pool_id=order.pool_id, order_id=order.order_id))
        else:
            changes.append(_refuse(order))
    try:
        if sold:
            await connection.execute(_sql.add_sold, list(sold), list(sold.values()))
        resolve_at_ms = await save_changes(connection, changes, sales)
    except (asyncpg.CheckViolationError, ConflictError) as error:
        raise UnitsRefusedError([order.order_id for order in orders]) from error
    return Settled(
        orders=len(orders),
        refused=len(orders) - len(sales),
        decided=tuple(change.order for change in changes),
        to_capture=tuple(handed),
        to_resolve=tuple(_end(order, resolve_at_ms[order.order_id]) for order in handed),
    )


def _confirm(order: Order, *, leased: bool) -> Change:
    confirmed = move(order, "confirmed")
    events = (news(confirmed, "order.confirmed"),)
    if not leased:
        return Change(order=confirmed, events=events)
    taken = msgspec.structs.replace(confirmed, attempts=1)
    return Change(order=taken, wait_ms=LEASE_MS, resolve_wait_ms=RESOLVE_LEASE_MS, events=events)


def _end(order: Order, resolve_at_ms: int) -> Resolution:
    return Resolution(
        order_id=order.order_id,
        pool_id=order.pool_id,
        hold_id=order.hold_id,
        buyer_id=order.buyer_id,
        quantity=order.quantity,
        outcome="sold",
        resolve_at_ms=resolve_at_ms,
    )


def _refuse(order: Order) -> Change:
    refused = move(order, "unfulfillable", reason="sold_out")
    return Change(order=refused, events=(news(refused, "order.unfulfillable"),))
