"""What every row gets: the servers, the sizes, and somebody to tell."""

from collections.abc import Callable

import msgspec

from loadtests.bench.cores import Cores
from loadtests.bench.crowd import CrowdPlan
from loadtests.bench.limits import CROWD_MOST_SHARE, Sizes
from loadtests.bench.server import Stand


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """A run of the benchmarks.

    Attributes:
        stand: the servers.
        sizes: how big everything is.
        cores: who runs where.
        tell: gets a line of progress.
    """

    stand: Stand
    sizes: Sizes
    cores: Cores
    tell: Callable[[str], None]

    def plan(self, **how: int) -> CrowdPlan:
        """Return the plan of a crowd of the usual size beside the server's core."""
        usual = CrowdPlan(viewers=self.sizes.viewers, settle_s=self.sizes.settle_s, cores=self.cores.rest)
        return msgspec.structs.replace(usual, **how)


def crowd_doubts(crowd_share: float) -> list[str]:
    """Return what there is to say against a load client that used this share of its core."""
    if crowd_share <= CROWD_MOST_SHARE:
        return []
    return [f"the load client used {crowd_share:.0%} of its core: it may have made the figure"]
