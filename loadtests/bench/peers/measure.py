"""Measuring one server beside the floor: the rows of the fan-out suite that any target can run, and its memory."""

import contextlib
import time
from collections.abc import Iterator

from loadtests.bench.cores import Cores
from loadtests.bench.crowd import CrowdPlan
from loadtests.bench.fan_out import Cost, Waits, measure_cost, measure_waits
from loadtests.bench.lane import Lane, floor_lane, in_turns, middle
from loadtests.bench.limits import EVENTS_TOGETHER, SETTLE_S, WARM_UP_VIEWERS
from loadtests.bench.peers.figures import Figures, Pair
from loadtests.bench.peers.limits import Sizes
from loadtests.bench.process_figures import rss_bytes
from loadtests.bench.target import Target


def measure(key: str, target: Target, sent_at_ns: memoryview, *, cores: Cores, sizes: Sizes) -> Figures:
    """Start a server, measure it and the floor in turns, and stop it.

    Args:
        key: of the server.
        target: the server.
        sent_at_ns: the shared clock of its events (``board.new_clock``).
        cores: who runs where.
        sizes: of the run.

    Raises:
        LoadError: it does not start, or does not serve everyone.
    """
    with (
        floor_lane(cores, sizes.viewers) as floor,
        _lane_and_memory(target, sent_at_ns, cores, sizes) as (lane, viewer_bytes),
    ):

        def together(turn: Lane) -> Cost:
            return measure_cost(turn, events=sizes.batches, together=1 if turn is floor else EVENTS_TOGETHER)

        lanes, rounds, name = [floor, lane], sizes.rounds, target.name
        ones = in_turns(lanes, lambda turn: measure_cost(turn, events=sizes.events, together=1), rounds)
        togethers = in_turns(lanes, together, rounds)
        waits = in_turns(lanes, lambda turn: measure_waits(turn, seconds=sizes.paced_s), rounds)
        return Figures(
            key=key,
            name=name,
            one_us=_costs(ones[floor.target.name], ones[name]),
            together_us=_costs(togethers[floor.target.name], togethers[name]),
            p99_ms=_p99s(waits[floor.target.name], waits[name]),
            viewer_bytes=viewer_bytes,
            wire_bytes=middle(ones[name], lambda cost: cost.bytes_each),
            crowd_share=max(
                *(cost.crowd_share for cost in (*ones[name], *togethers[name])),
                *(wait.crowd_share for wait in waits[name]),
            ),
            faults=lane.crowd.faults(lane.top),
        )


@contextlib.contextmanager
def _lane_and_memory(
    target: Target, sent_at_ns: memoryview, cores: Cores, sizes: Sizes
) -> Iterator[tuple[Lane, float]]:
    """Start a server, let a few viewers come and go, then connect the crowd; yield the lane and bytes per viewer."""
    with contextlib.ExitStack() as stack:
        stack.callback(target.stop)
        target.start()
        few = Lane(target, CrowdPlan(viewers=WARM_UP_VIEWERS, cores=cores.rest), sent_at_ns)
        try:
            few.connect()
        finally:
            few.crowd.stop()
        time.sleep(SETTLE_S)
        before = rss_bytes(target.pids())
        plan = CrowdPlan(viewers=sizes.viewers, first=WARM_UP_VIEWERS, had=few.top, cores=cores.rest)
        lane = Lane(target, plan, sent_at_ns)
        stack.callback(lane.crowd.stop)
        lane.connect()
        yield lane, (rss_bytes(target.pids()) - before) / sizes.viewers


def _costs(floor: list[Cost], server: list[Cost]) -> Pair:
    return Pair(floor=[cost.server_us for cost in floor], server=[cost.server_us for cost in server])


def _p99s(floor: list[Waits], server: list[Waits]) -> Pair:
    return Pair(floor=[wait.p99_ms for wait in floor], server=[wait.p99_ms for wait in server])
