"""A crowd that buys, as its owner sees it."""

from loadtests.bench.board import Count
from loadtests.bench.crowd import CrowdPlan
from loadtests.bench.purchase_loop import PurchaseLoop
from loadtests.bench.purchase_round import PurchasePlan, PurchaseReport
from loadtests.bench.round_crowd import RoundCrowd
from loadtests.bench.target import Server
from loadtests.bench.usage import Usage


class PurchaseCrowd(RoundCrowd):
    """Viewers with tokens of their own who claim and pay when they are told.

    Args:
        target: has started.
        plan: what the viewers do besides.
    """

    def __init__(self, target: Server, plan: CrowdPlan) -> None:
        super().__init__(target, plan, loop=PurchaseLoop)

    def buy(self, plan: PurchasePlan) -> tuple[PurchaseReport, Usage]:
        """Let a round of purchases happen, and return what came of it and what CPU time everybody used meanwhile.

        Raises:
            LoadError: the crowd has died.
        """
        report, usage = self.play(plan, plan.timeout_s)
        assert isinstance(report, PurchaseReport)
        usage.end(report.took_s)
        return report, usage

    def doubts(self, report: PurchaseReport) -> list[str]:
        """Return what is wrong with a round, as its buyers see it; news that came twice counts for all rounds."""
        found = {
            "purchases without an end": report.unfinished,
            "news of nobody's purchase": report.strange,
            "news told twice": self.count(Count.DOUBLES),
            "viewers cut": self.count(Count.LOST),
        }
        found |= {f"purchases that ended with {why}": count for why, count in report.failed.items()}
        return [f"{count:,} {what}" for what, count in found.items() if count]
