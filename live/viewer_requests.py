"""What a viewer asks the gateway to do: claim units, pay for a hold, give one back or keep it longer, wait for one."""

import asyncio
from collections.abc import Callable

from inventory.draw import Entered
from inventory.holds import Accepted, ClaimRequest, Hold, InLine, Refused
from kit.errors import RequestError, UnavailableError
from kit.ids import is_ulid
from kit.log import logger
from live import wire
from live.buyer_news import changed_message, order_state
from live.claim_desk import DeskAnswer
from live.limits import (
    CLAIMS_MOST_IN_FLIGHT,
    OFFER_MOST_UNITS,
    PURCHASES_MOST_IN_FLIGHT,
    WAITLIST_MOST_IN_FLIGHT,
)
from live.room import Room
from live.session_ports import House
from live.waiting_lists import TEMPORARY
from live.wire import WaitlistRefusalReason

_log = logger("session")

_OnHold = wire.Checkout | wire.Release | wire.Extend
_OnList = wire.WaitlistJoin | wire.WaitlistLeave
_Wait = asyncio.Task[WaitlistRefusalReason | None]


class _AskedClaim:
    """A claim on its way; the desk answers it as it would a future, without the turn of the loop that one takes."""

    __slots__ = ("_claim", "_requests")

    def __init__(self, requests: "ViewerRequests", claim: wire.Claim) -> None:
        self._requests = requests
        self._claim = claim

    def set_result(self, answer: DeskAnswer) -> None:
        """Pass the answer on."""
        self._requests.claim_answered(self._claim, answer)

    def set_exception(self, error: Exception) -> None:
        """Pass the error on."""
        self._requests.claim_failed(self._claim, error)

    def cancel(self) -> None:
        """Say that there will be no answer."""
        self._requests.claim_failed(self._claim, None)


