"""After a draw: everybody who entered lines up in the hold book, in the drawn order (decision 0025).

Each round looks at what *is*: a drawn pool whose book is not drawn is lined up, be it the first time or after Redis was
lost. Any number may run, and one that dies in the middle is finished by the next round.
"""

from inventory.draws_pg import Draws
from inventory.holds import Holds
from inventory.limits import LINE_UP_MOST_PER_CALL, WAITING_MOST
from inventory.pools_pg import PoolState
from kit.errors import UnavailableError
from kit.log import logger

_log = logger("draw_line")


class DrawLine:
    """One round of work at a time, called by the worker.

    Args:
        draws: who entered.
        holds: the book.
        page: buyers whom one call lines up, at most ``LINE_UP_MOST_PER_CALL``.
    """

    def __init__(self, draws: Draws, holds: Holds, *, page: int = LINE_UP_MOST_PER_CALL) -> None:
        self._draws = draws
        self._holds = holds
        self._page = page

    async def round(self) -> None:
        """Line up what is drawn, and serve the winners; what fails for one draw is tried again by the next round.

        Raises:
            UnavailableError: Redis or Postgres does not answer; the next round goes on.
        """
        pools = await self._draws.drawn_pools()
        counts = await self._holds.counts_each([pool.pool_id for pool in pools])
        for pool, book in zip(pools, counts, strict=True):
            if book is None or book.epoch != pool.epoch or not book.current:
                continue  # its part of a cluster is away, or the keeper rebuilds it first
            try:
                if not book.drawn:
                    await self._line_up(pool)
                elif not pool.lined_up:
                    await self._serve(pool)
            except UnavailableError as error:
                _log.warning("draw_line_waits", offer_id=pool.pool_id, error=error.message)

    async def _line_up(self, pool: PoolState) -> None:
        first, after, left = 1, "", pool.allocated + WAITING_MOST
        while True:
            asked = min(self._page, left)
            page = await self._draws.order(pool.pool_id, after=after, limit=asked)
            left -= len(page)
            last = len(page) < asked or left == 0
            if await self._holds.line_up(pool, [one.buyer_id for one in page], first=first, last=last) == "recovering":
                return
            if last:
                break
            first, after = first + len(page), page[-1].digest
        _log.info("draw_lined_up", offer_id=pool.pool_id, entries=first + len(page) - 1)
        await self._serve(pool)

    async def _serve(self, pool: PoolState) -> None:
        """Give the winners their units, then let the time for passing on begin."""
        while (done := await self._holds.line_up(pool, [], first=1, last=True)) == "more":
            pass
        if done == "done":
            await self._draws.mark_lined_up(pool.pool_id)
