"""A round of purchases, from the claim to the news that the order is confirmed; pure, the clock is an argument."""

from array import array
from collections import Counter, deque

import msgspec

from loadtests.bench.claim_frames import ClaimIds, around_id
from loadtests.bench.claim_round import share_of
from loadtests.bench.purchase_frames import checkout_of

STEPS = ("claim to hold", "checkout to order.submitted", "order.submitted to order.confirmed", "claim to confirmed")
"""The times that are taken of each purchase; the last is the whole."""


class PurchasePlan(msgspec.Struct, frozen=True, kw_only=True):
    """What a crowd is to buy: one unit with each purchase, and one purchase of a viewer at a time.

    Attributes:
        offers: one after another.
        each: purchases of each of them.
        in_flight: most purchases under way at the same time.
        over_s: the claims are spread over these seconds, however fast the orders are confirmed; 0: a confirmed order
            makes the next claim.
        timeout_s: from the first claim until the round ends with what there is.
    """

    offers: list[str]
    each: int
    in_flight: int
    over_s: float = 0.0
    timeout_s: float = 120.0

    @property
    def purchases(self) -> int:
        """All purchases of the round."""
        return len(self.offers) * self.each


class Times(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How long a step took: half of the purchases, all but one in a hundred, and the slowest; milliseconds."""

    p50_ms: float
    p99_ms: float
    most_ms: float


class PurchaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a round.

    Attributes:
        bought: confirmed orders by hold.
        failed: purchases that ended otherwise, by what the buyer was told.
        unfinished: purchases that were not confirmed when the round ended.
        strange: news of nobody's purchase, or of another viewer's.
        took_s: from the first claim to the last confirmation.
        times: by step; a claim's wait counts from when it was due.
    """

    bought: dict[str, str]
    failed: dict[str, int]
    unfinished: int
    strange: int
    took_s: float
    times: dict[str, Times]

    @property
    def per_s(self) -> float:
        """Confirmed orders a second."""
        return len(self.bought) / max(self.took_s, 1e-9)

    @property
    def p99_ms(self) -> float:
        """From the claim to the confirmation."""
        return self.times[STEPS[-1]].p99_ms


class _Purchase:
    """One that is under way."""

    __slots__ = ("claim_id", "held_ns", "hold_id", "since_ns", "submitted_ns")

    def __init__(self, claim_id: bytes, since_ns: int) -> None:
        self.claim_id = claim_id
        self.since_ns = since_ns
        self.hold_id = b""
        self.held_ns = self.submitted_ns = 0


class PurchaseRound:
    """A round under way.

    Args:
        plan: what to buy.
        viewers: how many there are.
        ids: of claims.
        now_ns: a monotonic clock.
    """

    def __init__(self, plan: PurchasePlan, viewers: int, ids: ClaimIds, now_ns: int) -> None:
        self.plan = plan
        self._ids = ids
        self._around = [around_id(offer_id) for offer_id in plan.offers]
        self._idle = deque(range(viewers))
        self._open: dict[int, _Purchase] = {}  # by viewer
        self._sent = 0
        self._began_ns = self._ended_ns = now_ns
        self._bought: dict[bytes, bytes] = {}
        self._failed: Counter[bytes] = Counter()
        self._strange = 0
        self._waits = tuple(array("q") for _ in STEPS)
        self._every_ns = plan.over_s * 1e9 / plan.purchases

    @property
    def is_over(self) -> bool:
        """Whether every purchase was made and has its end."""
        return self._sent >= self.plan.purchases and not self._open

    def is_late(self, now_ns: int) -> bool:
        """Tell whether the round has to end as it is."""
        return now_ns - self._began_ns > self.plan.timeout_s * 1e9

    def next(self, now_ns: int) -> tuple[int, bytes] | None:
        """Return a viewer who is to claim now, and what to write; None when nobody is."""
        plan, sent = self.plan, self._sent
        if sent >= plan.purchases or len(self._open) >= plan.in_flight or not self._idle:
            return None
        since_ns = now_ns
        if self._every_ns:
            since_ns = self._began_ns + int(sent * self._every_ns)
            if since_ns > now_ns:
                return None
        viewer = self._idle.popleft()
        before, after = self._around[sent // plan.each]
        claim_id = self._ids.next()
        self._open[viewer] = _Purchase(claim_id, since_ns)
        self._sent = sent + 1
        return viewer, before + claim_id + after

    def held(self, viewer: int, claim_id: bytes, hold_id: bytes, at_ns: int) -> bytes | None:
        """A viewer got a hold: return what it writes to pay for it; None when it had not asked."""
        one = self._open.get(viewer)
        if one is None or one.claim_id != claim_id or one.hold_id:
            self._strange += 1
            return None
        one.hold_id, one.held_ns = hold_id, at_ns
        return checkout_of(hold_id)

    def submitted(self, viewer: int, hold_id: bytes, at_ns: int) -> None:
        """A viewer's order is safe. It may hear that after it was confirmed."""
        one = self._open.get(viewer)
        if one is not None and one.hold_id == hold_id:
            one.submitted_ns = at_ns
        elif hold_id not in self._bought:
            self._strange += 1

    def confirmed(self, viewer: int, hold_id: bytes, order_id: bytes, at_ns: int) -> None:
        """A viewer's order is paid and recorded."""
        one = self._open.get(viewer)
        if one is None or one.hold_id != hold_id:
            self._strange += 1
            return
        submitted_ns = one.submitted_ns or at_ns
        times = (one.held_ns - one.since_ns, submitted_ns - one.held_ns, at_ns - submitted_ns, at_ns - one.since_ns)
        for waits, time_ns in zip(self._waits, times, strict=True):
            waits.append(time_ns)
        self._bought[hold_id] = order_id
        self._end(viewer, at_ns)

    def failed(self, viewer: int, why: bytes, at_ns: int) -> None:
        """A viewer's purchase will not be confirmed."""
        if viewer not in self._open:
            self._strange += 1
            return
        self._failed[why] += 1
        self._end(viewer, at_ns)

    def _end(self, viewer: int, at_ns: int) -> None:
        del self._open[viewer]
        self._idle.append(viewer)
        self._ended_ns = at_ns

    def report(self) -> PurchaseReport:
        """Return what came of it."""
        times = {}
        for step, waits in zip(STEPS, self._waits, strict=True):
            ordered = sorted(waits)
            shares = (share_of(ordered, share) / 1e6 for share in (0.5, 0.99, 1.0))
            times[step] = Times(**dict(zip(Times.__struct_fields__, shares, strict=True)))
        return PurchaseReport(
            bought={hold_id.decode(): order_id.decode() for hold_id, order_id in self._bought.items()},
            failed={why.decode(): count for why, count in self._failed.items()},
            unfinished=len(self._open) + self.plan.purchases - self._sent,
            strange=self._strange,
            took_s=(self._ended_ns - self._began_ns) / 1e9,
            times=times,
        )
