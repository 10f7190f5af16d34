"""The claim desk of a gateway: claims of all viewers, group-committed to the hold book (D2)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial

from inventory.holds import ClaimAnswer, ClaimRequest, Holds, Refused
from inventory.limits import CLAIM_MOST_PER_CALL
from kit.batch import Batcher
from kit.errors import UnavailableError
from kit.log import logger
from live.limits import CLAIMS_MOST_POOLS, CLAIMS_MOST_QUEUED
from live.offers import OfferDirectory

_log = logger("claim_desk")
RECOVERING = Refused(reason="recovering", temporary=True)
UNKNOWN_OFFER = Refused(reason="unknown_offer", temporary=False)


class ClaimDesk:
    """Takes claims one by one and decides them many at a time, each pool by its own rhythm: none waits for another."""

    def __init__(self, holds: Holds, offers: OfferDirectory) -> None:
        self._holds = holds
        self._offers = offers
        self._batchers: dict[str, Batcher[ClaimRequest, ClaimAnswer]] = {}  # of pools with claims under way
        self._taken = 0
        self._closed = False
        self._counts: Counter[tuple[str, str]] = Counter()

    def claim(self, request: ClaimRequest) -> "asyncio.Future[ClaimAnswer]":
        """Queue a claim; the future gets its answer, always.

        Raises:
            UnavailableError: too many claims wait, or the desk is closed.
        """
        batcher = self._batchers.get(request.pool_id)
        if self._closed or self._taken >= CLAIMS_MOST_QUEUED:
            raise UnavailableError("too many claims are waiting; try again", code="overloaded")
        if batcher is None:
            if len(self._batchers) >= CLAIMS_MOST_POOLS:
                raise UnavailableError("claims for too many offers are waiting; try again", code="overloaded")
            batcher = Batcher(
                partial(self._decide, request.pool_id), max_batch=CLAIM_MOST_PER_CALL, max_queued=CLAIMS_MOST_QUEUED
            )
            self._batchers[request.pool_id] = batcher
        answer = batcher.put(request)
        self._taken += 1
        return answer

    def busy(self) -> bool:
        """Tell whether claims wait for their answers."""
        return self._taken > 0

    def count(self, show_id: str, result: str, claims: int = 1) -> None:
        """Count claims for the show's report."""
        self._counts[show_id, result] += claims

    def take_counts(self) -> dict[tuple[str, str], int]:
        """Return what was counted since the last call."""
        counts, self._counts = dict(self._counts), Counter()
        return counts

    async def close(self) -> None:
        """Answer what was taken, and take no more."""
        self._closed = True
        await asyncio.gather(*(batcher.close() for batcher in self._batchers.values()))

    async def _decide(self, pool_id: str, requests: Sequence[ClaimRequest]) -> list[ClaimAnswer]:
        try:
            return await self._ask(pool_id, requests)
        finally:
            self._taken -= len(requests)
            if not self._batchers[pool_id].waiting:
                # Nothing awaits between here and the end of the batcher's task, so no claim can slip in between.
                del self._batchers[pool_id]

    async def _ask(self, pool_id: str, requests: Sequence[ClaimRequest]) -> list[ClaimAnswer]:
        try:
            offer = await self._offers.get(pool_id)
            if offer is None:
                return [UNKNOWN_OFFER] * len(requests)
            answers = await self._holds.claim_many(offer.pool, requests)
        except UnavailableError as error:
            # Never fall back to memory (D10): without the book nobody gets a unit, and everybody is told at once.
            _log.warning("claims_wait", pool_id=pool_id, error=error.message)
            return [RECOVERING] * len(requests)
        if RECOVERING in answers:
            self._offers.forget(pool_id)
        return answers
