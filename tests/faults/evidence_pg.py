"""Reads what Postgres, the judge, says of a trial."""

import asyncio
import contextlib
import time
from pathlib import Path

import asyncpg

from kit.sql import Queries
from tests.faults.limits import EPOCH_POLL_S, EVIDENCE_MOST_S, QUIET_MOST_S, QUIET_POLL_S
from tests.faults.money import OrderFact, PaymentFact

_sql = Queries(Path(__file__).with_name("evidence.sql"))


OPEN = "pools not closed"

_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)
"""What a Postgres that is dead, full or overrun answers."""


class PostgresEvidence:
    """Looks at one offer, and comes back when its connection is lost.

    Args:
        url: of the trial's database, not by way of a proxy.

    Attributes:
        rebuilt_ms: when the book was last seen in the epoch before another one began, each time.
    """

    def __init__(self, url: str, offer_id: str) -> None:
        self.rebuilt_ms: list[int] = []
        self._url = url
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._offer_id = offer_id
        self._lock = asyncio.Lock()

    async def watch_epoch(self) -> None:
        """Note every change of the pool's epoch, without end."""
        epoch = await self._epoch()
        seen_ms = time.time_ns() // 1_000_000
        while True:
            await asyncio.sleep(EPOCH_POLL_S)
            looked_ms = time.time_ns() // 1_000_000
            now = await self._epoch()
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
            rows = await self._fetch(_sql.unrest, self._offer_id)
            unrest = {row["what"]: int(row["items"]) for row in rows if row["items"]}
            if not closed:
                unrest.pop(OPEN, None)
            if not unrest or time.monotonic() > gives_up_at:
                return unrest
            await asyncio.sleep(QUIET_POLL_S)

    async def orders(self) -> list[OrderFact]:
        """Return every order of the offer."""
        return [
            OrderFact(
                order_id=row["order_id"],
                hold_id=row["hold_id"],
                buyer_id=row["buyer_id"],
                units=row["quantity"],
                state=row["state"],
                is_sold=row["hold_outcome"] == "sold",
                kept=row["captured"] - row["refunded"],
            )
            for row in await self._fetch(_sql.orders, self._offer_id)
        ]

    async def payments(self) -> list[PaymentFact]:
        """Return every payment of the test bank."""
        return [
            PaymentFact(
                order_id=row["order_id"], taken=row["taken"], given_back=row["given_back"], reserved=row["reserved"]
            )
            for row in await self._fetch(_sql.bank)
        ]

    async def allocated_and_sold(self) -> tuple[int, int]:
        """Return the pool's allocation, and what it sold."""
        [row] = await self._fetch(_sql.pool, self._offer_id)
        return int(row["allocated"]), int(row["sold"])

    async def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.terminate()

    async def _epoch(self) -> int:
        [row] = await self._fetch(_sql.epoch, self._offer_id)
        return int(row["epoch"])

    async def _fetch(self, statement: str, *arguments: str) -> list[asyncpg.Record]:
        async with self._lock, asyncio.timeout(EVIDENCE_MOST_S):
            while True:
                with contextlib.suppress(*_AWAY):
                    if self._connection is None or self._connection.is_closed():
                        self._connection = await asyncpg.connect(self._url, timeout=EVIDENCE_MOST_S)
                    return await self._connection.fetch(statement, *arguments)
                await asyncio.sleep(EPOCH_POLL_S)
