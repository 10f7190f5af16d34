"""The rows, by name, in the order of the table."""

from collections.abc import Callable, Sequence
from typing import Final

from loadtests.bench.bench import Bench
from loadtests.bench.cores import ANYWHERE, Cores
from loadtests.bench.lane import Lane, floor_lane, our_lane
from loadtests.bench.limits import Sizes
from loadtests.bench.result import RowResult
from loadtests.bench.row_channels import row_channels_lag
from loadtests.bench.row_claims import row_claims_accepted, row_claims_refused
from loadtests.bench.row_drop import row_drop
from loadtests.bench.row_expiry import row_expiry
from loadtests.bench.row_export import row_export
from loadtests.bench.row_fan_out import row_one, row_p99, row_together
from loadtests.bench.row_growth import row_growth
from loadtests.bench.row_many import row_many
from loadtests.bench.row_memory import row_memory
from loadtests.bench.row_paid import row_paid, row_paid_grown
from loadtests.bench.row_resume import row_resume
from loadtests.bench.row_stalled import row_stalled
from loadtests.bench.server import open_stand

FanOutRow = Callable[[Sequence[Lane], Sizes], list[RowResult]]

FAN_OUT_ROWS: Final[dict[str, FanOutRow]] = {"one": row_one, "together": row_together, "p99": row_p99}
"""Rows that any target can run; they share their lanes."""

OWN_ROWS: Final[dict[str, Callable[[Bench], list[RowResult]]]] = {
    "memory": row_memory,
    "many": row_many,
    "resume": row_resume,
    "stalled": row_stalled,
    "claims-accepted": row_claims_accepted,
    "claims-refused": row_claims_refused,
    "drop": row_drop,
    "expiry": row_expiry,
    "growth": row_growth,
}
"""Rows about what only Showdrop does, or what has no floor."""

ALONE_ROWS: Final[dict[str, Callable[[Bench], list[RowResult]]]] = {
    "paid": row_paid,
    "paid-grown": row_paid_grown,
    "export": row_export,
    "channels-lag": row_channels_lag,
}
"""Rows that need the whole shop for themselves: each has fresh servers, which may use every core."""

ROWS: Final = (*FAN_OUT_ROWS, *OWN_ROWS, *ALONE_ROWS)

RESULTS: Final = (
    "one",
    "together",
    "p99",
    "memory",
    "many",
    "resume",
    "resume-reads",
    "stalled",
    "stalled-memory",
    "claims-accepted",
    "claims-accepted-p99",
    "claims-refused",
    "drop",
    "drop-at-once",
    "expiry",
    "growth-viewer",
    "growth-claim",
    "growth-refusal",
    "paid",
    "paid-p99",
    "paid-grown",
    "export",
    "export-memory",
    "channels-lag",
)
"""The results that the rows give, in order."""


def run_rows(names: Sequence[str], sizes: Sizes, cores: Cores, tell: Callable[[str], None]) -> list[RowResult]:
    """Run rows and return their results, in the order of the table.

    Args:
        names: which rows.
        sizes: how big everything is.
        cores: who runs where, in the rows that share their servers.
        tell: gets a line of progress.

    Raises:
        LoadError: a server does not start, or a row cannot be measured; the message is one line.
    """
    results = []
    if any(name in names for name in (*FAN_OUT_ROWS, *OWN_ROWS)):
        with open_stand(cores) as stand:
            results += _run_shared(Bench(stand=stand, sizes=sizes, cores=cores, tell=tell), names)
    for name, run in ALONE_ROWS.items():
        if name in names:
            tell(f"{name} ...")
            with open_stand(ANYWHERE) as stand:
                results += run(Bench(stand=stand, sizes=sizes, cores=ANYWHERE, tell=tell))
    return results


def _run_shared(bench: Bench, names: Sequence[str]) -> list[RowResult]:
    results = []
    shared = [name for name in FAN_OUT_ROWS if name in names]
    if shared:
        bench.tell(f"connecting {bench.sizes.viewers:,} viewers to the floor and to a gateway ...")
        with (
            floor_lane(bench.cores, bench.sizes.viewers, settle_s=bench.sizes.settle_s) as floor,
            our_lane(bench.stand, bench.cores, bench.plan()) as ours,
        ):
            for name in shared:
                bench.tell(f"{name} ...")
                results += FAN_OUT_ROWS[name]([floor, ours], bench.sizes)
    for name, run in OWN_ROWS.items():
        if name in names:
            bench.tell(f"{name} ...")
            results += run(bench)
    return results
