"""Draws in Postgres: entries group-committed, judged by Postgres' clock and the pool's row; the order afterwards."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from inventory.draw import Entry, EntryAnswer, Window, decide
from inventory.holds import ClaimRequest
from inventory.pools_pg import PoolState, pool_state
from kit.postgres import Connection, Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "draws.sql")


class Drawn(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes public when a draw is drawn."""

    seed: str
    entries: int


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """A draw, as it may be shown now.

    Attributes:
        seed: None before it is drawn.
        units: how many are served at first.
    """

    seed_hash: str
    seed: str | None
    drawn_at_ms: int | None
    entries: int
    units: int


class DrawnEntry(Entry, frozen=True, kw_only=True):
    """An entry in the drawn order; the smaller ``digest``, hexadecimal, comes first."""

    digest: str
    entered_at_ms: int


async def mark_drawn(connection: Connection, pool_id: str) -> Drawn | None:
    """Draw a pool whose window is over, inside the caller's transaction: no entry counts any more.

    Returns:
        None when it was drawn before, or is not due.
    """
    row = await connection.fetchrow(_sql.mark_drawn, pool_id)
    return None if row is None else Drawn(seed=row["seed"], entries=row["entries"])


class Draws:
    """Takes entries, and reads the order."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def enter(self, wishes: Sequence[ClaimRequest]) -> list[EntryAnswer]:
        """Decide about entries of any pools, in order; one answer per wish.

        Raises:
            UnavailableError: Postgres does not answer; the same wishes may be tried again.
        """
        pool_ids = [wish.pool_id for wish in wishes]
        async with self._postgres.transaction() as connection:
            await connection.execute(_sql.lock_windows, pool_ids)
            windows = await _windows(connection, pool_ids)
            there = await connection.fetch(
                _sql.entries_there, pool_ids, [wish.buyer_id for wish in wishes], [wish.claim_id for wish in wishes]
            )
            answers, fresh = decide(wishes, windows, [Entry(**dict(row)) for row in there])
            if fresh:
                pools = [entry.pool_id for entry in fresh]
                buyers, claims = [entry.buyer_id for entry in fresh], [entry.claim_id for entry in fresh]
                await connection.execute(_sql.add_entries, pools, buyers, claims)
                await connection.execute(_sql.count_entries, pools)
        return answers

    async def drawn_pools(self) -> list[PoolState]:
        """Return the pools that are drawn and still hand out units."""
        async with self._postgres.connection() as connection:
            return [pool_state(row) for row in await connection.fetch(_sql.drawn_pools)]

    async def mark_lined_up(self, pool_id: str) -> None:
        """Note that the book knows the order; only now the time for passing on begins to run."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.mark_lined_up, pool_id)

    async def draw(self, pool_id: str) -> Draw | None:
        """Return a draw, or None when the pool is none."""
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.draw, pool_id)
        if row is None:
            return None
        return Draw(
            seed_hash=row["seed_hash"],
            seed=row["seed"],
            drawn_at_ms=row["drawn_at_ms"],
            entries=row["entries"],
            units=row["allocated"],
        )

    async def order(self, pool_id: str, *, after: str, limit: int) -> list[DrawnEntry]:
        """Return entries in the drawn order, whether or not it is public yet.

        Args:
            pool_id: of a draw.
            after: the digest of the entry before; empty for the first page.
            limit: entries at most.
        """
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.order_after, pool_id, bytes.fromhex(after), limit)
        return [
            DrawnEntry(
                pool_id=pool_id,
                buyer_id=row["buyer_id"],
                claim_id=row["claim_id"],
                digest=row["digest"].hex(),
                entered_at_ms=row["entered_at_ms"],
            )
            for row in rows
        ]


async def _windows(connection: Connection, pool_ids: Sequence[str]) -> dict[str, Window]:
    return {
        row["pool_id"]: Window(mode=row["mode"], open=row["open"], begun=row["begun"], drawn_at_ms=row["draw_at_ms"])
        for row in await connection.fetch(_sql.windows, pool_ids)
    }
