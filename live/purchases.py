"""What a buyer does with a hold: pay for it or give it back, over HTTP or WebSocket alike."""

from typing import NamedTuple

from checkout.order import Order
from checkout.submit import CheckoutRequest, SaleTerms, Submitter
from inventory.holds import EndedHold, Hold, Holds
from kit.errors import NotFoundError
from kit.ids import pool_no_of
from live.inbox import Inbox
from live.offers import OfferDirectory, SellableOffer


class Checkout(NamedTuple):
    """The order, and whether the inbox was told just now: somebody who asks again has to be told apart."""

    order: Order
    is_news: bool


class Release(NamedTuple):
    """The hold as it is afterwards, and whether the inbox was told of its end just now."""

    hold: Hold
    is_news: bool


class Purchases:
    """Finds a hold's pool by its id, then checks out or releases."""

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
            InvalidError: the payment method is not known.
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

    async def release(self, hold_id: str, buyer_id: str) -> "Release":
        """Give a hold back, and tell all of the buyer's connections.

        Raises:
            NotFoundError: ``unknown_hold``.
            UnavailableError: the same call may be repeated.
        """
        offer = await self._offer(hold_id)
        hold = await self._holds.release(offer.pool.pool_id, hold_id, buyer_id)
        if hold is None:
            raise _unknown_hold()
        if hold.status not in ("released", "expired"):
            return Release(hold, is_news=False)
        ended = EndedHold(hold_id=hold_id, pool_id=hold.pool_id, buyer_id=buyer_id, end=hold.status)
        is_news = await self._inbox.hold_ended(ended)
        await self._holds.told([ended])
        return Release(hold, is_news)

    async def _offer(self, hold_id: str) -> SellableOffer:
        pool_no = pool_no_of(hold_id)
        offer = None if pool_no is None else await self._offers.by_no(pool_no)
        if offer is None:
            raise _unknown_hold()
        return offer


def _unknown_hold() -> NotFoundError:
    return NotFoundError("there is no such hold of yours", code="unknown_hold", details={"field": "hold_id"})
