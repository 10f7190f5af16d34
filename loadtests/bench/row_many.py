"""The row ``many``: ten thousand viewers on two gateway processes, sharing two cores with the load client."""

import time

import msgspec

from loadtests.bench.bench import Bench
from loadtests.bench.board import Count
from loadtests.bench.cores import ANYWHERE
from loadtests.bench.fan_out import measure_waits
from loadtests.bench.lane import our_lane
from loadtests.bench.limits import EVENTS_PER_S, PROCESSES_MANY
from loadtests.bench.process_figures import rss_bytes
from loadtests.bench.result import OURS, RowResult
from loadtests.bench.row_fan_out import faults


def row_many(bench: Bench) -> list[RowResult]:
    """Connect everyone, publish for a minute, and check that all events reached all, in order, once.

    Raises:
        LoadError: somebody does not get in, or gets no event.
    """
    plan = msgspec.structs.replace(bench.plan(), viewers=bench.sizes.many_viewers, cores=ANYWHERE.rest)
    began = time.monotonic()
    with our_lane(bench.stand, ANYWHERE, plan, processes=PROCESSES_MANY) as lane:
        connected_s = time.monotonic() - began
        waits = measure_waits(lane, seconds=bench.sizes.many_s)
        found = faults([lane])
        crowd = lane.crowd
        deliveries = crowd.count(Count.DELIVERIES)
        memory = rss_bytes(lane.target.pids())
    return [
        RowResult(
            row="many",
            what=f"p99, {plan.viewers:,} viewers, {PROCESSES_MANY} processes, {EVENTS_PER_S} events/s "
            f"for {bench.sizes.many_s:.0f} s",
            unit="ms",
            columns={OURS: waits.p99_ms},
            limit="all events to all, in order",
            reached=not found and waits.late == 0,
            doubts=found + (["the events could not be published on time"] if waits.late else []),
            details={
                "deliveries": deliveries,
                "start and connect, s": round(connected_s, 1),
                "p50, ms": round(waits.p50_ms, 2),
                "longest, ms": round(waits.most_ms, 2),
                "load client's share of a core": round(waits.crowd_share, 3),
                "gateways' memory, MiB": round(memory / 2**20, 1),
                "refused and came again": crowd.count(Count.REFUSED),
                "failed and came again": crowd.count(Count.FAILED),
            },
        )
    ]
