"""What a viewer asks the gateway to do: claim units, pay for a hold, give one back."""

import asyncio
from collections.abc import Callable

from inventory.holds import Accepted, ClaimAnswer, ClaimRequest, Refused
from kit.errors import RequestError, UnavailableError
from kit.ids import is_ulid
from kit.log import logger
from live import wire
from live.buyer_news import order_state
from live.limits import CLAIMS_MOST_IN_FLIGHT, OFFER_MOST_UNITS, PURCHASES_MOST_IN_FLIGHT
from live.room import Room
from live.session_ports import House

_log = logger("session")


class ViewerRequests:
    """The requests of one connection.

    Args:
        house: who serves them.
        show_id: the show that the viewer watches.
        buyer_id: who asks; None for a guest, who is refused.
        reply: sends an answer; after the viewer has left it does nothing.
    """

    def __init__(
        self, house: House, show_id: str, buyer_id: str | None, reply: Callable[[wire.ServerMessage], None]
    ) -> None:
        self._house = house
        self._show_id = show_id
        self._buyer_id = buyer_id
        self._reply = reply
        self._claims = 0  # in flight
        self._purchases: set[asyncio.Task[None]] = set()

    def claim(self, claim: wire.Claim, room: Room) -> None:
        """Ask for units; the answer comes when the desk has decided."""
        if self._buyer_id is None:
            self.refuse(claim, "unauthorised", temporary=False)
        elif not is_ulid(claim.claim_id) or not 1 <= claim.quantity <= OFFER_MOST_UNITS:
            self.refuse(claim, "invalid", temporary=False)
        elif claim.offer_id not in room.offer_ids:
            self.refuse(claim, "unknown_offer", temporary=False)
        elif self._claims >= CLAIMS_MOST_IN_FLIGHT:
            self.refuse(claim, "rate_limited", temporary=True)
        else:
            request = ClaimRequest(
                pool_id=claim.offer_id, claim_id=claim.claim_id, buyer_id=self._buyer_id, quantity=claim.quantity
            )
            try:
                answer = self._house.desk.claim(request)
            except UnavailableError:
                self.refuse(claim, "rate_limited", temporary=True)
                return
            self._claims += 1
            answer.add_done_callback(lambda done: self._claimed(claim, done))

    def _claimed(self, claim: wire.Claim, done: "asyncio.Future[ClaimAnswer]") -> None:
        self._claims -= 1
        error = None if done.cancelled() else done.exception()
        if error is not None and not isinstance(error, UnavailableError):
            _log.error("claim_failed", show_id=self._show_id, offer_id=claim.offer_id, exc_info=error)
        if done.cancelled() or error is not None:
            self.refuse(claim, "recovering", temporary=True)
            return
        match done.result():
            case Accepted(hold_id=hold_id, expires_at_ms=expires_at_ms):
                self._house.desk.count(self._show_id, "accepted")
                self._reply(
                    wire.ClaimAccepted(
                        claim_id=claim.claim_id,
                        hold_id=hold_id,
                        offer_id=claim.offer_id,
                        quantity=claim.quantity,
                        expires_at_ms=expires_at_ms,
                    )
                )
            case Refused(reason=reason, temporary=temporary):
                self.refuse(claim, reason, temporary=temporary)

    def refuse(self, claim: wire.Claim, reason: wire.RefusalReason, *, temporary: bool) -> None:
        """Answer a claim with no."""
        self._house.desk.count(self._show_id, reason)
        self._reply(
            wire.ClaimRefused(claim_id=claim.claim_id, offer_id=claim.offer_id, reason=reason, temporary=temporary)
        )

    def purchase(self, message: wire.Checkout | wire.Release) -> None:
        """Begin a checkout or a release; it goes on when the viewer leaves."""
        if len(self._purchases) >= PURCHASES_MOST_IN_FLIGHT:
            self._reply(wire.Error(code="rate_limited", message="wait for the earlier answers", temporary=True))
            return
        task = asyncio.create_task(self._purchase(message))
        self._purchases.add(task)
        task.add_done_callback(lambda done: self._purchase_ended(message, done))

    async def _purchase(self, message: wire.Checkout | wire.Release) -> None:
        if self._buyer_id is None:
            self._reply(wire.Error(code="unauthorised", message="a guest has no holds", temporary=False))
            return
        try:
            if isinstance(message, wire.Checkout):
                await self._check_out(message, self._buyer_id)
            else:
                await self._release(message.hold_id, self._buyer_id)
        except (RequestError, UnavailableError) as error:
            self._reply(wire.Error(code=error.code, message=error.message, temporary=error.temporary))

    def _purchase_ended(self, message: wire.Checkout | wire.Release, purchase: "asyncio.Task[None]") -> None:
        self._purchases.discard(purchase)
        if not purchase.cancelled() and (error := purchase.exception()) is not None:
            _log.error("purchase_failed", show_id=self._show_id, hold_id=message.hold_id, exc_info=error)
            self._reply(wire.Error(code="internal", message="this could not be done; try again", temporary=True))

    async def _check_out(self, message: wire.Checkout, buyer_id: str) -> None:
        """The inbox tells every connection once; who asks again is answered here, and told how the order stands."""
        order, is_news = await self._house.purchases.checkout(message.hold_id, buyer_id, message.payment_method, None)
        if not is_news:
            self._reply(wire.OrderSubmitted(order_id=order.order_id, hold_id=order.hold_id, amount=order.amount))
            state = order_state(order)
            if not isinstance(state, wire.OrderSubmitted):
                self._reply(state)

    async def _release(self, hold_id: str, buyer_id: str) -> None:
        hold, is_news = await self._house.purchases.release(hold_id, buyer_id)
        if hold.status in ("submitted", "sold"):
            why = "the hold is being paid, or was sold, and cannot be given back"
            self._reply(wire.Error(code=f"hold_{hold.status}", message=why, temporary=False))
        elif not is_news:
            told = wire.HoldExpired if hold.status == "expired" else wire.HoldReleased
            self._reply(told(hold_id=hold_id, offer_id=hold.pool_id))
