"""One crowd of the row ``growth``: a gateway process of its own, and the floor with as many readers."""

import contextlib
import time
from collections.abc import Container, Iterator

import msgspec

from loadtests.bench.bench import Bench
from loadtests.bench.claim_crowd import ClaimCrowd, claim_crowd
from loadtests.bench.claim_round import ClaimOrder, ClaimReport
from loadtests.bench.fan_out import measure_cost
from loadtests.bench.growth import Claims, Turn, frames_of
from loadtests.bench.growth_limits import (
    CHANGES_PER_S,
    FLOOR_EVENTS,
    GROWTH_IN_FLIGHT,
    PAUSE_S,
    TURNS,
    WATCHERS,
)
from loadtests.bench.lane import Lane, floor_lane
from loadtests.bench.limits import HOLD_LONG_MS, WARM_UP_CLAIMS
from loadtests.bench.process_figures import cpu_ns
from loadtests.bench.server import SKU
from loadtests.bench.usage import API, CLIENT, GATEWAY, Usage, usage_groups
from loadtests.errors import LoadError

_SOLD_OUT = "sold_out"


class GrowthCrowd:
    """Viewers on a gateway process, with the offers that they claim from; made by ``growth_crowd``.

    Args:
        bench: whose stand it is.
        crowd: is in.
        floor: as many readers.
        shop: processes of API and worker.

    Attributes:
        viewers: how many.
        doubts: what was wrong with a claim so far.
    """

    def __init__(self, bench: Bench, crowd: ClaimCrowd, floor: Lane, shop: Container[int]) -> None:
        self.viewers = crowd.plan.viewers
        self.doubts: list[str] = []
        self._sizes = bench.sizes
        self._crowd = crowd
        self._floor = floor
        self._shop = shop
        self._changes = int(bench.sizes.growth_s * CHANGES_PER_S)
        self._slow, *self._plenty = _offers(bench, crowd, 1 + TURNS, bench.sizes.growth_claims)
        [self._none_left] = _offers(bench, crowd, 1, WARM_UP_CLAIMS)
        crowd.rest()  # the gateway has heard of them by then
        self._claim(self._none_left, WARM_UP_CLAIMS)

    def turn(self) -> Turn:
        """Measure everything once.

        Raises:
            LoadError: the crowd dies, no claim is answered, or an event of the floor does not reach everyone.
        """
        floor = measure_cost(self._floor, events=FLOOR_EVENTS, together=1)
        self._crowd.rest()
        idle_us_per_s = self._idle_us_per_s()
        began = time.monotonic()
        steady, steady_use = self._claim(self._slow, self._changes, over_s=self._sizes.growth_s, watchers=WATCHERS)
        steady_s = time.monotonic() - began
        time.sleep(PAUSE_S)
        refused, refused_use = self._claim(self._none_left, self._sizes.growth_claims, allowed=(_SOLD_OUT,))
        if refused.accepted:
            self.doubts.append(f"{refused.accepted:,} claims accepted of an offer that was sold out")
        time.sleep(PAUSE_S)
        accepted, accepted_use = self._claim(self._plenty.pop(), self._sizes.growth_claims, watchers=WATCHERS)
        return Turn(
            viewers=self.viewers,
            idle_us_per_s=idle_us_per_s,
            steady_us=steady_use.used_us[GATEWAY],
            steady_s=steady_s,
            steady_frames=frames_of(steady.seen),
            steady_client_share=steady_use.shares[CLIENT],
            accepted=_claims(accepted, accepted_use),
            accepted_frames=frames_of(accepted.seen),
            refused=_claims(refused, refused_use),
            floor_us=floor.server_us,
            others=steady_use.others,
        )

    def _idle_us_per_s(self) -> float:
        pids = self._crowd.target.pids()
        began, used_ns = time.monotonic(), cpu_ns(pids)
        time.sleep(self._sizes.growth_s / 4)
        return (cpu_ns(pids) - used_ns) / 1000 / (time.monotonic() - began)

    def _claim(
        self, offer_id: str, claims: int, *, over_s: float = 0.0, watchers: int = 0, allowed: tuple[str, ...] = ()
    ) -> tuple[ClaimReport, Usage]:
        order = ClaimOrder(
            offers=[offer_id],
            each=claims,
            in_flight=min(GROWTH_IN_FLIGHT, self.viewers // 2),
            over_s=over_s,
            watchers=watchers,
        )
        groups = usage_groups(self._crowd.target.pids(), self._crowd.pid)
        groups[API] = [pid for pid in groups[API] if pid in self._shop]  # the other crowds are nobody's cost
        usage = Usage(groups)
        report, _ = self._crowd.claim(order)
        usage.end(report.took_s)
        if not report.answered:
            raise LoadError(f"no claim of {self.viewers:,} viewers was answered")
        found = self._crowd.doubts(report, allowed=allowed)
        self.doubts += [f"{self.viewers:,} viewers: {doubt}" for doubt in found]
        return report, usage


def _claims(report: ClaimReport, usage: Usage) -> Claims:
    return Claims(answered=report.answered, took_s=report.took_s, used_us=usage.used_us)


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
    """Start a gateway process and a floor, let a crowd into each, and stop all at the end.

    Raises:
        LoadError: something does not start, or somebody does not get in.
    """
    plan = msgspec.structs.replace(bench.plan(), viewers=viewers)
    with (
        floor_lane(bench.cores, viewers, settle_s=bench.sizes.settle_s) as floor,
        claim_crowd(bench, plan, bench.cores) as crowd,
    ):
        yield GrowthCrowd(bench, crowd, floor, shop)
