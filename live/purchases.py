"""What a buyer does with a hold: pay for it, give it back, ask for more time, over HTTP or WebSocket alike."""

from typing import NamedTuple

from checkout.order import Order
from checkout.submit import CheckoutRequest, SaleTerms, Submitter
from inventory.hold_ids import pool_no_of
from inventory.holds import Hold, HoldNews, Holds
from inventory.limits import HOLD_EXTENSIONS_MOST
from kit.errors import ConflictError, InvalidError, NotFoundError
from live.inbox import Inbox
from live.limits import OFFER_MOST_UNITS
from live.offers import OfferDirectory, SellableOffer


class Checkout(NamedTuple):
    """The order, and whether the inbox was told just now: somebody who asks again has to be told apart."""

    order: Order
    is_news: bool


class Change(NamedTuple):
    """The hold as it is afterwards, and whether the inbox was told of that just now."""

    hold: Hold
    is_news: bool


class Purchases:
    """Finds a hold's pool by its id, then checks out, releases or extends."""

    def __init__(self, offers: OfferDirectory, holds: Holds, submitter: Submitter, inbox: Inbox) -> None:
        self._offers = offers
        self._holds = holds
        self._submitter = submitter
        self._inbox = inbox

    async def checkout(
        self, hold_id: str, buyer_id: str, payment_method: str, shipping: dict[str, object] | None
    ) -> "Checkout":
        """Turn a hold into an order, and tell all of the buyer's connections.

        Raises:
            InvalidError: the payment method is not known, or cannot take such money.
            NotFoundError: ``unknown_hold``.
            ConflictError: ``hold_expired``, ``hold_released``.
            UnavailableError: the same call may be repeated.
        """
        offer = await self._offer(hold_id)
        terms = SaleTerms(pool_id=offer.pool.pool_id, show_id=offer.show_id, sku=offer.pool.sku, unit_price=offer.price)
        order = await self._submitter.submit(
            CheckoutRequest(
                hold_id=hold_id, buyer_id=buyer_id, terms=terms, payment_method=payment_method, shipping=shipping
            )
        )
        return Checkout(order, await self._inbox.submitted(order))

    async def release(self, hold_id: str, buyer_id: str, *, keep: int = 0) -> "Change":
        """Give a hold back, all but ``keep`` units, and tell all of the buyer's connections.

        Returns:
            The hold as it is afterwards, whatever that is: one that is being paid stays, one that was over stays over.

        Raises:
            InvalidError: ``keep`` is no number of units.
            NotFoundError: ``unknown_hold``.
            UnavailableError: the same call may be repeated.
        """
        if not 0 <= keep <= OFFER_MOST_UNITS:
            raise InvalidError(f"keep is 0 to {OFFER_MOST_UNITS} units", field="keep")
        offer = await self._offer(hold_id)
        hold = await self._holds.release(offer.pool.pool_id, hold_id, buyer_id, keep=keep)
        return await self._told(hold)

    async def extend(self, hold_id: str, buyer_id: str, *, extension: int) -> "Change":
        """Give a live hold more time, as the buyer's n-th extension, and tell all of the buyer's connections.

        Returns:
            The hold as it is afterwards: extended, being paid, or the end that it already had.

        Raises:
            ConflictError: ``extension_limit``; the hold lives, and is as it was.
            InvalidError: ``extension`` is below 1.
            NotFoundError: ``unknown_hold``.
            UnavailableError: the same call may be repeated.
        """
        if extension < 1:
            raise InvalidError("extensions are numbered from 1", field="extension")
        offer = await self._offer(hold_id)
        # A number past the limit is as good as any other past it, and always fits into the book's integers.
        nth = min(extension, HOLD_EXTENSIONS_MOST + 1)
        hold = await self._holds.extend(offer.pool.pool_id, hold_id, buyer_id, nth=nth)
        if hold is not None and hold.status == "held" and hold.extensions < nth:
            raise ConflictError(
                f"a hold is extended at most {HOLD_EXTENSIONS_MOST} times, one after the other",
                code="extension_limit",
                details={"extensions": hold.extensions, "extensions_most": HOLD_EXTENSIONS_MOST},
            )
        return await self._told(hold)

    async def _told(self, hold: Hold | None) -> "Change":
        """Tell the buyer how their hold is now, unless its order does."""
        if hold is None:
            raise _unknown_hold()
        if hold.status == "held":
            return Change(hold, await self._inbox.hold_changed(hold))
        if hold.status not in ("released", "expired"):
            return Change(hold, is_news=False)
        ended = HoldNews(
            hold_id=hold.hold_id,
            pool_id=hold.pool_id,
            buyer_id=hold.buyer_id,
            what=hold.status,
            quantity=hold.quantity,
            expires_at_ms=hold.expires_at_ms,
        )
        is_news = await self._inbox.hold(ended)
        await self._holds.told([ended])
        return Change(hold, is_news)

    async def _offer(self, hold_id: str) -> SellableOffer:
        pool_no = pool_no_of(hold_id)
        offer = None if pool_no is None else await self._offers.by_no(pool_no)
        if offer is None:
            raise _unknown_hold()
        return offer


def _unknown_hold() -> NotFoundError:
    return NotFoundError("there is no such hold of yours", code="unknown_hold", details={"field": "hold_id"})
