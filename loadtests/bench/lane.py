"""A lane: a target, its crowd, and the shared clock of its events."""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import median
from typing import TypeVar

from loadtests.bench.board import new_clock
from loadtests.bench.cores import Cores
from loadtests.bench.crowd import CrowdPlan
from loadtests.bench.crowd_process import Crowd
from loadtests.bench.event import spotlight
from loadtests.bench.floor import Floor
from loadtests.bench.limits import SETTLE_S, WARM_UP_EVENTS
from loadtests.bench.ours import Showdrop
from loadtests.bench.server import Stand
from loadtests.bench.target import Target

Result = TypeVar("Result")

EVENT = spotlight(1)
"""What is published: 300 bytes, the same for every target."""


class Lane:
    """A target under load by its own crowd.

    Args:
        target: has started.
        plan: of its crowd.
        sent_at_ns: when each of its events was made; the target may note it more exactly than we can.

    Attributes:
        crowd: the viewers.
        top: number of the newest event.
    """

    def __init__(self, target: Target, plan: CrowdPlan, sent_at_ns: memoryview) -> None:
        self.target = target
        self.crowd = Crowd(target, plan, sent_at_ns)
        self.top = plan.had
        self._sent_at_ns = sent_at_ns

    def connect(self) -> None:
        """Let everyone in, rest for a while, and publish a few events that do not count.

        Raises:
            LoadError: somebody does not get in, or gets no event.
        """
        self.crowd.start()
        self.crowd.wait_in()
        time.sleep(self.crowd.plan.settle_s)
        for _ in range(WARM_UP_EVENTS):
            self.publish()
            self.wait()

    def publish(self, count: int = 1) -> None:
        """Make ``count`` events that arrive together."""
        now_ns = time.monotonic_ns()
        for number in range(self.top + 1, self.top + count + 1):
            self._sent_at_ns[number] = now_ns
        self.target.publish(EVENT, count)
        self.top += count

    def wait(self) -> None:
        """Wait until everyone who reads has the newest event.

        Raises:
            LoadError: they do not get it, in time.
        """
        self.crowd.wait_deliveries((self.top - self.crowd.plan.had) * self.crowd.readers)


@contextlib.contextmanager
def open_lane(target: Target, plan: CrowdPlan, sent_at_ns: memoryview) -> Iterator[Lane]:
    """Start a target, connect a crowd, and stop both at the end."""
    with contextlib.ExitStack() as stack:
        stack.callback(target.stop)
        target.start()
        lane = Lane(target, plan, sent_at_ns)
        stack.callback(lane.crowd.stop)
        lane.connect()
        yield lane


@contextlib.contextmanager
def floor_lane(cores: Cores, viewers: int, *, settle_s: float = SETTLE_S) -> Iterator[Lane]:
    """Open the floor's lane."""
    clock = new_clock()
    plan = CrowdPlan(viewers=viewers, settle_s=settle_s, cores=cores.rest)
    with open_lane(Floor(cores, clock), plan, clock) as lane:
        yield lane


@contextlib.contextmanager
def our_lane(stand: Stand, cores: Cores, plan: CrowdPlan, *, processes: int = 1) -> Iterator[Lane]:
    """Open a lane of a gateway of ``processes`` processes; its cores are the server's, the plan's the crowd's."""
    clock = new_clock()
    with open_lane(Showdrop(stand, cores.server, clock, processes=processes), plan, clock) as lane:
        yield lane


def in_turns(lanes: Sequence[Lane], measure: Callable[[Lane], Result], rounds: int) -> dict[str, list[Result]]:
    """Measure the lanes one after the other, ``rounds`` times, so that a noisy minute hits all of them alike.

    Returns:
        What was measured, by the target's name.
    """
    found: dict[str, list[Result]] = {lane.target.name: [] for lane in lanes}
    for _ in range(rounds):
        for lane in lanes:
            settle_s = lane.crowd.plan.settle_s
            lane.crowd.heartbeat(settle_s / 4)
            time.sleep(settle_s / 2)
            found[lane.target.name].append(measure(lane))
    return found


def middle(found: Sequence[Result], figure: Callable[[Result], float]) -> float:
    """Return the median of a figure."""
    return median(figure(one) for one in found)
