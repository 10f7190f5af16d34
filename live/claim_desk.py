"""The claim desk of a gateway: claims of all viewers, group-committed to the hold book (D2).

A claim on a draw is an entry: it goes to Postgres instead, by the same rhythm (decision 0025).
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from prometheus_client import Metric

from inventory.draw import Entered
from inventory.draws_pg import Draws
from inventory.holds import Accepted, ClaimAnswer, ClaimRequest, Holds, Refused
from inventory.limits import CLAIM_MOST_PER_CALL
from kit.batch import Waiter
from kit.batches import Batchers
from kit.errors import UnavailableError
from kit.log import logger
from kit.metrics import ITEMS, Spread, counter, gauge, histogram
from kit.traces import NO_TRACES, ROOT, Traces
from live.answer_limit import answer_limit
from live.limits import (
    CLAIM_ANSWER_MOST_S,
    CLAIM_IDS_KEPT,
    CLAIM_IDS_KEPT_S,
    CLAIMS_MOST_POOLS,
    CLAIMS_MOST_QUEUED,
)
from live.offers import OfferDirectory, SellableOffer
from live.recent_claims import RecentClaims
from live.wire import RefusalReason

_log = logger("claim_desk")
RECOVERING = Refused(reason="recovering", temporary=True)
ENDED = Refused(reason="ended", temporary=False)
INVALID = Refused(reason="invalid", temporary=False)
UNKNOWN_OFFER = Refused(reason="unknown_offer", temporary=False)

DeskAnswer = ClaimAnswer | Entered


class ClaimDesk:
    """Takes claims one by one and decides them many at a time, each pool by its own rhythm: none waits for another.

    A claim waits for Redis at most ``CLAIM_ANSWER_MOST_S``. Whoever is told ``recovering`` then may have a hold all the
    same: it is the answer to the same claim when it comes again, and without that it expires.

    Args:
        traces: told of every accepted claim.
    """

    def __init__(self, holds: Holds, draws: Draws, offers: OfferDirectory, *, traces: Traces = NO_TRACES) -> None:
        self._traces = traces
        self._holds = holds
        self._draws = draws
        self._offers = offers
        self._recent = RecentClaims(keep_s=CLAIM_IDS_KEPT_S, most=CLAIM_IDS_KEPT)
        self._counts: defaultdict[tuple[str, str], int] = defaultdict(int)
        self._counted: defaultdict[str, int] = defaultdict(int)  # by result, of what was taken away for the report
        self._entered = 0
        self._sizes = Spread(ITEMS)
        self._calls = Spread()
        self._pools: Batchers[ClaimRequest, DeskAnswer] = Batchers(
            self._decide,
            max_batch=CLAIM_MOST_PER_CALL,
            max_queued=CLAIMS_MOST_QUEUED,
            max_under_way=CLAIMS_MOST_QUEUED,
            max_names=CLAIMS_MOST_POOLS,
            sizes=self._sizes,
        )

    def claim(self, request: ClaimRequest, waiter: Waiter[DeskAnswer]) -> None:
        """Queue a claim; the waiter gets its answer, always.

        Raises:
            UnavailableError: too many claims wait, or claims for too many pools, or the desk is closed.
        """
        if (self._recent.offer_of(request.claim_id) or request.pool_id) != request.pool_id:
            # Books are apart, so no script can see it: one claim id is one wish, for one offer.
            waiter.set_result(INVALID)
        else:
            self._pools.put_for(request.pool_id, request, waiter)

    def busy(self) -> bool:
        """Tell whether claims wait for their answers."""
        return self._pools.under_way > 0

    def count(self, show_id: str, result: str, claims: int = 1) -> None:
        """Count claims for the show's report."""
        self._counts[show_id, result] += claims

    def take_counts(self) -> dict[tuple[str, str], int]:
        """Return what was counted since the last call."""
        counts, self._counts = dict(self._counts), defaultdict(int)
        for (_, result), claims in counts.items():
            self._counted[result] += claims
        return counts

    def take_back(self, counts: Mapping[tuple[str, str], int]) -> None:
        """Keep counts that could not be written, for the next time."""
        for (show_id, result), claims in counts.items():
            self._counted[result] -= claims
            self.count(show_id, result, claims)

    def collect(self) -> Iterator[Metric]:
        """Yield the families of the metrics; a claim is counted when it is answered."""
        answered = dict.fromkeys(("accepted", *get_args(RefusalReason)), 0) | self._counted
        for (_, result), claims in self._counts.items():
            answered[result] = answered.get(result, 0) + claims
        samples = [(("refused", reason), count) for reason, count in answered.items() if reason != "accepted"]
        yield counter(
            "showdrop_claims_total",
            "Claims by what was answered: accepted, entered (a draw), or refused and why",
            [(("accepted", ""), answered["accepted"]), (("entered", ""), self._entered), *samples],
            ["result", "reason"],
        )
        yield gauge("showdrop_claims_waiting", "Claims that wait for their answers", [((), self._pools.under_way)])
        yield histogram(
            "showdrop_claim_call_seconds", "Seconds of each call that decides a batch of claims", [((), self._calls)]
        )
        yield histogram(
            "showdrop_batch_size",
            "Items that shared one call, by batch",
            [(("gateway", "claims"), self._sizes)],
            ["role", "batch"],
        )

    async def close(self) -> None:
        """Answer what was taken, and take no more."""
        await self._pools.close()

    async def _decide(self, pool_id: str, requests: Sequence[ClaimRequest]) -> list[DeskAnswer]:
        began_ns = time.time_ns()
        try:
            return await self._ask(pool_id, requests, began_ns)
        finally:
            self._calls.add((time.time_ns() - began_ns) / 1e9)

    async def _without_a_book(self, offer: SellableOffer, answers: list[ClaimAnswer]) -> list[ClaimAnswer]:
        """Tell claims on a finished pool that it is over: its book, which nobody rebuilds, cannot say it any more."""
        if not offer.pool.finished:
            self._offers.forget(offer.pool.pool_id)
            fresh = await self._offers.get(offer.pool.pool_id)
            if fresh is None or not fresh.pool.finished:
                self._offers.forget(offer.pool.pool_id)  # its epoch may be about to change
                return answers
        return [ENDED if answer == RECOVERING else answer for answer in answers]

    async def _ask(self, pool_id: str, requests: Sequence[ClaimRequest], began_ns: int) -> list[DeskAnswer]:
        try:
            async with answer_limit():
                offer = await self._offers.get(pool_id)
                if offer is None:
                    return [UNKNOWN_OFFER] * len(requests)
                if offer.pool.mode == "draw":
                    entries = await self._draws.enter(requests)
                    self._entered += sum(isinstance(one, Entered) for one in entries)
                    return [*entries]
                answers = await self._holds.claim_many(offer.pool, requests)
                if RECOVERING in answers:
                    answers = await self._without_a_book(offer, answers)
        except TimeoutError:
            # Who came meanwhile has waited as well: they are answered with these, and only who comes next waits again.
            # Nothing of the lost answer is left behind, for a connection whose caller is cancelled is closed.
            self._pools.answer_waiting(pool_id, RECOVERING)
            _log.warning("claims_wait", offer_id=pool_id, error=f"no answer within {CLAIM_ANSWER_MOST_S:g} s")
            return [RECOVERING] * len(requests)
        except UnavailableError as error:
            # Never fall back to memory (D10): without the book nobody gets a unit, and everybody is told at once.
            _log.warning("claims_wait", offer_id=pool_id, error=error.message)
            return [RECOVERING] * len(requests)
        now = asyncio.get_running_loop().time()
        for request, answer in zip(requests, answers, strict=True):
            if isinstance(answer, Accepted):
                self._recent.add(request.claim_id, offer.pool.pool_id, now)  # one copy of the offer's id serves all
                if self._traces.on:
                    self._traces.span(ROOT, answer.hold_id, began_ns, show_id=offer.show_id, offer_id=pool_id)
        return [*answers]
