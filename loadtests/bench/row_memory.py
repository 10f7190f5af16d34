"""The row ``memory``: what an idle viewer costs the gateway's process."""

import time

from loadtests.bench.bench import Bench
from loadtests.bench.board import new_clock
from loadtests.bench.lane import Lane
from loadtests.bench.limits import IDLE_VIEWER_MOST_BYTES, WARM_UP_VIEWERS
from loadtests.bench.ours import Showdrop
from loadtests.bench.process_figures import rss_bytes
from loadtests.bench.result import OURS, RowResult


def row_memory(bench: Bench) -> list[RowResult]:
    """Let a few viewers come and go, then many come and stay; each has a token of its own.

    Raises:
        LoadError: somebody does not get in.
    """
    clock = new_clock()
    target = Showdrop(bench.stand, bench.cores.server, clock)
    lane = None
    try:
        target.start()
        few = Lane(target, bench.plan(viewers=WARM_UP_VIEWERS), clock)
        try:
            few.connect()
        finally:
            few.crowd.stop()
        time.sleep(bench.sizes.settle_s)
        before = rss_bytes(target.pids())
        lane = Lane(target, bench.plan(first=WARM_UP_VIEWERS, had=few.top), clock)
        lane.connect()
        lane.crowd.heartbeat(bench.sizes.settle_s / 2)
        time.sleep(bench.sizes.settle_s)
        after = rss_bytes(target.pids())
    finally:
        if lane is not None:
            lane.crowd.stop()
        target.stop()
    each = (after - before) / bench.sizes.viewers
    return [
        RowResult(
            row="memory",
            what=f"memory per idle viewer, whole process, token checked, {bench.sizes.viewers:,} in a show",
            unit="bytes",
            columns={OURS: each},
            limit=f"≤ {IDLE_VIEWER_MOST_BYTES:,} bytes",
            reached=each <= IDLE_VIEWER_MOST_BYTES,
            details={"before, MiB": round(before / 2**20, 1), "after, MiB": round(after / 2**20, 1)},
        )
    ]
