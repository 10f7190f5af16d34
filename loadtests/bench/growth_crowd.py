"""One crowd of the row ``growth``: a gateway process of its own, and the floor with as many readers."""

import contextlib
import time
from collections.abc import Container, Iterator

import msgspec

from loadtests.bench.answer_floor import OFFER_ID
from loadtests.bench.bench import Bench, crowd_doubts
from loadtests.bench.board import Count
from loadtests.bench.claim_crowd import ClaimCrowd, claim_crowd, claim_floor
from loadtests.bench.claim_round import ClaimOrder, ClaimReport
from loadtests.bench.fan_out import measure_cost
from loadtests.bench.growth import Phase, Turn
from loadtests.bench.growth_limits import (
    CHANGES_PER_S,
    FLOOR_EVENTS,
    GROWTH_IN_FLIGHT,
    PACE_LEAST_SHARE,
    PAUSE_S,
)
from loadtests.bench.lane import Lane, floor_lane
from loadtests.bench.limits import DELIVERY_TIMEOUT_S, HOLD_LONG_MS, POLL_S, WARM_UP_CLAIMS
from loadtests.bench.process_figures import cpu_ns
from loadtests.bench.server import SKU
from loadtests.bench.usage import API, CLIENT, Usage, usage_groups
from loadtests.errors import LoadError

_SOLD_OUT = "sold_out"


