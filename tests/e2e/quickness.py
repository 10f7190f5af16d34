"""What of a verdict says how quick the machine is. Tests do not judge it: they run beside others, on any machine."""

from loadtests.verifier.checks import CHECKS, Verdict
from loadtests.verifier.table import Report

TIMES = {name for name, _ in CHECKS if "p99" in name} | {"state frames", "the load client kept up"}
HOW_SOON = "claims in the first second"


def broken_but_for_times(report: Report) -> list[Verdict]:
    """Return the checks that did not hold, and would have to on the slowest machine."""
    return [
        verdict
        for verdict in report.verdicts
        if verdict.name not in TIMES and any(HOW_SOON not in fault for fault in verdict.faults)
    ]
