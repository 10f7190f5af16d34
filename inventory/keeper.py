"""The keeper of the hold book: expiry made visible, closed pools emptied, a lost book rebuilt (D6, D10).

Each round looks at what *is* and moves it on; any number of keepers may run, and one that dies in the middle has
left nothing half done that the next round does not finish. Correctness never waits for it: the scripts check
deadlines themselves.
"""

from collections.abc import Awaitable, Callable, Sequence

from inventory.holds import EndedHold, Hold, Holds, OpenOrder, PoolCounts
from inventory.limits import SUBMISSION_STALE_MS
from inventory.pools_pg import Pools, PoolState
from kit.log import logger

_log = logger("keeper")

RUN_ID_EVERY_ROUNDS = 5
"""Rounds between two looks at which Redis server this is, and two tellings of when pools end."""

STALE_EVERY_ROUNDS = 25
"""Rounds between two searches for submissions that lost their order."""


class Keeper:
    """One round of work at a time, called by the worker.

    Args:
        pools: the pools in Postgres.
        holds: the book.
        orders_of: the orders of a pool that the book has to know.
        tell: brings ends of holds to their buyers; at least once.
        settle_stale: settles the fate of a hold that was submitted long ago and may have no order: Postgres decides
            this too.
    """

    def __init__(
        self,
        *,
        pools: Pools,
        holds: Holds,
        orders_of: Callable[[str], Awaitable[Sequence[OpenOrder]]],
        tell: Callable[[Sequence[EndedHold]], Awaitable[None]],
        settle_stale: Callable[[Hold], Awaitable[None]],
    ) -> None:
        self._pools = pools
        self._holds = holds
        self._orders_of = orders_of
        self._tell = tell
        self._settle_stale = settle_stale
        self._rounds = 0

    async def round(self) -> None:
        """Do everything that is due once.

        Raises:
            UnavailableError: Redis or Postgres does not answer; nothing is lost, the next round does it.
        """
        if self._rounds % RUN_ID_EVERY_ROUNDS == 0:
            await self._watch_server()
        await self._pools.close_overdue()
        pools = await self._pools.unfinished()
        ids = [pool.pool_id for pool in pools]
        for pool, counts in zip(pools, await self._holds.counts(ids), strict=True):
            if counts.epoch != pool.epoch:
                await self.recover(pool.pool_id)
        if self._rounds % RUN_ID_EVERY_ROUNDS == 0:
            for pool in pools:
                # Whoever extended it may have died before the book heard of it.
                await self._holds.extend(pool)
        await self._sweep(ids)
        for pool in pools:
            if pool.closed:
                await self._empty(pool)
        if self._rounds % STALE_EVERY_ROUNDS == 0:
            for pool in pools:
                for hold in await self._holds.stale_submissions(pool.pool_id, older_than_ms=SUBMISSION_STALE_MS):
                    await self._settle_stale(hold)
        self._rounds += 1

    async def recover(self, pool_id: str) -> PoolCounts | None:
        """Rebuild one pool's book under another epoch; None when the pool is closed."""
        pool = await self._pools.next_epoch(pool_id)
        if pool is None:
            return None
        orders = await self._orders_of(pool_id)
        counts = await self._holds.rebuild(pool, orders, closed=pool.closed)
        _log.info("pool_rebuilt", pool_id=pool_id, epoch=counts.epoch, available=counts.available, held=counts.held)
        return counts

    async def _watch_server(self) -> None:
        """Another life of the Redis server may have forgotten its last second: rebuild every book before it is used."""
        run_id = await self._holds.run_id()
        known = await self._pools.book_run_id()
        if known == run_id:
            return
        for pool in await self._pools.unfinished():
            await self.recover(pool.pool_id)
        await self._pools.remember_run_id(run_id)

    async def _sweep(self, pool_ids: Sequence[str]) -> None:
        ended = await self._holds.sweep(pool_ids)
        if ended:
            await self._tell(ended)
            await self._holds.told(ended)

    async def _empty(self, pool: PoolState) -> None:
        counts = await self._holds.close(pool.pool_id, release_holds=pool.release_holds)
        # The buyers of what ended just now are told first: a finished pool is not looked at again.
        await self._sweep([pool.pool_id])
        if await self._pools.settle_close(pool.pool_id, counts):
            await self._holds.retire(pool.pool_id)