class GrowthCrowd:
    """Viewers on a gateway process, with the offers that they claim from; made by ``growth_crowd``.

    Args:
        bench: whose stand it is.
        crowd: is in.
        floor: as many readers.
        claim_floor: as many who claim.
        shop: processes of API and worker.

    Attributes:
        viewers: how many.
        doubts: what was wrong with a claim so far.
    """

    def __init__(
        self, bench: Bench, crowd: ClaimCrowd, floor: Lane, claim_floor: ClaimCrowd, shop: Container[int]
    ) -> None:
        self.viewers = crowd.plan.viewers
        self.doubts: list[str] = []
        self._sizes = bench.sizes
        self._crowd = crowd
        self._floor = floor
        self._claim_floor = claim_floor
        self._shop = shop
        self._changes = int(bench.sizes.growth_s * CHANGES_PER_S)
        self._slow, *self._plenty = _offers(bench, crowd, 1 + bench.sizes.growth_turns, bench.sizes.growth_claims)
        [self._none_left] = _offers(bench, crowd, 1, WARM_UP_CLAIMS)
        crowd.rest()  # the gateway has heard of them by then
        self._claim(self._none_left, WARM_UP_CLAIMS)

    def be_heard(self) -> None:
        """Let everybody be heard: who waits while others have their turns must not count as gone."""
        self._crowd.heartbeat(max(self._sizes.settle_s / 2, 0.1))

    def turn(self) -> Turn:
        """Measure everything once.

        Raises:
            LoadError: the crowd dies, nobody is answered or told of the stock, or an event of the floor is lost.
        """
        claims = self._sizes.growth_claims
        self._crowd.rest()
        self._wait_quiet()
        over_s = claims / self._sizes.growth_claims_per_s
        floor = measure_cost(self._floor, events=FLOOR_EVENTS, together=1)
        claim_floor = self._ask_floor(claims, over_s)
        idle_us_per_s = self._idle_us_per_s()
        steady = self._claim(self._slow, self._changes, over_s=self._sizes.growth_s)
        refused = self._claim(self._none_left, claims, over_s=over_s, allowed=(_SOLD_OUT,))
        plenty = self._plenty.pop()
        accepted = self._claim(plenty, claims)
        again = self._claim(plenty, claims, again=True, over_s=over_s)
        if not steady.frames:
            raise LoadError(f"{self.viewers:,} viewers were not told how the stock changes")
        return Turn(
            viewers=self.viewers,
            idle_us_per_s=idle_us_per_s,
            steady=steady,
            accepted=accepted,
            again=again,
            refused=refused,
            floor_us=floor.server_us,
            claim_floor=claim_floor,
        )

    def _idle_us_per_s(self) -> float:
        pids = self._crowd.server.pids()
        began, used_ns = time.monotonic(), cpu_ns(pids)
        time.sleep(self._sizes.growth_s / 4)
        return (cpu_ns(pids) - used_ns) / 1000 / (time.monotonic() - began)

    def _order(self, offer_id: str, claims: int, *, again: bool = False, over_s: float = 0.0) -> ClaimOrder:
        in_flight = min(GROWTH_IN_FLIGHT, self.viewers // 2)
        return ClaimOrder(offers=[offer_id], each=claims, in_flight=in_flight, again=again, over_s=over_s)

    def _ask_floor(self, claims: int, over_s: float) -> Phase:
        floor, order = self._claim_floor, self._order(OFFER_ID, claims, over_s=over_s)
        report, usage = floor.claim(order)
        found = floor.doubts(report, fresh=False)
        return self._phase(order, report, usage, [f"the floor: {doubt}" for doubt in found])

    def _claim(
        self,
        offer_id: str,
        claims: int,
        *,
        again: bool = False,
        over_s: float = 0.0,
        allowed: tuple[str, ...] = (),
    ) -> Phase:
        crowd = self._crowd
        order = self._order(offer_id, claims, again=again, over_s=over_s)
        groups = usage_groups(crowd.server.pids(), crowd.pid)
        groups[API] = [pid for pid in groups[API] if pid in self._shop]  # the other crowds are nobody's cost
        frames, usage = crowd.count(Count.STOCK_COUNTS), Usage(groups)
        report, _ = crowd.claim(order)
        self._wait_quiet()
        usage.end(report.took_s)
        found = crowd.doubts(report, allowed=allowed, fresh=not again)
        frames = crowd.count(Count.STOCK_COUNTS) - frames
        if allowed and report.accepted:
            found.append(f"{report.accepted:,} claims accepted of an offer that was sold out")
        if (allowed or again) and frames:
            found.append(f"{frames:,} state frames among claims that change no stock")
        return self._phase(order, report, usage, found, frames=frames)

    def _phase(
        self, order: ClaimOrder, report: ClaimReport, usage: Usage, found: list[str], *, frames: int = 0
    ) -> Phase:
        """Return what was used, and keep what is wrong with it."""
        if not report.answered:
            cut = self._crowd.count(Count.LOST)
            raise LoadError(f"no claim of {self.viewers:,} viewers was answered; {cut:,} viewers were cut")
        if order.over_s:
            found += crowd_doubts(usage.shares[CLIENT])
            if report.took_s * PACE_LEAST_SHARE > order.over_s:
                found.append(f"{order.claims:,} claims took {report.took_s:.2f} s, not {order.over_s:.2f}")
        self.doubts += [f"{self.viewers:,} viewers: {doubt}" for doubt in found]
        return Phase(
            claims=report.answered,
            frames=frames,
            took_s=report.took_s,
            used_us=usage.used_us,
            client_share=usage.shares[CLIENT],
            others=usage.others,
        )

    def _wait_quiet(self) -> None:
        """Wait until everything has arrived that was under way."""
        gives_up_at = time.monotonic() + DELIVERY_TIMEOUT_S
        reads, since = -1, 0.0
        while (now := time.monotonic()) < since + PAUSE_S or reads < 0:
            if (seen := self._crowd.count(Count.READS)) != reads:
                reads, since = seen, now
            if now > gives_up_at:
                raise LoadError(f"{self.viewers:,} viewers are still told things that nobody did")
            time.sleep(POLL_S)


def _offers(bench: Bench, crowd: ClaimCrowd, count: int, quantity: int) -> list[str]:
    """Open offers which one buyer may have all of; no hold of them ends while we look."""
    bench.stand.more_stock(count * quantity)
    return bench.stand.host.open_offers(
        crowd.show_id, SKU, count, quantity=quantity, per_buyer_limit=quantity, hold_ttl_ms=HOLD_LONG_MS
    )


def shop_processes() -> frozenset[int]:
    """Return the processes of API and worker; to be asked before any gateway or crowd is there."""
    return frozenset(usage_groups([], None)[API])


@contextlib.contextmanager
def growth_crowd(bench: Bench, viewers: int, shop: Container[int]) -> Iterator[GrowthCrowd]:
    """Start a gateway process and both floors, let a crowd into each, and stop all at the end.

    Raises:
        LoadError: something does not start, or somebody does not get in.
    """
    plan = msgspec.structs.replace(bench.plan(), viewers=viewers)
    with (
        floor_lane(bench.cores, viewers, settle_s=bench.sizes.settle_s) as floor,
        claim_floor(plan, bench.cores) as answers,
        claim_crowd(bench, plan, bench.cores) as crowd,
    ):
        yield GrowthCrowd(bench, crowd, floor, answers, shop)
