"""The waiting lists of offers, as a gateway asks for them: who waits gets the next unit that comes back."""

from collections.abc import Sequence
from typing import Final

from inventory.holds import Holds, InLine
from kit.batches import Batchers
from kit.errors import UnavailableError
from kit.log import logger
from live.answer_limit import answer_limit
from live.limits import JOINS_MOST_PER_CALL, WAITLIST_MOST_UNDER_WAY
from live.offers import OfferDirectory, SellableOffer
from live.wire import WaitlistRefusalReason

_log = logger("waiting_lists")

TEMPORARY: Final[frozenset[WaitlistRefusalReason]] = frozenset(
    {"not_open", "waitlist_full", "recovering", "rate_limited"}
)
"""Refusals after which asking again makes sense."""


_Answer = InLine | WaitlistRefusalReason


class WaitingLists:
    """Puts buyers on the list of an offer and takes them off. Refusals are answers, not errors.

    When an offer is sold out, most of those who wanted it join at once: who joins while a call is under way shares the
    next one, as claims do.
    """

    def __init__(self, offers: OfferDirectory, holds: Holds) -> None:
        self._offers = offers
        self._holds = holds
        self._under_way = 0
        self._joining: Batchers[str, _Answer] = Batchers(
            self._join_together, max_batch=JOINS_MOST_PER_CALL, max_queued=WAITLIST_MOST_UNDER_WAY
        )

    async def join(self, offer_id: str, buyer_id: str) -> InLine | WaitlistRefusalReason:
        """Let a buyer wait for one unit, or tell the place of one who waits."""
        if self._under_way >= WAITLIST_MOST_UNDER_WAY:
            return "rate_limited"
        self._under_way += 1
        try:
            return await self._joining.submit(offer_id, buyer_id)
        finally:
            self._under_way -= 1

    async def _join_together(self, offer_id: str, buyer_ids: Sequence[str]) -> list[_Answer]:
        try:
            async with answer_limit():
                offer = await self._offers.get(offer_id)
                if offer is None:
                    return ["unknown_offer"] * len(buyer_ids)
                answers: list[_Answer] = [*await self._holds.join_many(offer.pool, buyer_ids)]
                if "recovering" in answers and await self._is_over(offer):
                    return ["ended" if answer == "recovering" else answer for answer in answers]
        except (UnavailableError, TimeoutError) as error:
            # Who came meanwhile has waited as well: they are answered with these.
            self._joining.answer_waiting(offer_id, "recovering")
            _log.warning("waitlist_waits", offer_id=offer_id, error=str(error))
            return ["recovering"] * len(buyer_ids)
        return answers

    async def _is_over(self, offer: SellableOffer) -> bool:
        """Tell whether nobody rebuilds the book any more; what is kept of the offer may be of an earlier life of it."""
        if offer.pool.finished:
            return True
        self._offers.forget(offer.pool.pool_id)
        fresh = await self._offers.get(offer.pool.pool_id)
        if fresh is not None and fresh.pool.finished:
            return True
        self._offers.forget(offer.pool.pool_id)  # its epoch may be about to change
        return False

    async def leave(self, offer_id: str, buyer_id: str) -> WaitlistRefusalReason | None:
        """Let a buyer wait no more; None when that is done."""
        if self._under_way >= WAITLIST_MOST_UNDER_WAY:
            return "rate_limited"
        self._under_way += 1
        try:
            async with answer_limit():
                await self._holds.leave(offer_id, buyer_id)
        except (UnavailableError, TimeoutError) as error:
            _log.warning("waitlist_waits", offer_id=offer_id, error=str(error))
            return "recovering"
        finally:
            self._under_way -= 1
        return None
