"""What a buyer of a load test does with what it hears; pure.

In a drop it taps, twice; it pays for what it gets or lets it expire; refused because all is held, it waits in line, and
pays for what comes back. In the soak it claims and gives back. A viewer carries it, and owns the clock.
"""

import random
from collections import deque
from collections.abc import Sequence
from typing import Final, Literal

from ulid import ULID

from live import wire
from loadtests.buyer_plan import Plan
from loadtests.notes import CHECKOUT, CLAIM, CONFIRM, RELEASE, WAITLIST, Notes
from loadtests.records import ClaimRecord, ViewerRecord
from loadtests.tiers import DROP_SKU, SECOND_TAP_MS, TAPS_EACH, TRICKLE_HOLD_MS, TRICKLE_SKU

PAYMENT_METHOD: Final = "pm_test_ok"
"""Authorised at once by the built-in provider."""

AGAIN_MS: Final = 1_000.0
"""Before something is asked again that was refused for now; up to as much again is added at random."""

Spoken = list[wire.ClientMessage]
What = Literal["tap", "trickle", "again", "join", "pay", "release"]


class Buyer:
    """One buyer.

    Args:
        subject: who.
        plan: what it is going to do.
        notes: of the process.

    Attributes:
        record: what it was told.
    """

    def __init__(self, subject: str, plan: Plan, notes: Notes) -> None:
        self.record = ViewerRecord(subject=subject)
        self._plan = plan
        self._notes = notes
        self._dice = random.Random(subject)  # noqa: S311 - jitter, no secret
        self._wishes: list[tuple[float, What, str]] = []
        self._new: list[float] = []
        self._skus: dict[str, str] = {}  # by offer
        self._starts_ms: dict[str, int] = {}  # the same
        self._running: set[str] = set()  # offers
        self._sent: dict[str, deque[float]] = {}  # by claim, when each sending without an answer was due
        self._holds: dict[str, str] = {}  # offer by live hold
        self._told_here: set[tuple[str, str]] = set()  # news of this connection
        self._paid: dict[str, float] = {}  # when a checkout was sent, by hold, until it is confirmed
        self._asked: dict[str, float] = {}  # when a request was made, by what it is about

    # --- what is on stage -----------------------------------------------------------------------------------------

    def offered(self, offer: wire.OfferCard) -> None:
        """Hear of an offer that is open, or will be."""
        if offer.offer_id in self._skus:
            return
        self._skus[offer.offer_id] = offer.sku
        self._starts_ms[offer.offer_id] = offer.starts_at_ms
        self._running.add(offer.offer_id)
        if offer.sku == DROP_SKU:
            for tap in range(TAPS_EACH):
                due_ms = offer.starts_at_ms + self._plan.tap_after_ms + tap * SECOND_TAP_MS
                self._wish(due_ms, "tap", offer.offer_id)
        elif offer.sku == TRICKLE_SKU:
            for after_ms in self._plan.trickles_ms:
                self._wish(offer.starts_at_ms + 500 + after_ms, "trickle", offer.offer_id)

    def ended(self, offer_id: str) -> None:
        """Hear that an offer is over."""
        self._running.discard(offer_id)

    # --- time -----------------------------------------------------------------------------------------------------

    def new_wishes(self) -> list[float]:
        """Return when it wants to act, as far as it has not said so before."""
        new, self._new = self._new, []
        return new

    def act(self, due_ms: float, now_ms: float) -> Spoken:
        """Return what it says at a moment that it has wished for; ``now_ms`` is when it comes to that."""
        due = [wish for wish in self._wishes if wish[0] <= due_ms]
        self._wishes = [wish for wish in self._wishes if wish[0] > due_ms]
        said: Spoken = []
        for at_ms, what, about in due:
            said += self._do(what, about, at_ms, now_ms)
        return said

    def _wish(self, at_ms: float, what: What, about: str) -> None:
        self._wishes.append((at_ms, what, about))
        self._new.append(at_ms)

    def _wish_again(self, now_ms: float, what: What, about: str) -> None:
        self._wish(now_ms + AGAIN_MS * (1 + self._dice.random()), what, about)

    def _do(self, what: What, about: str, at_ms: float, now_ms: float) -> Spoken:
        match what:
            case "tap":
                return self._tap(about, at_ms, now_ms)
            case "trickle":
                if about not in self._running:
                    return []
                self._wish(at_ms + self._plan.trickle_every_ms, "trickle", about)
                return [self._claim(str(ULID()), about, at_ms, now_ms)]
            case "again":
                claim = self.record.claims[about]
                return [self._claim(about, claim.offer_id, at_ms, now_ms)] if claim.offer_id in self._running else []
            case "join":
                return [self._join(about)] if about in self._running else []
            case "pay":
                return [self._pay(about, at_ms)] if about in self._holds else []
            case "release":
                self._asked[about] = at_ms
                return [self._release(about)] if about in self._holds else []

    def _tap(self, offer_id: str, at_ms: float, now_ms: float) -> Spoken:
        if offer_id not in self._running:
            return []
        mine = next((claim_id for claim_id, one in self.record.claims.items() if one.offer_id == offer_id), None)
        return [self._claim(mine or str(ULID()), offer_id, at_ms, now_ms)]

    def _claim(self, claim_id: str, offer_id: str, at_ms: float, now_ms: float) -> wire.Claim:
        claim = self.record.claims.setdefault(claim_id, ClaimRecord(offer_id=offer_id))
        claim.sends += 1
        claim.sent_after_ms.append(int(now_ms - self._starts_ms[offer_id]))
        self._sent.setdefault(claim_id, deque()).append(at_ms)
        return wire.Claim(claim_id=claim_id, offer_id=offer_id, quantity=1)

    def _pay(self, hold_id: str, at_ms: float) -> wire.Checkout:
        self._asked.setdefault(hold_id, at_ms)
        self._paid.setdefault(hold_id, at_ms)
        self._owed(CHECKOUT, hold_id)
        return wire.Checkout(hold_id=hold_id, payment_method=PAYMENT_METHOD)

    def _join(self, offer_id: str) -> wire.WaitlistJoin:
        self._owed(WAITLIST, offer_id)
        return wire.WaitlistJoin(offer_id=offer_id)

    def _release(self, hold_id: str) -> wire.Release:
        self._owed(RELEASE, hold_id)
        return wire.Release(hold_id=hold_id)

    def _owed(self, name: str, about: str) -> None:
        if f"{name} {about}" not in self.record.unanswered:
            self.record.unanswered.append(f"{name} {about}")

    def _not_owed(self, name: str, about: str) -> None:
        if f"{name} {about}" in self.record.unanswered:
            self.record.unanswered.remove(f"{name} {about}")

    def back(self, live: Sequence[wire.HoldCard], now_ms: float) -> Spoken:
        """Go on after the connection had ended: ask again for what was under way, and believe which holds live."""
        self._told_here.clear()
        self.record.unanswered.clear()  # nobody is owed an answer that was lost on the way
        self._believe(live, now_ms)
        said: Spoken = []
        for claim_id, sent in self._sent.items():
            claim = self.record.claims[claim_id]
            claim.sends -= len(sent)  # nor one to these
            sent.clear()
            said.append(self._claim(claim_id, claim.offer_id, now_ms, now_ms))
        for hold_id, offer_id in self._holds.items():
            if hold_id in self._paid:
                said.append(self._pay(hold_id, now_ms))
            elif hold_id in self._asked and self._skus.get(offer_id) == TRICKLE_SKU:
                said.append(self._release(hold_id))
        said += [self._join(asked) for asked in self._asked if asked in self._running]
        return said

    def _believe(self, live: Sequence[wire.HoldCard], now_ms: float) -> None:
        """Take over what became of holds while nobody was there to hear of it."""
        known = {card.hold_id for card in live}
        for hold_id in [one for one in self._holds if one not in known]:
            del self._holds[hold_id]
            self.record.ended_away.append(hold_id)
        for card in live:
            if card.hold_id not in self._holds and card.claim_id not in self.record.claims:
                self.record.promoted[card.hold_id] = card.offer_id
                self._paid.setdefault(card.hold_id, now_ms)
            self._keep(card)

    def _keep(self, hold: wire.ClaimAccepted | wire.HoldPromoted | wire.HoldCard) -> None:
        self._holds[hold.hold_id] = hold.offer_id
        self.record.deadlines[hold.hold_id] = hold.expires_at_ms

    # --- answers and news -----------------------------------------------------------------------------------------

    def hear(self, message: wire.ServerMessages, now_ms: float) -> Spoken:
        """Take what was said to this buyer, and return what it says to that."""
        match message:
            case wire.ClaimAccepted():
                return self._accepted(message, now_ms)
            case wire.ClaimRefused():
                return self._refused(message, now_ms)
            case wire.WaitlistJoined():
                self._took(WAITLIST, message.offer_id, now_ms)
            case wire.WaitlistRefused():
                self._not_owed(WAITLIST, message.offer_id)
                if message.temporary:
                    self._wish_again(now_ms, "join", message.offer_id)
            case wire.HoldPromoted():
                self.record.promoted[message.hold_id] = message.offer_id
                self._keep(message)
                return [self._pay(message.hold_id, now_ms)]
            case wire.HoldExpired():
                self.record.expired.append(message.hold_id)
                self._not_owed(RELEASE, message.hold_id)
                self._holds.pop(message.hold_id, None)
            case wire.HoldReleased():
                self.record.released.append(message.hold_id)
                self._took(RELEASE, message.hold_id, now_ms)
                self._holds.pop(message.hold_id, None)
            case _:
                self._news(message, now_ms)
        return []

    def _took(self, name: str, about: str, now_ms: float) -> None:
        self._not_owed(name, about)
        asked_ms = self._asked.pop(about, None)
        if asked_ms is not None:
            self._notes.took(name, now_ms - asked_ms)

    def _answered(self, claim_id: str, answer: str, now_ms: float) -> ClaimRecord | None:
        claim = self.record.claims.get(claim_id)
        if claim is None:
            self.record.errors.append("answer_to_nobody")
            return None
        claim.answers.append(answer)
        if sent := self._sent.get(claim_id):
            self._notes.took(CLAIM, now_ms - sent.popleft())
            if not sent:
                del self._sent[claim_id]
        return claim

    def _accepted(self, message: wire.ClaimAccepted, now_ms: float) -> Spoken:
        claim = self._answered(message.claim_id, message.hold_id, now_ms)
        if claim is None or message.hold_id in claim.answers[:-1]:
            return []
        self._keep(message)
        if self._skus.get(message.offer_id) == TRICKLE_SKU:
            self._wish(now_ms + TRICKLE_HOLD_MS, "release", message.hold_id)
            return []
        return [] if self._plan.lets_go else [self._pay(message.hold_id, now_ms)]

    def _refused(self, message: wire.ClaimRefused, now_ms: float) -> Spoken:
        claim = self._answered(message.claim_id, f"!{message.reason}", now_ms)
        if claim is None or message.claim_id in self._sent:  # the answer to the second tap is still to come
            return []
        if message.reason == "sold_out" and self._skus.get(message.offer_id) == DROP_SKU:
            self._asked[message.offer_id] = now_ms
            return [self._join(message.offer_id)]
        if message.temporary:
            self._wish_again(now_ms, "again", message.claim_id)
        return []

    def _told(self, told: dict[str, list[str]], what: str, message: wire.OrderSubmitted | wire.OrderConfirmed) -> None:
        """Note an order. A new connection is told of the latest ones again; the same one never."""
        orders = told.setdefault(message.hold_id, [])
        if message.order_id not in orders:
            orders.append(message.order_id)
        if (what, message.order_id) in self._told_here:
            self.record.told_twice += 1
        self._told_here.add((what, message.order_id))

    def _news(self, message: wire.ServerMessages, now_ms: float) -> None:
        """Take news of an order, or that something could not be served."""
        match message:
            case wire.OrderSubmitted():
                self._told(self.record.submitted, "submitted", message)
                self._took(CHECKOUT, message.hold_id, now_ms)
            case wire.OrderConfirmed():
                self._told(self.record.confirmed, "confirmed", message)
                if (paid_ms := self._paid.pop(message.hold_id, None)) is not None:
                    self._notes.took(CONFIRM, now_ms - paid_ms)
                self._holds.pop(message.hold_id, None)
            case wire.OrderAction() | wire.OrderDeclined() | wire.OrderRefunded() | wire.OrderUnfulfillable():
                self.record.other_news.append(f"{type(message).__name__} {message.order_id}")
            case wire.Error():
                self.record.errors.append(message.code)
                if message.temporary:
                    for hold_id in self._holds:
                        if hold_id in self._asked:  # it was to be paid, and is not
                            self._wish_again(now_ms, "pay", hold_id)
            case _:
                pass
