"""What a viewer and a claim cost in crowds of different sizes, and how that is judged. Pure.

The rule is that CPU per viewer and per claim is within a fifth whether a thousand watch or ten thousand. There are two
ways to leave that band, and only one of them is bad news. What a gateway does for nobody in particular, such as its
ticks, is shared by all viewers, so that each of them costs less in a larger crowd. That is as it should be, and a limit
on it would ask for a gateway that is slower for many. So what is judged is growth: how much more a viewer costs in a
crowd than in any smaller one. The plain spread, dearest against cheapest, whichever that is, is told beside it.
"""

from collections.abc import Sequence
from itertools import combinations
from statistics import median

import msgspec

from loadtests.bench.claim_round import Sighting
from loadtests.bench.growth_limits import TICK_APART_MS
from loadtests.bench.usage import GATEWAY


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a round of claims used.

    Attributes:
        answered: claims.
        took_s: from the first claim to the last answer, in seconds.
        used_us: CPU time by role, in µs.
    """

    answered: int
    took_s: float
    used_us: dict[str, float]

    @property
    def per_s(self) -> float:
        """Claims answered in a second."""
        return self.answered / self.took_s

    def each_us(self, role: str) -> float:
        """Return the CPU time of a role for one claim, in µs."""
        return self.used_us[role] / self.answered


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway with one crowd used in one turn; CPU time in µs.

    Attributes:
        viewers: of the crowd.
        idle_us_per_s: while nothing happens.
        steady_us: while the stock of an offer changes with every tick.
        steady_s: for how long, in seconds.
        steady_frames: state frames of each viewer in that time.
        steady_client_share: of its core, that the load client used.
        accepted: while claims become holds.
        accepted_frames: state frames of each viewer in that time.
        refused: while claims of a sold-out offer are refused: no stock changes.
        floor_us: of one bare send to one of as many readers.
        others: share of a core that went to what has no part in this, while the state was steady.
    """

    viewers: int
    idle_us_per_s: float
    steady_us: float
    steady_s: float
    steady_frames: float
    steady_client_share: float
    accepted: Claims
    accepted_frames: float
    refused: Claims
    floor_us: float
    others: float

    @property
    def per_viewer_us(self) -> float:
        """CPU of the gateway for one viewer in one second of steady state; nothing is subtracted."""
        return self.steady_us / self.viewers / self.steady_s

    @property
    def above_idle_us(self) -> float:
        """The same without what the gateway uses when nothing happens."""
        return self.per_viewer_us - self.idle_us_per_s / self.viewers

    @property
    def per_delivery_us(self) -> float:
        """CPU of the gateway for one state frame to one viewer; nothing is subtracted."""
        return self.steady_us / (self.viewers * self.steady_frames)

    @property
    def frames_per_s(self) -> float:
        """State frames of each viewer in a second of steady state."""
        return self.steady_frames / self.steady_s

    @property
    def frames_us(self) -> float:
        """CPU of the gateway for the state frames that went out while claims were accepted, by the steady state."""
        return self.accepted_frames * self.viewers * self.per_delivery_us

    @property
    def claim_us(self) -> float:
        """CPU of the gateway for one accepted claim, without those frames."""
        return (self.accepted.used_us[GATEWAY] - self.frames_us) / self.accepted.answered


def growth(costs: Sequence[float]) -> float:
    """Return how much more one costs in a crowd than in a smaller one, at the most; below 1 when it costs less.

    Args:
        costs: by size of the crowd, rising; at least two, all above 0.
    """
    return max(larger / smaller for smaller, larger in combinations(costs, 2))


def spread(costs: Sequence[float]) -> float:
    """Return the dearest against the cheapest; the costs are above 0."""
    return max(costs) / min(costs)


def frames_of(seen: Sequence[Sequence[Sighting]]) -> float:
    """Return how many ticks brought a viewer news of the stock: the median of some who watched; 0 without any.

    Two offers that change in the same tick arrive together, and are one.
    """
    return median(map(_ticks, seen)) if seen else 0.0


def _ticks(sightings: Sequence[Sighting]) -> int:
    times = [sighting.at_ms for sighting in sightings]
    return sum(1 for before, at in zip([-TICK_APART_MS, *times], times, strict=False) if at - before >= TICK_APART_MS)
