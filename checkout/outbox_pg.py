"""The outbox: news that was written with its cause and is delivered afterwards, at least once."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from checkout.limits import RELAY_LEASE_MS, RELAY_MAX_EVENTS
from checkout.news import OutboxEvent
from checkout.payments.provider import PaymentAction
from kit.money import Money
from kit.postgres import Postgres
from kit.sql import Queries

__all__ = ["OutboxEvent", "OutboxRelay"]

_action = msgspec.json.Decoder(PaymentAction)
_sql = Queries(Path(__file__).parent / "sql" / "stages.sql")


class OutboxRelay:
    """Delivers what buyers have not been told. Several may run; each takes its own rows."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def relay(self, deliver: Callable[[list[OutboxEvent]], Awaitable[None]]) -> int:
        """Deliver one batch, oldest first, and return how many events it had.

        Args:
            deliver: gets the events. When it raises, they come again after ``RELAY_LEASE_MS``; an event can also come
                twice when the process dies right after delivering it.
        """
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.take_news, RELAY_MAX_EVENTS, RELAY_LEASE_MS)
        if not rows:
            return 0
        rows.sort(key=lambda row: int(row["outbox_id"]))
        await deliver(
            [
                OutboxEvent(
                    event_key=row["event_key"],
                    show_id=row["show_id"],
                    buyer_id=row["buyer_id"],
                    kind=row["kind"],
                    order_id=row["order_id"],
                    hold_id=row["hold_id"],
                    amount=Money(row["amount"], row["currency"]),
                    state=row["state"],
                    refunded=row["refunded"],
                    action=None if row["action"] is None else _action.decode(row["action"]),
                )
                for row in rows
            ]
        )
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.mark_told, [row["outbox_id"] for row in rows])
        return len(rows)
