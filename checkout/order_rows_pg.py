"""Order rows: reading them into ``Order``, and changing them by pure rules in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, cast

import asyncpg
import msgspec

from checkout.limits import LEASE_MS
from checkout.news import OutboxEvent
from checkout.order import HoldOutcome, Order, OrderState, is_late, rebook
from checkout.payment_answer import Change
from checkout.payments.provider import PaymentAction
from inventory.stock import Movement
from inventory.stock_pg import record_movements
from kit.errors import UnavailableError
from kit.money import Money
from kit.postgres import Connection, Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "stages.sql")
_orders_sql = Queries(Path(__file__).parent / "sql" / "orders.sql")
_shipping = msgspec.json.Decoder(dict[str, object])
_action = msgspec.json.Decoder(PaymentAction)

PaymentStage = Literal["authorise", "capture", "give_back"]
Rule = Callable[[Order], Change | None]

_TAKE: dict[PaymentStage, str] = {
    "authorise": _sql.take_to_authorise,
    "capture": _sql.take_to_capture,
    "give_back": _sql.take_to_give_back,
}


def order_from(row: asyncpg.Record) -> Order:
    """Return the order of a row of ``orders`` with ``read_at_ms``."""
    return Order(
        order_id=row["order_id"],
        hold_id=row["hold_id"],
        pool_id=row["pool_id"],
        show_id=row["show_id"],
        buyer_id=row["buyer_id"],
        sku=row["sku"],
        quantity=row["quantity"],
        amount=Money(row["amount"], row["currency"]),
        payment_method=row["payment_method"],
        provider=row["provider"],
        shipping=None if row["shipping"] is None else _shipping.decode(row["shipping"]),
        state=cast(OrderState, row["state"]),
        reason=row["reason"],
        payment_id=row["payment_id"],
        authorised=row["authorised"],
        captured=row["captured"],
        refunded=row["refunded"],
        refund_reserved=row["refund_reserved"],
        returned_quantity=row["returned_quantity"],
        hold_outcome=cast(HoldOutcome | None, row["hold_outcome"]),
        payment_open=row["payment_open"],
        next_action=None if row["next_action"] is None else _action.decode(row["next_action"]),
        attempts=row["attempts"],
        due_at_ms=row["due_at_ms"],
        created_at_ms=row["created_at_ms"],
        updated_at_ms=row["updated_at_ms"],
        confirmed_at_ms=row["confirmed_at_ms"],
        read_at_ms=row["read_at_ms"],
    )


async def lock_orders(connection: Connection, order_ids: Sequence[str]) -> list[Order]:
    """Lock and return these orders, by id; those that do not exist are left out."""
    return [order_from(row) for row in await connection.fetch(_sql.lock_orders, order_ids)]


async def save_changes(
    connection: Connection, changes: Sequence[Change], movements: Sequence[Movement] = ()
) -> dict[str, int]:
    """Write changed orders, what their buyers have to hear, and stock movements, in the caller's transaction.

    Returns:
        By order id, when the hold book may be told: the lease of ``checkout.resolve.Resolution``.
    """
    orders = [change.order for change in changes]
    rows = await connection.fetch(
        _sql.save_orders,
        [order.order_id for order in orders],
        [order.state for order in orders],
        [order.reason for order in orders],
        [order.payment_id for order in orders],
        [order.authorised for order in orders],
        [order.captured for order in orders],
        [order.refunded for order in orders],
        [order.refund_reserved for order in orders],
        [order.returned_quantity for order in orders],
        [order.hold_outcome for order in orders],
        [order.payment_open for order in orders],
        [_json(order.next_action) for order in orders],
        [order.attempts for order in orders],
        [change.wait_ms for change in changes],
        [change.resolve_wait_ms for change in changes],
    )
    await _insert_news(connection, [event for change in changes for event in change.events])
    await record_movements(connection, movements)
    return {row["order_id"]: row["resolve_at_ms"] for row in rows}


async def _insert_news(connection: Connection, events: Sequence[OutboxEvent]) -> None:
    if not events:
        return
    await connection.execute(
        _sql.insert_news,
        [event.event_key for event in events],
        [event.show_id for event in events],
        [event.buyer_id for event in events],
        [event.kind for event in events],
        [event.order_id for event in events],
        [event.hold_id for event in events],
        [event.amount.amount for event in events],
        [event.amount.currency for event in events],
        [event.state for event in events],
        [event.refunded for event in events],
        [_json(event.action) for event in events],
        [not event.for_buyer for event in events],
    )


def _json(action: PaymentAction | None) -> str | None:
    return None if action is None else msgspec.json.encode(action).decode()


class OrderRows:
    """What the payment stages need of the orders."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def take(self, stage: PaymentStage, limit: int, *, lease_ms: int = LEASE_MS) -> list[Order]:
        """Take up to ``limit`` due orders of a stage: counted as tried, and nobody else's for ``lease_ms``."""
        async with self._postgres.connection() as connection:
            return [order_from(row) for row in await connection.fetch(_TAKE[stage], limit, lease_ms)]

    async def rebook(self, order_id: str, hold_id: str) -> bool:
        """Let a late order wait for its units in another hold, which is ``submitted``; return whether it does.

        Raises:
            UnavailableError: the hold book has not been told yet that its first hold is over.
        """
        try:
            async with self._postgres.transaction() as connection:
                [order] = await lock_orders(connection, [order_id])
                if order.state != "declined" or order.hold_id == hold_id:
                    return order.state == "authorised"
                if not is_late(order):
                    return False  # its money is on its way back by now
                revived = rebook(order, hold_id)
                if await connection.fetchval(_sql.rebook_order, order_id, hold_id) is None:
                    if await connection.fetchval(_sql.is_resolved, order_id):
                        return False
                    raise UnavailableError("the hold book does not know yet that the order's hold is over")
                await save_changes(connection, [Change(order=revived)])
                await connection.execute(_orders_sql.notify_workers)
                return True
        except asyncpg.UniqueViolationError:
            return False  # the hold has got an order meanwhile, the one that says that it has none

    async def change(self, rules: Sequence[tuple[str, Rule]]) -> list[Order | None]:
        """Apply a pure rule to each order as it is now, all in one transaction.

        Args:
            rules: by order id; several for the same order are applied one after the other.

        Returns:
            The order after each rule; None when there is no such order.
        """
        async with self._postgres.transaction() as connection:
            orders = {order.order_id: order for order in await lock_orders(connection, [one for one, _ in rules])}
            changes, after = _apply(orders, rules)
            if changes:
                await save_changes(connection, list(changes.values()))
            return after


def _apply(
    orders: Mapping[str, Order], rules: Sequence[tuple[str, Rule]]
) -> tuple[dict[str, Change], list[Order | None]]:
    current = dict(orders)
    changes: dict[str, Change] = {}
    after: list[Order | None] = []
    for order_id, rule in rules:
        order = current.get(order_id)
        change = None if order is None else rule(order)
        if change is not None:
            before = changes.get(order_id)
            events = change.events if before is None else before.events + change.events
            changes[order_id] = msgspec.structs.replace(change, events=events)
            current[order_id] = change.order
        after.append(current.get(order_id))
    return changes, after
