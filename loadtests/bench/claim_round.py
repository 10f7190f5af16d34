"""A round of claims: who asks when, and what came back; pure, the clock's readings are arguments."""

from array import array
from collections import Counter, deque

import msgspec

from loadtests.bench.claim_frames import ClaimIds, around_id


class ClaimOrder(msgspec.Struct, frozen=True, kw_only=True):
    """What a crowd is to claim: one unit with each claim.

    Attributes:
        offers: one after another.
        each: claims for each of them.
        in_flight: most claims that wait for an answer at the same time, of all viewers.
        together: claims that one viewer sends at once; it asks again when all of them are answered.
        first: the viewer who begins; the others follow in turns.
        again: nothing new is asked for: each viewer asks with the id of the last claim that it was told yes to, and the
            answer has to be the same hold.
        over_s: the claims are spread over these seconds, however fast the answers come; 0: an answer makes the next
            claim.
        timeout_s: from the first claim until the round ends with what there is.
        watchers: how many viewers, the last ones, note the stock counts that they see.
        until_available: the round goes on until every watcher has seen so many units after the last answer.
    """

    offers: list[str]
    each: int
    in_flight: int
    together: int = 1
    first: int = 0
    again: bool = False
    over_s: float = 0.0
    timeout_s: float = 60.0
    watchers: int = 0
    until_available: int = 0

    @property
    def claims(self) -> int:
        """All claims of the round."""
        return len(self.offers) * self.each


class Sighting(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A stock count at a viewer: when (milliseconds since the epoch), and how many units there were."""

    at_ms: float
    available: int


class ClaimReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a round.

    Attributes:
        accepted: claims.
        refused: claims by reason.
        unanswered: claims without an answer when the round ended.
        strange: answers to nobody's claim, or to another viewer's, or another hold for a claim that was asked again.
        holds: distinct hold ids; where claims are asked again, no more than viewers.
        took_s: from the first claim to the last answer.
        p50_ms: from the claim (or from when it was due) to its answer.
        p99_ms: the same.
        most_ms: the same.
        expires_at_ms: deadlines of the holds, sorted; only with watchers.
        seen: by watcher, what it saw.
    """

    accepted: int
    refused: dict[str, int]
    unanswered: int
    strange: int
    holds: int
    took_s: float
    p50_ms: float
    p99_ms: float
    most_ms: float
    expires_at_ms: list[int]
    seen: list[list[Sighting]]

    @property
    def answered(self) -> int:
        """Claims with an answer."""
        return self.accepted + sum(self.refused.values())


class ClaimRound:
    """A round under way.

    Args:
        order: what to claim.
        viewers: how many there are.
        ids: of claims.
        now_ns: a monotonic clock.
        given: by viewer, its last claim that got a hold, and the hold; of the rounds before.

    Attributes:
        order: what to claim.
        given: the same after this round.
        seen: by watcher, what it saw.
        expires_at_ms: deadlines of holds, where they are noted.
    """

    def __init__(
        self,
        order: ClaimOrder,
        viewers: int,
        ids: ClaimIds,
        now_ns: int,
        given: dict[int, tuple[bytes, bytes]] | None = None,
    ) -> None:
        assert not order.again or order.together == 1, "a viewer has one claim to ask again"
        self.order = order
        self.given = {} if given is None else given
        self.seen: dict[int, list[Sighting]] = {viewers - 1 - place: [] for place in range(order.watchers)}
        self.expires_at_ms: list[int] = []
        self._ids = ids
        self._around = [around_id(offer_id) for offer_id in order.offers]
        turns = ((order.first + place) % viewers for place in range(viewers - order.watchers))
        self._idle = deque(viewer for viewer in turns if not order.again or viewer in self.given)
        self._owed = [0] * viewers
        self._open: dict[bytes, tuple[int, int]] = {}  # by claim: the viewer, and since when it waits
        self._sent = 0
        self._began_ns = self._ended_ns = now_ns
        self._waits = array("q")
        self._holds: set[bytes] = set()
        self._refused: Counter[bytes] = Counter()
        self._strange = 0
        self._every_ns = order.over_s * 1e9 / order.claims

    @property
    def is_answered(self) -> bool:
        """Whether every claim was made and has its answer."""
        return self._sent >= self.order.claims and not self._open

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        wanted = self.order.until_available
        return self.is_answered and all(told and told[-1].available >= wanted for told in self.seen.values())

    def is_late(self, now_ns: int) -> bool:
        """Tell whether the round has to end as it is."""
        return now_ns - self._began_ns > self.order.timeout_s * 1e9

    def next(self, now_ns: int) -> tuple[int, bytes] | None:
        """Return a viewer who is to write now, and what; None when nobody is."""
        order, sent = self.order, self._sent
        if sent >= order.claims or len(self._open) >= order.in_flight or not self._idle:
            return None
        since_ns = now_ns
        if self._every_ns:
            since_ns = self._began_ns + int(sent * self._every_ns)
            if since_ns > now_ns:
                return None
        viewer = self._idle.popleft()
        before, after = self._around[sent // order.each]
        count = min(order.together, order.each - sent % order.each)
        frames = b""
        for _ in range(count):
            claim_id = self.given[viewer][0] if order.again else self._ids.next()
            self._open[claim_id] = (viewer, since_ns)
            frames += before + claim_id + after
        self._sent = sent + count
        self._owed[viewer] = count
        return viewer, frames

    def accepted(self, viewer: int, claim_id: bytes, hold_id: bytes, at_ns: int) -> None:
        """A viewer got a hold."""
        if self.order.again and self.given.get(viewer) != (claim_id, hold_id):
            self._strange += 1
        elif self._answered(viewer, claim_id, at_ns):
            self._holds.add(hold_id)
            self.given[viewer] = (claim_id, hold_id)

    def refused(self, viewer: int, claim_id: bytes, reason: bytes, at_ns: int) -> None:
        """A viewer got a no."""
        if self._answered(viewer, claim_id, at_ns):
            self._refused[reason] += 1

    def _answered(self, viewer: int, claim_id: bytes, at_ns: int) -> bool:
        asked_by, since_ns = self._open.pop(claim_id, (-1, 0))
        if asked_by != viewer:
            self._strange += 1
            return False
        self._waits.append(at_ns - since_ns)
        self._ended_ns = at_ns
        self._owed[viewer] -= 1
        if not self._owed[viewer]:
            self._idle.append(viewer)
        return True

    def report(self) -> ClaimReport:
        """Return what came of it."""
        waits = sorted(self._waits)
        refused = {reason.decode(): count for reason, count in self._refused.items()}
        return ClaimReport(
            accepted=len(waits) - sum(refused.values()),
            refused=refused,
            unanswered=len(self._open) + self.order.claims - self._sent,
            strange=self._strange,
            holds=len(self._holds),
            took_s=(self._ended_ns - self._began_ns) / 1e9,
            p50_ms=share_of(waits, 0.5) / 1e6,
            p99_ms=share_of(waits, 0.99) / 1e6,
            most_ms=share_of(waits, 1.0) / 1e6,
            expires_at_ms=sorted(self.expires_at_ms),
            seen=list(self.seen.values()),
        )


def share_of(ordered: list[int] | list[float], share: float) -> float:
    """Return the value that ``share`` (0 to 1) of these, in rising order, do not exceed; 0 without any."""
    if not ordered:
        return 0.0
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
