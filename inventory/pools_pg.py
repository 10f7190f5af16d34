"""Pools in Postgres: opened with their units ring-fenced, closed with what was not sold given back."""

import secrets
from pathlib import Path

import asyncpg
import msgspec

from inventory.draw import seed_hash
from inventory.holds import Pool, PoolCounts, SellingMode
from inventory.stock import allocate, give_back
from inventory.stock_pg import record_movements, require_units
from kit.postgres import Connection, Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "pools.sql")

SEED_BYTES = 32
"""Random bytes of a draw's seed: nobody guesses it, or finds another one with the same hash."""


class PoolTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What a new pool is opened with. Times are milliseconds since the epoch.

    Attributes:
        pass_on_ms: in a draw, how long units that come back after it go to the next in line.
    """

    sku: str
    quantity: int
    per_buyer_limit: int
    starts_at_ms: int
    ends_at_ms: int
    grace_ms: int
    hold_ttl_ms: int
    waitlist_hold_ttl_ms: int
    mode: SellingMode = "first_come"
    pass_on_ms: int = 0


async def create_pool(connection: Connection, pool_id: str, terms: PoolTerms) -> None:
    """Open a pool and ring-fence its units, inside the caller's transaction.

    Raises:
        ConflictError: ``stock_short`` - fewer units are free than the pool needs.
        NotFoundError: ``unknown_sku``.
    """
    # The secret of a draw is made here and leaves the database when it is drawn.
    seed = secrets.token_hex(SEED_BYTES) if terms.mode == "draw" else None
    await connection.execute(_sql.lock_stock_of_pool, terms.sku)
    await require_units(connection, terms.sku, terms.quantity)
    await connection.execute(
        _sql.create_pool,
        pool_id,
        terms.sku,
        terms.quantity,
        terms.per_buyer_limit,
        terms.starts_at_ms,
        terms.ends_at_ms,
        terms.grace_ms,
        terms.hold_ttl_ms,
        terms.waitlist_hold_ttl_ms,
        terms.mode,
        terms.pass_on_ms,
        seed,
        None if seed is None else seed_hash(seed),
    )
    await record_movements(connection, [allocate(terms.sku, terms.quantity, pool_id=pool_id)])


async def set_ends_at(connection: Connection, pool_id: str, ends_at_ms: int) -> None:
    """Let an open pool end at another moment, inside the caller's transaction."""
    await connection.execute(_sql.set_ends_at, pool_id, ends_at_ms)


async def end_window(connection: Connection, pool_id: str) -> bool:
    """End the window of a draw now, inside the caller's transaction: those who entered are drawn.

    Returns:
        Whether the pool has a window that had begun; else nothing happened.
    """
    return str(await connection.execute(_sql.end_window, pool_id)) == "UPDATE 1"


async def close_pool(connection: Connection, pool_id: str, *, release_holds: bool) -> None:
    """Take no more claims from now on; the unsold units return as they become free.

    With ``release_holds`` live holds that are not being paid end at once.
    """
    await connection.execute(_sql.close_pool, pool_id, release_holds)


class PoolState(Pool, frozen=True, kw_only=True):
    """A pool with what Postgres alone knows of it.

    Attributes:
        lined_up: the book knew the order of a draw, once.
    """

    sold: int
    returned: int
    closed: bool
    finished: bool
    release_holds: bool
    lined_up: bool


class Pools:
    """Reads pools, and moves those that close to their end."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def get(self, pool_id: str) -> PoolState | None:
        """Return a pool, or None when there is none."""
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.pool, pool_id)
        return None if row is None else pool_state(row)

    async def by_no(self, pool_no: int) -> PoolState | None:
        """Return the pool of a hold id's number, or None when there is none."""
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.pool_by_no, pool_no)
        return None if row is None else pool_state(row)

    async def unfinished(self) -> list[PoolState]:
        """Return every pool that may still change: the open ones, and those that wait for their last holds."""
        async with self._postgres.connection() as connection:
            return [pool_state(row) for row in await connection.fetch(_sql.unfinished_pools)]

    async def close_overdue(self) -> None:
        """Close the pools whose end and grace have passed."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.close_overdue)

    async def next_epoch(self, pool_id: str) -> PoolState | None:
        """Begin another epoch, so that whatever an older book says is refused; None when the pool is closed."""
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.next_epoch, pool_id)
        return None if row is None else pool_state(row)

    async def settle_close(self, pool_id: str, counts: PoolCounts, *, finish: bool = True) -> bool:
        """Give free units of a closing pool back to the stock, and finish it when none is outstanding.

        A closed book accepts no claim, so its ``available`` is the level of what is to be returned: repeating this,
        or doing it after a crash, returns each unit once. A finished pool is looked at no more: ``finish`` is for who
        has told every buyer of the end of their holds.

        Counts of another epoch, or of a server that cannot be trusted, are not used.

        Returns:
            Whether the pool is finished.
        """
        async with self._postgres.transaction() as connection:
            row = await connection.fetchrow(_sql.lock_closing_pool, pool_id)
            if row is None or row["epoch"] != counts.epoch or not counts.current:
                return False
            free = min(counts.available, row["allocated"] - row["sold"]) - row["returned"]
            if free > 0:
                returned = give_back(row["sku"], free, pool_id=pool_id, returned_before=row["returned"])
                await connection.execute(_sql.return_units, pool_id, free)
                await record_movements(connection, [returned])
            return finish and str(await connection.execute(_sql.finish_pool, pool_id)) == "UPDATE 1"


def pool_state(row: asyncpg.Record) -> PoolState:
    """Return a row of ``pools``."""
    return PoolState(
        pool_id=row["pool_id"],
        pool_no=row["pool_no"],
        epoch=row["epoch"],
        sku=row["sku"],
        allocated=row["allocated"],
        per_buyer_limit=row["per_buyer_limit"],
        starts_at_ms=row["starts_at_ms"],
        ends_at_ms=row["ends_at_ms"],
        grace_ms=row["grace_ms"],
        hold_ttl_ms=row["hold_ttl_ms"],
        waitlist_hold_ttl_ms=row["waitlist_hold_ttl_ms"],
        mode=row["mode"],
        sold=row["sold"],
        returned=row["returned"],
        closed=row["state"] != "open",
        finished=row["state"] == "closed",
        release_holds=row["release_holds"],
        lined_up=row["lined_up_at_ms"] is not None,
    )
