"""What a viewer and a claim cost in crowds of different sizes, and how that is judged. Pure.

The rule is that CPU per viewer and per claim is within a fifth whether a thousand watch or ten thousand. There are two
ways to leave that band, and only one of them is bad news. What a gateway does for nobody in particular, such as its
ticks, is shared by all viewers, so that each of them costs less in a larger crowd. That is as it should be, and a limit
on it would ask for a gateway that is slower for many. So what is judged is growth: how much more a viewer costs in a
crowd than in any smaller one. The plain spread, dearest against cheapest, whichever that is, is told beside it.
"""

from collections.abc import Sequence
from itertools import combinations

import msgspec

from loadtests.bench.growth_limits import FRAMES_PER_S
from loadtests.bench.usage import GATEWAY


class Phase(msgspec.Struct, frozen=True, kw_only=True):
    """What was used while a crowd claimed, until everybody had every answer and every state frame.

    Attributes:
        claims: answered.
        frames: state frames that went to all viewers together.
        took_s: from the first claim to the last answer, in seconds.
        used_us: CPU time by role, in µs.
        client_share: of its core, that the load client used.
        others: share of a core that went to what has no part in this.
    """

    claims: int
    frames: int
    took_s: float
    used_us: dict[str, float]
    client_share: float
    others: float

    @property
    def per_s(self) -> float:
        """Claims answered in a second."""
        return self.claims / self.took_s

    def each_us(self, role: str) -> float:
        """Return the CPU time of a role for one claim, in µs; nothing is subtracted."""
        return self.used_us[role] / self.claims


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway with one crowd used in one turn.

    Attributes:
        viewers: of the crowd.
        idle_us_per_s: CPU time in µs of the gateway in one second in which nothing happens.
        steady: while a few claims change the stock of an offer with every tick.
        accepted: while claims become holds, as fast as they are answered.
        again: while claims that became holds are asked again, and answered with the same yes.
        refused: while claims of a sold-out offer are refused.
        floor_us: CPU time in µs of one bare send to one of as many readers.
        claim_floor: while a bare receive and send answers as many claims; its process counts as the gateway.
    """

    viewers: int
    idle_us_per_s: float
    steady: Phase
    accepted: Phase
    again: Phase
    refused: Phase
    floor_us: float
    claim_floor: Phase

    @property
    def frame_us(self) -> float:
        """CPU of the gateway for one state frame to one viewer; nothing is subtracted."""
        return self.steady.used_us[GATEWAY] / self.steady.frames

    @property
    def viewer_us(self) -> float:
        """CPU of the gateway for one viewer in one second of steady state: ``FRAMES_PER_S`` frames."""
        return self.frame_us * FRAMES_PER_S

    @property
    def above_idle_us(self) -> float:
        """The same without what the gateway uses when nothing happens, which is no viewer's."""
        return self.viewer_us - self.idle_us_per_s / self.viewers

    @property
    def frames_per_s(self) -> float:
        """State frames of each viewer in a second of steady state."""
        return self.frames_each(self.steady) / self.steady.took_s

    def frames_each(self, phase: Phase) -> float:
        """Return the state frames of each viewer in a phase."""
        return phase.frames / self.viewers


def growth(costs: Sequence[float]) -> float:
    """Return how much more one costs in a crowd than in a smaller one, at the most; below 1 when it costs less.

    Args:
        costs: by size of the crowd, rising; at least two, all above 0.
    """
    return max(larger / smaller for smaller, larger in combinations(costs, 2))


def spread(costs: Sequence[float]) -> float:
    """Return the dearest against the cheapest; the costs are above 0."""
    return max(costs) / min(costs)
