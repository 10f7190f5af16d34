"""From the outbox into every endpoint's queue, exactly once.

News of an order was written in the transaction that changed the order. Here a batch of it becomes events and
deliveries, and is marked, in one transaction: whatever dies in between has done all of it or nothing.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import msgspec

from checkout.order import OrderState
from checkout.payments.provider import kind_of
from checkout.webhooks.endpoint import EventKind, event_id_of, message_id_of, wants
from checkout.webhooks.event import EventOrder, event_body
from checkout.webhooks.limits import BUYER_FIRST_MS, FAN_OUT_EVENTS
from kit.ids import new_id
from kit.money import Money
from kit.postgres import Connection, Postgres, Record
from kit.sql import Queries

_sql = Queries(Path(__file__).parents[1] / "sql" / "webhooks.sql")
_shipping = msgspec.json.Decoder(dict[str, object])


class HookFanOut:
    """Several may run; each takes its own rows.

    Args:
        on_change: called when there is something to send.
        limit: most events per round.
        buyer_first_ms: how long an event is left to the buyer's relay, unless that is done with it before.
    """

    def __init__(
        self,
        postgres: Postgres,
        *,
        on_change: Callable[[], None] = lambda: None,
        limit: int = FAN_OUT_EVENTS,
        buyer_first_ms: int = BUYER_FIRST_MS,
    ) -> None:
        self._postgres = postgres
        self._on_change = on_change
        self._limit = limit
        self._buyer_first_ms = buyer_first_ms

    async def round(self) -> int:
        """Queue one batch, oldest first, and return how many events it had, wanted or not.

        Raises:
            UnavailableError: Postgres does not answer; nothing happened.
        """
        async with self._postgres.transaction() as connection:
            news = await connection.fetch(_sql.take_news, self._limit, self._buyer_first_ms)
            if not news:
                return 0
            subscribers = await connection.fetch(_sql.subscribers)
            queued = await _queue(connection, news, subscribers) if subscribers else 0
            await connection.execute(_sql.mark_hooked, [row["outbox_id"] for row in news])
        if queued:
            self._on_change()
        return len(news)


async def _queue(connection: Connection, news: Sequence[Record], subscribers: Sequence[Record]) -> int:
    events: list[tuple[str, str, str]] = []
    deliveries: list[tuple[str, str, str, str]] = []
    for row in news:
        takers = [one["endpoint_id"] for one in subscribers if wants(one["events"], row["kind"])]
        if takers:
            event_id = event_id_of(row["event_key"])
            kind = cast(EventKind, row["kind"])
            events.append((event_id, kind, event_body(event_id, kind, row["at_ms"], _order(row))))
            deliveries += [(new_id("whd"), event_id, one, message_id_of(event_id, one)) for one in takers]
    if events:
        await connection.execute(_sql.add_events, *_columns(events), False)
        await connection.execute(_sql.add_deliveries, *_columns(deliveries))
    return len(deliveries)


def _columns(rows: Sequence[tuple[str, ...]]) -> list[list[str]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _order(row: Record) -> EventOrder:
    return EventOrder(
        order_id=row["order_id"],
        hold_id=row["hold_id"],
        offer_id=row["pool_id"],
        show_id=row["show_id"],
        buyer_id=row["buyer_id"],
        sku=row["sku"],
        quantity=row["quantity"],
        amount=Money(row["amount"], row["currency"]),
        state=cast(OrderState, row["state"]),
        created_at_ms=row["created_at_ms"],
        updated_at_ms=row["at_ms"],
        confirmed_at_ms=row["confirmed_at_ms"],
        payment_method=kind_of(row["payment_method"]),
        refunded=Money(row["refunded"], row["currency"]),
        reason=row["reason"],
        shipping=None if row["shipping"] is None else _shipping.decode(row["shipping"]),
    )
