"""The claim desk of a gateway: claims of all viewers, group-committed to the hold book (D2)."""

import asyncio
from collections import Counter
from collections.abc import Sequence

from inventory.holds import ClaimAnswer, ClaimRequest, Holds, Refused
from inventory.limits import CLAIM_MOST_PER_CALL
from kit.batch import Batcher
from kit.errors import UnavailableError
from kit.log import logger
from live.limits import CLAIMS_MOST_QUEUED
from live.offers import OfferDirectory

_log = logger("claim_desk")
RECOVERING = Refused(reason="recovering", temporary=True)
UNKNOWN_OFFER = Refused(reason="unknown_offer", temporary=False)


class ClaimDesk:
    """Takes claims one by one and decides them many at a time.

    Attributes:
        counted: claims by (show, result) since ``take_counts`` was last called.
    """

    def __init__(self, holds: Holds, offers: OfferDirectory) -> None:
        self._holds = holds
        self._offers = offers
        self._batcher: Batcher[ClaimRequest, ClaimAnswer] = Batcher(
            self._decide, max_batch=CLAIM_MOST_PER_CALL, max_queued=CLAIMS_MOST_QUEUED
        )
        self._counts: Counter[tuple[str, str]] = Counter()

    def claim(self, request: ClaimRequest) -> "asyncio.Future[ClaimAnswer]":
        """Queue a claim; the future gets its answer, always.

        Raises:
            UnavailableError: too many claims wait.
        """
        return self._batcher.put(request)

    def count(self, show_id: str, result: str, claims: int = 1) -> None:
        """Count claims for the show's report."""
        self._counts[show_id, result] += claims

    def take_counts(self) -> dict[tuple[str, str], int]:
        """Return what was counted since the last call."""
        counts, self._counts = dict(self._counts), Counter()
        return counts

    async def close(self) -> None:
        """Answer what was taken, and take no more."""
        await self._batcher.close()

    async def _decide(self, requests: Sequence[ClaimRequest]) -> list[ClaimAnswer]:
        by_pool: dict[str, list[int]] = {}
        for index, request in enumerate(requests):
            by_pool.setdefault(request.pool_id, []).append(index)
        answers: list[ClaimAnswer] = [RECOVERING] * len(requests)
        decided = await asyncio.gather(
            *(self._decide_pool(pool_id, [requests[i] for i in places]) for pool_id, places in by_pool.items())
        )
        for places, pool_answers in zip(by_pool.values(), decided, strict=True):
            for place, answer in zip(places, pool_answers, strict=True):
                answers[place] = answer
        return answers

    async def _decide_pool(self, pool_id: str, requests: list[ClaimRequest]) -> list[ClaimAnswer]:
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
