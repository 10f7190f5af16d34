"""The hold book of one pool, pure: the promises of ``holds.py`` as plain Python, and the oracle of the tests.

Nothing here is fast, awaits, or knows the time: ``now_ms`` is an argument. Units are counted by looking at every hold,
so no counter can be wrong. The life of a single hold is in ``hold.py``; this is what holds have to do with each other:

* A call that may give units away asks for the newest book: ``claim`` and ``join`` name the epoch, and a book gives
  units to who waits only on the server process that began the epoch.
* A deadline that passed is noticed by ``claim``, ``join``, ``sweep`` and a ``resolve`` that looks for units, for every
  hold; by the calls about one hold, for that one. Until then an overdue hold is counted as held, but can be neither
  used nor seen.
* Where units come free they go to who waits, before the call is over.
"""

from collections.abc import Sequence
from copy import deepcopy

from msgspec.structs import replace

from inventory.book_state import BookState
from inventory.hold import HoldRecord, deadline_ms, ordered
from inventory.hold_ids import KEY_ATTEMPTS, born_ms_of, hold_id, key_of, key_of_claim
from inventory.holds import (
    Accepted,
    ClaimAnswer,
    ClaimRequest,
    Hold,
    HoldEvent,
    HoldNews,
    InLine,
    JoinRefusal,
    OpenOrder,
    OrderEnd,
    Pool,
    Refused,
)
from inventory.limits import BUYER_HOLDS_MOST, WAITING_MOST

_RECOVERING = Refused(reason="recovering", temporary=True)
_INVALID = Refused(reason="invalid", temporary=False)


