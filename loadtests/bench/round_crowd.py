"""A crowd that plays rounds, as its owner sees it, on the gateway and the show where it plays them."""

import contextlib
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from loadtests.bench.bench import Bench
from loadtests.bench.board import new_clock
from loadtests.bench.cores import Cores
from loadtests.bench.crowd import CrowdLoop, CrowdPlan
from loadtests.bench.crowd_process import Crowd
from loadtests.bench.limits import REPORT_TIMEOUT_S
from loadtests.bench.ours import Showdrop
from loadtests.bench.target import Server
from loadtests.bench.usage import Usage, usage_groups
from loadtests.errors import LoadError


class RoundCrowd(Crowd):
    """Viewers with tokens of their own who do what they are told, round by round.

    Args:
        target: has started.
        plan: what the viewers do besides.
        loop: what runs in the process, and understands the rounds.

    Attributes:
        show_id: where they are; empty where there are no shows.
        server: who serves them there.
    """

    def __init__(self, target: Server, plan: CrowdPlan, *, loop: type[CrowdLoop]) -> None:
        super().__init__(target, plan, new_clock(), loop=loop)
        self.show_id = target.show_id if isinstance(target, Showdrop) else ""
        self.server = target

    def play(self, order: object, timeout_s: float) -> tuple[object, Usage]:
        """Let a round happen; return its report, and the CPU time everybody uses from its beginning on.

        Args:
            order: what the crowd's loop understands.
            timeout_s: within which the round ends by itself.

        Raises:
            LoadError: the crowd has died.
        """
        usage = Usage(usage_groups(self.server.pids(), self.pid))
        self._pipe.send(order)
        try:
            if not self._pipe.poll(timeout_s + REPORT_TIMEOUT_S):
                raise LoadError("the crowd did not report")
            return self._pipe.recv(), usage
        except (EOFError, OSError) as error:
            raise LoadError("the crowd ended in the middle of a round") from error

    def rest(self) -> None:
        """Let everybody rest for the time of the plan, and be heard."""
        self.heartbeat(max(self.plan.settle_s / 2, 0.1))
        time.sleep(self.plan.settle_s)


AnyCrowd = TypeVar("AnyCrowd", bound=RoundCrowd)


@contextlib.contextmanager
def crowd_of(
    make: Callable[[Server, CrowdPlan], AnyCrowd], bench: Bench, plan: CrowdPlan, cores: Cores, *, processes: int = 1
) -> Iterator[AnyCrowd]:
    """Start a gateway, let a crowd in, and stop both at the end.

    Raises:
        LoadError: something does not start, or somebody does not get in.
    """
    with crowd_on(make, Showdrop(bench.stand, cores.server, new_clock(), processes=processes), plan) as crowd:
        yield crowd


@contextlib.contextmanager
def crowd_on(make: Callable[[Server, CrowdPlan], AnyCrowd], target: Server, plan: CrowdPlan) -> Iterator[AnyCrowd]:
    """Start a target, let a crowd in, and stop both at the end.

    Raises:
        LoadError: something does not start, or somebody does not get in.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(target.stop)
        target.start()
        crowd = make(target, plan)
        stack.callback(crowd.stop)
        crowd.start()
        crowd.wait_in()
        crowd.rest()
        yield crowd
