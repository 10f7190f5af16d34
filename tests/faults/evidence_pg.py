"""Reads what Postgres, the judge, says of a trial."""

import asyncio
import time
from pathlib import Path

import asyncpg

from kit.sql import Queries
from tests.faults.limits import EPOCH_POLL_S, QUIET_MOST_S, QUIET_POLL_S
from tests.faults.verdict import OrderFact

_sql = Queries(Path(__file__).with_name("evidence.sql"))


OPEN = "pools not closed"


class PostgresEvidence:
    """Looks at one offer.

    Attributes:
        rebuilt_ms: when the book was last seen in the epoch before another one began, each time.
    """

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", offer_id: str) -> None:
        self.rebuilt_ms: list[int] = []
        self._connection = connection
        self._offer_id = offer_id
        self._lock = asyncio.Lock()

    async def watch_epoch(self) -> None:
        """Note every change of the pool's epoch, without end."""
        epoch = await self._value(_sql.epoch)
        seen_ms = time.time_ns() // 1_000_000
        while True:
            await asyncio.sleep(EPOCH_POLL_S)
            looked_ms = time.time_ns() // 1_000_000
            now = await self._value(_sql.epoch)
            if now != epoch:
                epoch = now
                self.rebuilt_ms.append(seen_ms)
            seen_ms = looked_ms

    async def until_quiet(self, *, closed: bool) -> dict[str, int]:
        """Wait until nothing is on its way, and the pool is closed if it should be.

        Returns:
            What still is on its way after ``QUIET_MOST_S``, by kind.
        """
        gives_up_at = time.monotonic() + QUIET_MOST_S
        while True:
            async with self._lock:
                rows = await self._connection.fetch(_sql.unrest, self._offer_id)
            unrest = {row["what"]: int(row["items"]) for row in rows if row["items"]}
            if not closed:
                unrest.pop(OPEN, None)
            if not unrest or time.monotonic() > gives_up_at:
                return unrest
            await asyncio.sleep(QUIET_POLL_S)

    async def orders(self) -> list[OrderFact]:
        """Return every order of the offer."""
        async with self._lock:
            rows = await self._connection.fetch(_sql.orders, self._offer_id)
            kept = {row["order_id"]: int(row["kept"]) for row in await self._connection.fetch(_sql.bank)}
        return [
            OrderFact(
                order_id=row["order_id"],
                hold_id=row["hold_id"],
                buyer_id=row["buyer_id"],
                units=row["quantity"],
                state=row["state"],
                is_sold=row["hold_outcome"] == "sold",
                kept=max(row["captured"] - row["refunded"], kept.get(row["order_id"], 0)),
            )
            for row in rows
        ]

    async def allocated_and_sold(self) -> tuple[int, int]:
        """Return the pool's allocation, and what it sold."""
        async with self._lock:
            row = await self._connection.fetchrow(_sql.pool, self._offer_id)
        assert row is not None
        return int(row["allocated"]), int(row["sold"])

    async def _value(self, statement: str) -> int:
        async with self._lock:
            return int(await self._connection.fetchval(statement, self._offer_id))