class Book(BookState):
    """One pool's book. Before ``open`` or ``rebuild`` there is none: claims are told so, and no hold is found."""

    # --- The pool -----------------------------------------------------------------------------------------------------

    def open(self, pool: Pool) -> None:
        """Begin the book of a new pool; calling it again changes nothing."""
        if self.pool is None:
            self.pool, self.current = pool, True

    def prolong(self, pool: Pool, now_ms: int) -> None:
        """Let the book of this epoch know a later end."""
        known = self.pool
        if known is not None and known.epoch == pool.epoch and known.ends_at_ms < pool.ends_at_ms:
            self.pool = replace(known, ends_at_ms=pool.ends_at_ms)
            self._hand_on(now_ms)

    def freeze(self) -> None:
        """Take no more claims, for good, and let those who wait go."""
        if self.pool is not None:
            self.frozen = True
            self.line.clear()

    def copy(self) -> "Book":
        """Return the book as it is now, for ``lose``."""
        return deepcopy(self)

    def lose(self, older: "Book") -> None:
        """Become an older copy on another server process: what a crash leaves that lost the tail."""
        self.__dict__.update(deepcopy(older.__dict__))
        self.change_server()

    def change_server(self) -> None:
        """Come up on another server process with the memory complete, as after a clean restart."""
        self.current = False

    # --- Claims -------------------------------------------------------------------------------------------------------

    def claim(self, pool: Pool, claims: Sequence[ClaimRequest], now_ms: int) -> list[ClaimAnswer]:
        """Decide claims in order; those whose key another claim's hold has come again after all others."""
        answers: list[ClaimAnswer] = [_INVALID] * len(claims)
        again = list(range(len(claims)))
        for attempt in range(KEY_ATTEMPTS):
            if not again:
                break
            trusted = self._trusted(pool)
            if trusted:
                self._notice(now_ms)
            twins = []
            for place in again:
                answer = self._decide(claims[place], attempt, now_ms) if trusted else _RECOVERING
                if answer is None:
                    twins.append(place)
                else:
                    answers[place] = answer
            again = twins
        return answers

    def _decide(self, claim: ClaimRequest, attempt: int, now_ms: int) -> ClaimAnswer | None:
        """Answer one claim by its key of this attempt; None when another claim's hold has this key."""
        pool, key = self.terms(), key_of_claim(claim.claim_id, attempt)
        known = self.holds.get(key)
        if known is not None:
            # Which claim a hold belongs to is not known when it comes from Postgres, or from the waiting list.
            if known.claim_id != claim.claim_id and (known.claim_id or known.buyer_id != claim.buyer_id):
                return None
            if known.buyer_id != claim.buyer_id or known.asked != claim.quantity:
                return _INVALID
            return Accepted(hold_id=known.hold_id, expires_at_ms=known.deadline_ms)
        if now_ms < pool.starts_at_ms:
            return Refused(reason="not_open", temporary=True)
        if self.is_over(now_ms):
            return Refused(reason="ended", temporary=False)
        if self.units_of(claim.buyer_id, now_ms) + claim.quantity > pool.per_buyer_limit:
            return Refused(reason="buyer_limit", temporary=False)
        if len(self.holds_of(claim.buyer_id, now_ms)) >= BUYER_HOLDS_MOST:
            return Refused(reason="buyer_limit", temporary=False)
        if self.line or claim.quantity > self.available():
            return Refused(reason="sold_out", temporary=self.held() > 0)
        hold = self._make(key, claim, pool.hold_ttl_ms, now_ms)
        return Accepted(hold_id=hold.hold_id, expires_at_ms=hold.deadline_ms)

    # --- One hold, by its buyer ---------------------------------------------------------------------------------------

    def submit(self, called: str, buyer_id: str, now_ms: int) -> Hold | None:
        """Turn a live hold into one that is being paid; the hold as it is afterwards, None for somebody else's."""
        hold = self._find(called, buyer_id, now_ms)
        if hold is not None:
            hold.act("submit", now_ms)
        return self._seen(hold)

    def extend(self, called: str, buyer_id: str, nth: int, now_ms: int) -> Hold | None:
        """Give a live hold more time, as the ``nth`` extension; answers as ``submit`` does."""
        hold = self._find(called, buyer_id, now_ms)
        if hold is not None:
            hold.prolong(nth, self.terms().hold_ttl_ms, now_ms)
        return self._seen(hold)

    def release(self, called: str, buyer_id: str, keep: int, now_ms: int) -> Hold | None:
        """Give a live hold's units back, all but ``keep``; answers as ``submit`` does."""
        hold = self._find(called, buyer_id, now_ms)
        if hold is None:
            return None
        if keep <= 0 and hold.act("release", now_ms):
            self._tell(hold, "released")
        elif 0 < keep < hold.quantity and hold.act("give", now_ms):
            hold.quantity = keep
        self._hand_on(now_ms)
        return self._seen(hold)

    # --- Whoever decides about many -----------------------------------------------------------------------------------

    def resolve(self, ends: Sequence[OrderEnd], now_ms: int) -> None:
        """End holds as Postgres decided; a sale counts whatever became of its hold here."""
        if self.pool is None:
            return
        late = []
        for end in ends:
            hold = self.holds.get(key_of(end.hold_id))
            if hold is not None and hold.hold_id == end.hold_id and hold.is_live():
                if end.outcome == "sold":
                    # An older copy of the book may have forgotten that a part was given back.
                    hold.quantity = end.quantity
                hold.act("sell" if end.outcome == "sold" else "cancel", now_ms)
            elif end.outcome == "sold":
                late.append(end)
        if late:
            self._expire_all(now_ms)
        for end in late:
            self._sell_late(end, now_ms)
        self.overdrawn = max(0, -self.available())
        self._hand_on(now_ms)

    def _sell_late(self, end: OrderEnd, now_ms: int) -> None:
        """Count the sale of a hold that ended another way, or is not known."""
        key, born_ms = key_of(end.hold_id), born_ms_of(end.hold_id)
        hold = self.holds.get(key)
        if hold is not None and hold.hold_id != end.hold_id:
            self.unrecorded[end.buyer_id] += end.quantity
            return
        if hold is None:
            order = OpenOrder(hold_id=end.hold_id, buyer_id=end.buyer_id, quantity=end.quantity, status="sold")
            self.holds[key] = hold = ordered(order, None, born_ms)
        elif hold.act("sell", now_ms):
            hold.buyer_id, hold.quantity = end.buyer_id, end.quantity
        else:
            return
        # The buyer may have claimed again meanwhile. The limit is Postgres's to judge.
        hold.beyond_limit = True

    def sweep(self, now_ms: int, *, releasing: bool = False) -> list[HoldNews]:
        """Notice every deadline; with ``releasing``, end live holds of a frozen book too. Returns what is not told."""
        self._expire_all(now_ms)
        if releasing and self.frozen:
            for hold in self.holds.values():
                if hold.act("void", now_ms):
                    self._tell(hold, "released")
        self._hand_on(now_ms)
        return sorted(self.news.values(), key=lambda news: news.what != "promoted")

    def told(self, news: Sequence[HoldNews]) -> None:
        """Forget what buyers have been told."""
        for one in news:
            self.news.pop((one.hold_id, one.what), None)

    def rebuild(self, pool: Pool, orders: Sequence[OpenOrder], now_ms: int, *, closed: bool) -> None:
        """Begin a later epoch: Postgres's orders first, then what survived and fits, oldest deadline first."""
        if self.pool is not None and self.pool.epoch >= pool.epoch:
            return
        survived, self.holds = self.holds, {}
        self.unrecorded.clear()
        self.pool, self.current, self.frozen = pool, True, closed
        for order in orders:
            known = survived.pop(key_of(order.hold_id), None)
            hold = ordered(order, known if known and known.hold_id == order.hold_id else None, now_ms)
            taken = self.units_of(hold.buyer_id, now_ms)
            hold.beyond_limit = taken + hold.quantity > pool.per_buyer_limit
            self.holds[key_of(hold.hold_id)] = hold
        # Postgres had decided about these before anybody noted them here.
        for key, hold in survived.items():
            if hold.status == "sold":
                hold.beyond_limit = True
                self.holds[key] = hold
        self.overdrawn = max(0, -self.available())
        for key, hold in sorted(survived.items(), key=lambda item: (item[1].deadline_ms, item[0])):
            if hold.status != "sold":
                self._keep(key, hold, now_ms)
        if closed:
            self.line.clear()
        self._hand_on(now_ms)

    def _keep(self, key: str, hold: HoldRecord, now_ms: int) -> None:
        """Take a hold that survived into the new epoch, unless it is over or has no room."""
        pool = self.terms()
        fits = hold.quantity <= self.available()
        fits = fits and self.units_of(hold.buyer_id, now_ms) + hold.quantity <= pool.per_buyer_limit
        if hold.is_overdue(now_ms):
            hold.act("expire", now_ms)
            self._tell(hold, "expired")
        elif hold.is_live() and not fits:
            hold.act("drop", now_ms)
            self._tell(hold, "released")
        elif hold.status == "submitted":
            hold.submitted_at_ms = now_ms
        self.holds[key] = hold

    # --- Who waits ----------------------------------------------------------------------------------------------------

    def join(self, pool: Pool, buyer_id: str, now_ms: int) -> InLine | JoinRefusal:
        """Let a buyer wait for one unit; who waits already keeps their place."""
        if not self._trusted(pool):
            return "recovering"
        if now_ms < self.terms().starts_at_ms:
            return "not_open"
        if self.is_over(now_ms):
            return "ended"
        waited = buyer_id in self.line
        self._notice(now_ms)
        if not waited:
            if not self._may_have_more(buyer_id, now_ms):
                return "buyer_limit"
            if len(self.line) >= WAITING_MOST:
                return "waitlist_full"
            self.line.append(buyer_id)
            self._hand_on(now_ms)
        if buyer_id in self.line:
            return InLine(place=self.line.index(buyer_id) + 1)
        # Whoever left the line without a unit got their share in another way.
        return InLine(place=0) if self.holds_of(buyer_id, now_ms) else "buyer_limit"

    def leave(self, buyer_id: str) -> bool:
        """Let a buyer wait no more; returns whether they waited."""
        if buyer_id not in self.line:
            return False
        self.line.remove(buyer_id)
        return True

    def name(self, called: str, named: str) -> None:
        """Give a hold that came from the waiting list the id that a real book gave it: no rule says what it is."""
        self.holds = {key_of(named) if hold.hold_id == called else key: hold for key, hold in self.holds.items()}
        self.holds[key_of(named)].hold_id = named
        for (known, what), news in list(self.news.items()):
            if known == called:
                del self.news[known, what]
                self.news[named, what] = replace(news, hold_id=named)

    # --- Steps --------------------------------------------------------------------------------------------------------

    def _trusted(self, pool: Pool) -> bool:
        return self.pool is not None and self.pool.epoch == pool.epoch and self.current

    def _find(self, called: str, buyer_id: str, now_ms: int) -> HoldRecord | None:
        """Return a buyer's hold, whose deadline is noticed now."""
        hold = self.holds.get(key_of(called))
        if hold is None or hold.hold_id != called or hold.buyer_id != buyer_id:
            return None
        if self._expire(hold, now_ms):
            self._hand_on(now_ms)
        return hold

    def _seen(self, hold: HoldRecord | None) -> Hold | None:
        return None if hold is None else hold.seen(self.terms().pool_id)

    def _notice(self, now_ms: int) -> None:
        """Notice every deadline that passed."""
        self._expire_all(now_ms)
        self._hand_on(now_ms)

    def _expire_all(self, now_ms: int) -> None:
        for hold in self.holds.values():
            self._expire(hold, now_ms)

    def _expire(self, hold: HoldRecord, now_ms: int) -> bool:
        over = hold.is_overdue(now_ms) and hold.act("expire", now_ms)
        if over:
            self._tell(hold, "expired")
        return over

    def _hand_on(self, now_ms: int) -> None:
        """Give free units to who waits, first come first served; who may not have more leaves the line."""
        if self.pool is None or not self.current or self.is_over(now_ms):
            return
        while self.line and self.available() > 0:
            buyer_id = self.line.pop(0)
            if self._may_have_more(buyer_id, now_ms):
                self.unnamed += 1
                wish = ClaimRequest(pool_id=self.pool.pool_id, claim_id="", buyer_id=buyer_id, quantity=1)
                hold = self._make(f"~{self.unnamed:07}", wish, self.pool.waitlist_hold_ttl_ms, now_ms)
                self._tell(hold, "promoted")

    def _may_have_more(self, buyer_id: str, now_ms: int) -> bool:
        return self.units_of(buyer_id, now_ms) < self.terms().per_buyer_limit

    def _make(self, key: str, claim: ClaimRequest, ttl_ms: int, now_ms: int) -> HoldRecord:
        hold = HoldRecord(
            hold_id=hold_id(self.terms().pool_no, now_ms, key),
            buyer_id=claim.buyer_id,
            claim_id=claim.claim_id or None,
            quantity=claim.quantity,
            asked=claim.quantity,
            born_ms=now_ms,
            deadline_ms=deadline_ms(now_ms + ttl_ms),
        )
        self.holds[key] = hold
        return hold

    def _tell(self, hold: HoldRecord, what: HoldEvent) -> None:
        self.news[hold.hold_id, what] = HoldNews(
            hold_id=hold.hold_id,
            pool_id=self.terms().pool_id,
            buyer_id=hold.buyer_id,
            what=what,
            quantity=hold.quantity,
            expires_at_ms=hold.deadline_ms,
        )