class ViewerRequests:
    """The requests of one connection.

    Args:
        house: who serves them.
        show_id: the show that the viewer watches.
        buyer_id: who asks; None for a guest, who is refused.
        reply: sends an answer; after the viewer has left it does nothing.
    """

    __slots__ = (
        "_buyer_id",
        "_claims",
        "_house",
        "_last_wait",
        "_purchases",
        "_reply",
        "_show_id",
        "_waits",
    )

    def __init__(
        self, house: House, show_id: str, buyer_id: str | None, reply: Callable[[wire.ServerMessage], None]
    ) -> None:
        self._house = house
        self._show_id = show_id
        self._buyer_id = buyer_id
        self._reply = reply
        self._claims = 0  # in flight
        self._purchases: set[asyncio.Task[None]] = set()
        self._waits: set[_Wait] = set()
        self._last_wait: dict[str, _Wait] = {}  # by offer

    def claim(self, claim: wire.Claim, room: Room, now: float) -> None:
        """Ask for units; the answer comes when the desk has decided. ``now`` is the loop's clock, in seconds."""
        if self._buyer_id is None:
            self.refuse(claim, "unauthorised", temporary=False)
        elif not is_ulid(claim.claim_id) or not 1 <= claim.quantity <= OFFER_MOST_UNITS:
            self.refuse(claim, "invalid", temporary=False)
        elif claim.offer_id not in room.offer_ids:
            self.refuse(claim, "unknown_offer", temporary=False)
        elif self._claims >= CLAIMS_MOST_IN_FLIGHT or not self._house.claim_rates.allows(self._buyer_id, now):
            self.refuse(claim, "rate_limited", temporary=True)
        else:
            request = ClaimRequest(
                pool_id=claim.offer_id, claim_id=claim.claim_id, buyer_id=self._buyer_id, quantity=claim.quantity
            )
            try:
                self._house.desk.claim(request, _AskedClaim(self, claim))
            except UnavailableError:
                self.refuse(claim, "rate_limited", temporary=True)
                return
            self._claims += 1

    def claim_answered(self, claim: wire.Claim, answer: DeskAnswer) -> None:
        """Tell the viewer what the desk decided."""
        self._claims -= 1
        match answer:
            case Refused():
                self.refuse(claim, answer.reason, temporary=answer.temporary)
            case Accepted():
                self._house.desk.count(self._show_id, "accepted")
                self._reply(
                    wire.ClaimAccepted(
                        claim_id=claim.claim_id,
                        hold_id=answer.hold_id,
                        offer_id=claim.offer_id,
                        quantity=claim.quantity,
                        expires_at_ms=answer.expires_at_ms,
                    )
                )
            case Entered(drawn_at_ms=drawn_at_ms):
                # No unit is given yet: the report's claims, accepted and refused, do not count it.
                self._reply(
                    wire.ClaimEntered(claim_id=claim.claim_id, offer_id=claim.offer_id, drawn_at_ms=drawn_at_ms)
                )

    def claim_failed(self, claim: wire.Claim, error: Exception | None) -> None:
        """Tell the viewer to ask again; ``error`` is what went wrong, None when the gateway ends."""
        self._claims -= 1
        if error is not None and not isinstance(error, UnavailableError):
            _log.error("claim_failed", show_id=self._show_id, offer_id=claim.offer_id, exc_info=error)
        self.refuse(claim, "recovering", temporary=True)

    def refuse(self, claim: wire.Claim, reason: wire.RefusalReason, *, temporary: bool) -> None:
        """Answer a claim with no."""
        self._house.desk.count(self._show_id, reason)
        self._reply(
            wire.ClaimRefused(claim_id=claim.claim_id, offer_id=claim.offer_id, reason=reason, temporary=temporary)
        )

    def purchase(self, message: _OnHold) -> None:
        """Begin a checkout, a release or an extension; it goes on when the viewer leaves."""
        if len(self._purchases) >= PURCHASES_MOST_IN_FLIGHT:
            self._reply(wire.Error(code="rate_limited", message="wait for the earlier answers", temporary=True))
            return
        task = asyncio.create_task(self._purchase(message))
        self._purchases.add(task)
        task.add_done_callback(lambda done: self._purchase_ended(message, done))

    async def _purchase(self, message: _OnHold) -> None:
        if self._buyer_id is None:
            self._reply(wire.Error(code="unauthorised", message="a guest has no holds", temporary=False))
            return
        try:
            match message:
                case wire.Checkout():
                    await self._check_out(message, self._buyer_id)
                case wire.Release(hold_id=hold_id, keep=keep):
                    hold, is_news = await self._house.purchases.release(hold_id, self._buyer_id, keep=keep)
                    self._tell_hold(hold, is_news=is_news)
                case wire.Extend(hold_id=hold_id, extension=extension):
                    hold, is_news = await self._house.purchases.extend(hold_id, self._buyer_id, extension=extension)
                    self._tell_hold(hold, is_news=is_news)
        except (RequestError, UnavailableError) as error:
            self._reply(wire.Error(code=error.code, message=error.message, temporary=error.temporary))

    def _purchase_ended(self, message: _OnHold, purchase: "asyncio.Task[None]") -> None:
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

    def _tell_hold(self, hold: Hold, *, is_news: bool) -> None:
        """Answer a release or an extension, unless the inbox does."""
        if hold.status in ("submitted", "sold"):
            why = "the hold is being paid, or was sold, and stays as it is"
            self._reply(wire.Error(code=f"hold_{hold.status}", message=why, temporary=False))
        elif is_news:
            return
        elif hold.status == "held":
            self._reply(changed_message(hold))
        else:
            told = wire.HoldExpired if hold.status == "expired" else wire.HoldReleased
            self._reply(told(hold_id=hold.hold_id, offer_id=hold.pool_id))

    def wait(self, message: _OnList, room: Room, now: float) -> None:
        """Put the buyer on a waiting list or take them off; it goes on when the viewer leaves."""
        if self._buyer_id is None:
            self.refuse_waiting(message, "unauthorised")
        elif message.offer_id not in room.offer_ids:
            self.refuse_waiting(message, "unknown_offer")
        elif len(self._waits) >= WAITLIST_MOST_IN_FLIGHT or not self._house.claim_rates.allows(self._buyer_id, now):
            self.refuse_waiting(message, "rate_limited")
        else:
            before = self._last_wait.get(message.offer_id)
            task = asyncio.create_task(self._wait(message, self._buyer_id, before))
            self._last_wait[message.offer_id] = task
            self._waits.add(task)
            task.add_done_callback(lambda done: self._wait_ended(message, done))

    async def _wait(self, message: _OnList, buyer_id: str, before: "_Wait | None") -> WaitlistRefusalReason | None:
        """Answer a join or a leave; return why not, or None when it is done."""
        if before is not None:
            await asyncio.wait([before])  # a leave right after its join must not come first
            if not (before.cancelled() or before.exception()) and before.result() == "recovering":
                return self.refuse_waiting(message, "recovering")  # it has waited for Redis as long
        if isinstance(message, wire.WaitlistJoin):
            joined = await self._house.waiting_lists.join(message.offer_id, buyer_id)
            if not isinstance(joined, InLine):
                return self.refuse_waiting(message, joined)
            self._reply(wire.WaitlistJoined(offer_id=message.offer_id, place=joined.place))
        else:
            refusal = await self._house.waiting_lists.leave(message.offer_id, buyer_id)
            if refusal is not None:
                return self.refuse_waiting(message, refusal)
            self._reply(wire.WaitlistLeft(offer_id=message.offer_id))
        return None

    def _wait_ended(self, message: _OnList, wait: "_Wait") -> None:
        self._waits.discard(wait)
        if self._last_wait.get(message.offer_id) is wait:
            del self._last_wait[message.offer_id]
        if not wait.cancelled() and (error := wait.exception()) is not None:
            _log.error("waitlist_failed", show_id=self._show_id, offer_id=message.offer_id, exc_info=error)
            self.refuse_waiting(message, "recovering")

    def refuse_waiting(self, message: _OnList, reason: WaitlistRefusalReason) -> WaitlistRefusalReason:
        """Answer a join or a leave with no. Returns the reason."""
        self._reply(wire.WaitlistRefused(offer_id=message.offer_id, reason=reason, temporary=reason in TEMPORARY))
        return reason
