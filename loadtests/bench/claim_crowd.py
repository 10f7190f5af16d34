"""A crowd that claims, as its owner sees it, on the gateway and the show that it claims from."""

import contextlib
import time
from collections.abc import Iterator

from loadtests.bench.bench import Bench
from loadtests.bench.board import Count, new_clock
from loadtests.bench.claim_loop import ClaimLoop
from loadtests.bench.claim_round import ClaimOrder, ClaimReport
from loadtests.bench.cores import Cores
from loadtests.bench.crowd import CrowdPlan
from loadtests.bench.crowd_process import Crowd
from loadtests.bench.limits import REPORT_TIMEOUT_S
from loadtests.bench.ours import Showdrop
from loadtests.bench.usage import Usage, usage_groups
from loadtests.server_http import LoadError


class ClaimCrowd(Crowd):
    """Viewers with tokens of their own who claim when they are told.

    Args:
        target: has started.
        plan: what the viewers do besides.
    """

    def __init__(self, target: Showdrop, plan: CrowdPlan) -> None:
        super().__init__(target, plan, new_clock(), loop=ClaimLoop)
        self.show_id = target.show_id

    def claim(self, order: ClaimOrder) -> tuple[ClaimReport, Usage]:
        """Let a round of claims happen, and return what came of it and what CPU time everybody used meanwhile.

        Raises:
            LoadError: the crowd has died.
        """
        usage = Usage(usage_groups(self.target.pids(), self.pid))
        self._pipe.send(order)
        try:
            if not self._pipe.poll(order.timeout_s + REPORT_TIMEOUT_S):
                raise LoadError("the crowd did not report")
            report = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise LoadError("the crowd ended in the middle of its claims") from error
        assert isinstance(report, ClaimReport)
        usage.end(report.took_s)
        return report, usage

    def rest(self) -> None:
        """Let everybody rest for the time of the plan, and be heard."""
        self.heartbeat(max(self.plan.settle_s / 2, 0.1))
        time.sleep(self.plan.settle_s)

    def doubts(self, report: ClaimReport, *, allowed: tuple[str, ...] = ()) -> list[str]:
        """Return what is wrong with a round, whatever it was for.

        Args:
            report: the round.
            allowed: reasons of refusal that belong to it.
        """
        found = {
            "claims without an answer": report.unanswered,
            "answers to nobody's claim": report.strange,
            "holds given twice": report.accepted - report.holds,
            "viewers cut": self.count(Count.LOST),
        }
        found |= {f"claims refused: {why}": count for why, count in report.refused.items() if why not in allowed}
        return [f"{count:,} {what}" for what, count in found.items() if count]


@contextlib.contextmanager
def claim_crowd(bench: Bench, plan: CrowdPlan, cores: Cores, *, processes: int = 1) -> Iterator[ClaimCrowd]:
    """Start a gateway, let a crowd in, and stop both at the end.

    Raises:
        LoadError: something does not start, or somebody does not get in.
    """
    target = Showdrop(bench.stand, cores.server, new_clock(), processes=processes)
    with contextlib.ExitStack() as stack:
        stack.callback(target.stop)
        target.start()
        crowd = ClaimCrowd(target, plan)
        stack.callback(crowd.stop)
        crowd.start()
        crowd.wait_in()
        crowd.rest()
        yield crowd
