"""The row ``stalled``: some viewers never read. The others must not notice, and memory must stay bounded."""

import contextlib

from loadtests.bench.bench import Bench, crowd_doubts
from loadtests.bench.board import new_clock
from loadtests.bench.fan_out import measure_waits
from loadtests.bench.lane import EVENT, Lane, in_turns, middle, open_lane
from loadtests.bench.limits import (
    FLOOD_TOGETHER,
    STALLED_MOST_P99_RATIO,
    STALLED_SHARE,
    WRITE_HARD_BYTES,
)
from loadtests.bench.metric_http import metric
from loadtests.bench.ours import Showdrop
from loadtests.bench.process_figures import rss_bytes
from loadtests.bench.result import FLOOR, OURS, RowResult
from loadtests.bench.row_fan_out import faults

_CUT = 'showdrop_gateway_closes_total{code="4001"}'


def row_stalled(bench: Bench) -> list[RowResult]:
    """Pace events with and without stalled viewers, in turns; then flood the ones with them, and watch memory.

    Raises:
        LoadError: somebody does not get in, or an event does not reach everyone who reads.
    """
    stalled = round(bench.sizes.viewers * STALLED_SHARE)
    with contextlib.ExitStack() as stack:
        clocks = (new_clock(), new_clock())
        # Without stalled viewers is what "with" is held against: it stands where the other rows have their floor.
        targets = [
            Showdrop(bench.stand, bench.cores.server, clock, name=name)
            for name, clock in zip((FLOOR, OURS), clocks, strict=True)
        ]
        plans = (bench.plan(), bench.plan(stalled=stalled))
        lanes = [
            stack.enter_context(open_lane(target, plan, clock))
            for target, plan, clock in zip(targets, plans, clocks, strict=True)
        ]
        before = rss_bytes(lanes[1].target.pids())
        found = in_turns(lanes, lambda lane: measure_waits(lane, seconds=bench.sizes.paced_s), bench.sizes.rounds)
        columns = {name: middle(waits, lambda one: one.p99_ms) for name, waits in found.items()}
        share = max(middle(waits, lambda one: one.crowd_share) for waits in found.values())
        bench.tell("stalled: the flood ...")
        growth = _flood(lanes[1], bench.sizes.flood_bytes) - before
        cut = round(metric(f"http://127.0.0.1:{targets[1].port}/metrics", _CUT))
        wrong = faults(lanes)
    most = WRITE_HARD_BYTES * stalled
    return [
        RowResult(
            row="stalled",
            what=f"p99 of the others, {stalled:,} of {bench.sizes.viewers:,} viewers never read; floor: all read",
            unit="ms",
            columns=columns,
            limit=f"≤ {STALLED_MOST_P99_RATIO} x without",
            reached=columns[OURS] <= STALLED_MOST_P99_RATIO * columns[FLOOR],
            doubts=wrong + crowd_doubts(share),
            details={"load client's share of its core": round(share, 3)}
            | {
                f"{name}: p99 of each round, ms": ", ".join(f"{one.p99_ms:.1f}" for one in waits)
                for name, waits in found.items()
            },
        ),
        RowResult(
            row="stalled-memory",
            what=f"the same, after {bench.sizes.flood_bytes / 2**20:.1f} MiB for each: growth of the process",
            unit="MiB",
            columns={OURS: growth / 2**20},
            limit=f"≤ {most / 2**20:,.0f} MiB ({WRITE_HARD_BYTES // 1024} KiB x stalled)",
            reached=growth <= most,
            doubts=wrong + ([] if cut >= stalled else [f"{cut:,} of {stalled:,} stalled viewers reached the limit"]),
            details={"viewers cut for slow reading": cut},
        ),
    ]


def _flood(lane: Lane, size: int) -> int:
    """Send ``size`` bytes to everyone and return the most memory that was seen meanwhile."""
    most = rss_bytes(lane.target.pids())
    for _ in range(size // (len(EVENT) * FLOOD_TOGETHER) + 1):
        lane.publish(FLOOD_TOGETHER)
        most = max(most, rss_bytes(lane.target.pids()))
        lane.wait()
        most = max(most, rss_bytes(lane.target.pids()))
    return most
