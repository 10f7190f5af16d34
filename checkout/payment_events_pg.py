"""Webhook events in Postgres: recorded and applied in one transaction, so that neither happens without the other."""

from pathlib import Path

import msgspec

from checkout.order_rows_pg import lock_orders, save_changes
from checkout.payment_answer import absorb_event, hear
from checkout.payments.provider import PaymentEvent
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "stages.sql")
_orders_sql = Queries(Path(__file__).parent / "sql" / "orders.sql")


class PaymentEvents:
    """Applies events to orders, each event once."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def apply(self, event: PaymentEvent) -> bool:
        """Record the event and let it change its order, found by payment or by the order id that it carries.

        An event of a payment that no order knows is only recorded: the order's own question to the provider, which
        follows in any case, brings the same answer.

        Returns:
            False when the event was recorded before; nothing changes then.
        """
        async with self._postgres.transaction() as connection:
            body = msgspec.json.encode(event.body).decode()
            fresh = await connection.fetchval(
                _sql.insert_payment_event,
                event.provider,
                event.event_id,
                event.payment_id,
                event.order_id,
                event.kind,
                body,
            )
            if fresh is None:
                return False
            order_id = await connection.fetchval(
                _sql.order_of_payment, event.provider, event.payment_id, event.order_id
            )
            if order_id is not None and (event.result is not None or event.is_rumour):
                (order,) = await lock_orders(connection, [order_id])
                change = hear(order) if event.result is None else absorb_event(order, event.result)
                if change is not None:
                    await save_changes(connection, [change])
                    await connection.execute(_orders_sql.notify_workers)
            return True
