"""The keeper of the hold book: expiry made visible, closed pools emptied, a lost book rebuilt (D6, D10).

Each round looks at what *is* and moves it on; any number of keepers may run, and one that dies in the middle has
left nothing half done that the next round does not finish. Correctness never waits for it: the scripts check
deadlines themselves.
"""

from collections.abc import Awaitable, Callable, Container, Iterator, Sequence
from contextlib import contextmanager

from inventory.book_figures import BookFigures
from inventory.holds import Hold, HoldNews, Holds, OpenOrder, PoolCounts
from inventory.limits import NEWS_MOST, SUBMISSION_STALE_MS, TELL_MOST_TIMES
from inventory.pools_pg import Pools, PoolState
from kit.errors import UnavailableError
from kit.log import logger
from kit.metrics import new_registry

_log = logger("keeper")

PROLONG_EVERY_ROUNDS = 5
"""Rounds between two tellings of when pools end."""

REBUILDS_MOST = 3
"""Times that a book is rebuilt because orders changed meanwhile; what changes later, ``resolve`` sets right."""

OVERDUE_EVERY_ROUNDS = 5
"""Rounds between two looks at how late the sweep comes, for the metrics."""

STALE_EVERY_ROUNDS = 25
"""Rounds between two searches for submissions that lost their order."""


class Keeper:
    """One round of work at a time, called by the worker.

    Args:
        pools: the pools in Postgres.
        holds: the book.
        orders_of: the orders of a pool that the book has to know.
        tell: brings news of holds to their buyers; at least once. Returns what it could bring.
        settle_stale: settles the fate of a hold that was submitted long ago and may have no order: Postgres decides
            this too.
        figures: shows what the rounds find.
    """

    def __init__(
        self,
        *,
        pools: Pools,
        holds: Holds,
        orders_of: Callable[[str], Awaitable[Sequence[OpenOrder]]],
        tell: Callable[[Sequence[HoldNews]], Awaitable[Sequence[HoldNews]]],
        settle_stale: Callable[[Hold], Awaitable[None]],
        figures: BookFigures | None = None,
    ) -> None:
        self._figures = BookFigures(new_registry()) if figures is None else figures
        self._pools = pools
        self._holds = holds
        self._orders_of = orders_of
        self._tell = tell
        self._settle_stale = settle_stale
        self._rounds = 0

    async def round(self) -> None:
        """Do everything that is due once.

        Raises:
            UnavailableError: Redis or Postgres does not answer at all; nothing is lost, the next round does it.
        """
        await self._pools.close_overdue()
        pools = await self._recover_lost(await self._pools.unfinished())
        for pool in pools:
            with _passing_over(pool):
                if pool.closed:
                    await self._holds.freeze(pool.pool_id)
                elif self._rounds % PROLONG_EVERY_ROUNDS == 0:
                    # Whoever extended it may have died before the book heard of it.
                    await self._holds.prolong(pool)
        releasing = frozenset(pool.pool_id for pool in pools if pool.release_holds)
        if self._rounds % OVERDUE_EVERY_ROUNDS == 0:
            self._figures.overdue(await self._holds.overdue_ms([pool.pool_id for pool in pools]))
        # The buyers of what ended are told first: a finished pool is not looked at again.
        all_told = await self._sweep([pool.pool_id for pool in pools], releasing)
        await self._give_back([pool for pool in pools if pool.closed], finish=all_told)
        if self._rounds % STALE_EVERY_ROUNDS == 0:
            for pool in pools:
                with _passing_over(pool):
                    for hold in await self._holds.stale_submissions(pool.pool_id, older_than_ms=SUBMISSION_STALE_MS):
                        await self._settle_stale(hold)
        self._rounds += 1
        self._figures.round_ended()

    async def recover(self, pool_id: str) -> PoolCounts | None:
        """Rebuild one pool's book under another epoch; None when the pool is closed.

        An order that was written while the book was rebuilt is unknown to it: then it is rebuilt once more.
        """
        found: PoolCounts | None = None
        for _ in range(REBUILDS_MOST):
            pool = await self._pools.next_epoch(pool_id)
            if pool is None:
                break
            orders = await self._orders_of(pool_id)
            await self._holds.rebuild(pool, orders, closed=pool.closed)
            [found] = await self._holds.counts([pool_id])
            self._figures.rebuilt()
            _log.info("pool_rebuilt", offer_id=pool_id, epoch=found.epoch, available=found.available, held=found.held)
            # One that was refused meanwhile is not looked for: the search for stale submissions finds it.
            known = {(one.hold_id, one.status) for one in orders}
            if known.issuperset((one.hold_id, one.status) for one in await self._orders_of(pool_id)):
                break
        return found

    async def _recover_lost(self, pools: Sequence[PoolState]) -> list[PoolState]:
        """Rebuild the books that are missing, are older than Postgres, or were begun on another server process.

        Returns:
            The pools that can be looked after: a part of a cluster may be away.
        """
        there = []
        found = await self._holds.counts_each([pool.pool_id for pool in pools])
        self._figures.seen(pools, found)
        for pool, counts in zip(pools, found, strict=True):
            if counts is None:
                continue
            with _passing_over(pool):
                if counts.epoch != pool.epoch or not counts.current:
                    await self.recover(pool.pool_id)
                there.append(pool)
        return there

    async def _sweep(self, pool_ids: Sequence[str], releasing: Container[str]) -> bool:
        """Expire what is overdue and bring the news; returns whether no news is left."""
        for _ in range(TELL_MOST_TIMES):
            news = await self._holds.sweep(pool_ids, releasing=releasing)
            told = await self._tell(news) if news else ()
            await self._holds.told(told)
            if len(told) < len(news):
                return False
            if len(news) < NEWS_MOST:
                return True
        return False

    async def _give_back(self, closed: Sequence[PoolState], *, finish: bool) -> None:
        found = await self._holds.counts_each([pool.pool_id for pool in closed])
        for pool, counts in zip(closed, found, strict=True):
            with _passing_over(pool):
                if counts is not None and await self._pools.settle_close(pool.pool_id, counts, finish=finish):
                    await self._holds.retire(pool.pool_id)


@contextmanager
def _passing_over(pool: PoolState) -> Iterator[None]:
    """Leave a pool that cannot be served now to the next round: its part of a cluster may be away."""
    try:
        yield
    except UnavailableError as error:
        _log.warning("pool_waits", offer_id=pool.pool_id, error=error.message)
