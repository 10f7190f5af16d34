"""A crowd that claims, as its owner sees it."""

from contextlib import AbstractContextManager

from loadtests.bench.answer_floor import AnswerFloor
from loadtests.bench.bench import Bench
from loadtests.bench.board import Count
from loadtests.bench.claim_loop import ClaimLoop
from loadtests.bench.claim_round import ClaimOrder, ClaimReport
from loadtests.bench.cores import Cores
from loadtests.bench.crowd import CrowdPlan
from loadtests.bench.round_crowd import RoundCrowd, crowd_of, crowd_on
from loadtests.bench.target import Server
from loadtests.bench.usage import Usage


class ClaimCrowd(RoundCrowd):
    """Viewers with tokens of their own who claim when they are told.

    Args:
        target: has started.
        plan: what the viewers do besides.
    """

    def __init__(self, target: Server, plan: CrowdPlan) -> None:
        super().__init__(target, plan, loop=ClaimLoop)

    def claim(self, order: ClaimOrder) -> tuple[ClaimReport, Usage]:
        """Let a round of claims happen, and return what came of it and what CPU time everybody used meanwhile.

        Raises:
            LoadError: the crowd has died.
        """
        report, usage = self.play(order, order.timeout_s)
        assert isinstance(report, ClaimReport)
        usage.end(report.took_s)
        return report, usage

    def doubts(self, report: ClaimReport, *, allowed: tuple[str, ...] = (), fresh: bool = True) -> list[str]:
        """Return what is wrong with a round, whatever it was for.

        Args:
            report: the round.
            allowed: reasons of refusal that belong to it.
            fresh: each accepted claim has to have a hold of its own.
        """
        found = {
            "claims without an answer": report.unanswered,
            "answers to nobody's claim": report.strange,
            "holds given twice": report.accepted - report.holds if fresh else 0,
            "viewers cut": self.count(Count.LOST),
        }
        found |= {f"claims refused: {why}": count for why, count in report.refused.items() if why not in allowed}
        return [f"{count:,} {what}" for what, count in found.items() if count]


def claim_crowd(
    bench: Bench, plan: CrowdPlan, cores: Cores, *, processes: int = 1
) -> AbstractContextManager[ClaimCrowd]:
    """Start a gateway, let a crowd in, and stop both at the end.

    Raises:
        LoadError: something does not start, or somebody does not get in.
    """
    return crowd_of(ClaimCrowd, bench, plan, cores, processes=processes)


def claim_floor(plan: CrowdPlan, cores: Cores) -> AbstractContextManager[ClaimCrowd]:
    """Start the floor of a claim, let a crowd in, and stop both at the end.

    Raises:
        LoadError: somebody does not get in.
    """
    return crowd_on(ClaimCrowd, AnswerFloor(cores), plan)
