"""What Postgres says when a rehearsal is over."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import asyncpg
import msgspec

from kit.postgres import Postgres
from kit.sql import Queries
from live.rehearse.facts import ChannelLevel, LedgerFacts, NewsFacts, OrderFacts, PaymentFacts, PoolFacts

_sql = Queries(Path(__file__).parent / "sql" / "evidence.sql")
T = TypeVar("T")


class PostgresEvidence(msgspec.Struct, frozen=True, kw_only=True):
    """All that was read, in one transaction of one snapshot."""

    pool: PoolFacts
    orders: tuple[OrderFacts, ...]
    payments: tuple[PaymentFacts, ...]
    payment_events: int
    payment_event_ids: int
    news: tuple[NewsFacts, ...]
    ledger: LedgerFacts
    levels: tuple[ChannelLevel, ...]
    event_at_ms: dict[int, int]


class EvidencePg:
    """Reads what concerns one offer of one show."""

    def __init__(self, postgres: Postgres, *, show_id: str, offer_id: str, sku: str) -> None:
        self._postgres = postgres
        self._show_id = show_id
        self._offer_id = offer_id
        self._sku = sku

    async def unrest(self, *, channel_id: str | None, closed: bool) -> dict[str, int]:
        """Return what is still on its way, by kind; empty when all is quiet.

        Args:
            channel_id: the channel that must have been told; others may be down for reasons of their own.
            closed: whether the pool must be closed, too.
        """
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.unrest, self._offer_id, self._show_id, channel_id, self._sku)
            found = {row["what"]: row["items"] for row in rows if row["items"]}
            if closed and await connection.fetchval(_sql.open_pools, self._offer_id):
                found["pools not closed"] = 1
        return found

    async def read(self, received: Mapping[str, int | None]) -> PostgresEvidence:
        """Read everything; ``received`` is what channels really have, by channel id."""
        async with (
            self._postgres.connection() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            pool = await connection.fetchrow(_sql.pool, self._offer_id)
            orders = await connection.fetch(_sql.orders, self._offer_id)
            payments = await connection.fetch(_sql.payments, self._offer_id)
            events = await connection.fetchrow(_sql.payment_events, self._offer_id)
            news = await connection.fetch(_sql.news, self._offer_id)
            stock = await connection.fetchrow(_sql.stock, self._sku)
            sales = await connection.fetchrow(_sql.sales, self._offer_id)
            ledger = await connection.fetchrow(_sql.ledger)
            levels = await connection.fetch(_sql.levels, self._sku)
            log = await connection.fetch(_sql.events, self._show_id)
        return PostgresEvidence(
            pool=_struct(pool, PoolFacts),
            orders=tuple(_struct(row, OrderFacts) for row in orders),
            payments=tuple(_struct(row, PaymentFacts) for row in payments),
            payment_events=_field(events, "events"),
            payment_event_ids=_field(events, "ids"),
            news=tuple(_struct(row, NewsFacts) for row in news),
            ledger=LedgerFacts(
                on_hand=_field(stock, "on_hand"),
                ring_fenced=_field(stock, "ring_fenced"),
                sale_units=_field(sales, "units"),
                sale_movements=_field(sales, "movements"),
                skus=_field(ledger, "skus"),
                movements=_field(ledger, "movements"),
                drifting_skus=_field(ledger, "drifting"),
            ),
            levels=tuple(_struct({**row, "received": received.get(row["channel_id"])}, ChannelLevel) for row in levels),
            event_at_ms={row["seq"]: row["at_ms"] for row in log},
        )


def _struct(row: "asyncpg.Record | dict[str, object] | None", kind: type[T]) -> T:
    return msgspec.convert(dict(row or {}), kind)


def _field(row: "asyncpg.Record | None", name: str) -> int:
    return 0 if row is None else int(row[name])
