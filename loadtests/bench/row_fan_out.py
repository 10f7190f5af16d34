"""The rows that any target can run: CPU per delivery, eight events together, and p99."""

from collections.abc import Sequence
from statistics import median

from loadtests.bench.bench import crowd_doubts
from loadtests.bench.fan_out import Cost, Waits, idle_us_per_s, measure_cost, measure_waits
from loadtests.bench.floor import Floor
from loadtests.bench.lane import Lane, in_turns, middle
from loadtests.bench.limits import (
    CPU_MOST_RATIO,
    CPU_TOGETHER_MOST_RATIO,
    EVENTS_PER_S,
    EVENTS_TOGETHER,
    P99_MOST_RATIO,
    Sizes,
)
from loadtests.bench.result import FLOOR, OURS, RowResult


def row_one(lanes: Sequence[Lane], sizes: Sizes) -> list[RowResult]:
    """Measure server CPU per delivery, one event at a time; the lanes hold the floor and ours.

    Raises:
        LoadError: an event does not reach everyone.
    """
    found = in_turns(lanes, lambda lane: measure_cost(lane, events=sizes.events, together=1), sizes.rounds)
    idle = {lane.target.name: idle_us_per_s(lane, sizes.idle_s) for lane in lanes}
    columns = {name: middle(costs, _server_us) for name, costs in found.items()}
    return [
        RowResult(
            row="one",
            what=f"server CPU per delivery, {_viewers(lanes)} viewers, one event at a time",
            unit="µs",
            columns=columns,
            limit=f"≤ {CPU_MOST_RATIO} x floor",
            reached=columns[OURS] <= CPU_MOST_RATIO * columns[FLOOR],
            doubts=faults(lanes),
            details=_cost_details(found) | {f"{name}: idle CPU, µs/s": round(used) for name, used in idle.items()},
        )
    ]


def row_together(lanes: Sequence[Lane], sizes: Sizes) -> list[RowResult]:
    """Measure the same when eight events arrive together; the floor still sends one at a time.

    Raises:
        LoadError: an event does not reach everyone.
    """

    def measure(lane: Lane) -> Cost:
        together = 1 if isinstance(lane.target, Floor) else EVENTS_TOGETHER
        return measure_cost(lane, events=sizes.events, together=together)

    found = in_turns(lanes, measure, sizes.rounds)
    columns = {name: middle(costs, _server_us) for name, costs in found.items()}
    return [
        RowResult(
            row="together",
            what=f"the same, {EVENTS_TOGETHER} events queued together, per event",
            unit="µs",
            columns=columns,
            limit=f"≤ {CPU_TOGETHER_MOST_RATIO} x floor",
            reached=columns[OURS] <= CPU_TOGETHER_MOST_RATIO * columns[FLOOR],
            doubts=faults(lanes),
            details=_cost_details(found),
        )
    ]


def row_p99(lanes: Sequence[Lane], sizes: Sizes) -> list[RowResult]:
    """Measure how long 99 % of the deliveries take at most, at ten events a second.

    Raises:
        LoadError: an event does not reach everyone.
    """
    found = in_turns(lanes, lambda lane: measure_waits(lane, seconds=sizes.paced_s), sizes.rounds)
    columns = {name: middle(waits, _p99_ms) for name, waits in found.items()}
    details: dict[str, float | str] = {}
    doubts = faults(lanes)
    for name, waits in found.items():
        share = middle(waits, lambda one: one.crowd_share)
        details[f"{name}: p50, ms"] = round(middle(waits, lambda one: one.p50_ms), 2)
        details[f"{name}: p99 of each round, ms"] = ", ".join(f"{one.p99_ms:.1f}" for one in waits)
        details[f"{name}: longest, ms"] = round(max(one.most_ms for one in waits), 2)
        details[f"{name}: load client's share of its core"] = round(share, 3)
        details[f"{name}: events published late"] = sum(one.late for one in waits)
        if name in (FLOOR, OURS):
            doubts += crowd_doubts(share)
    for lane in lanes:
        if isinstance(lane.target, Floor):
            details["floor: its loop, ms"] = round(median(lane.target.loops_ns) / 1e6, 2)
            details["floor: sends that a reader was too slow for"] = lane.target.not_taken
    return [
        RowResult(
            row="p99",
            what=f"p99 from event to viewer, {_viewers(lanes)} viewers, {EVENTS_PER_S} events/s",
            unit="ms",
            columns=columns,
            limit=f"≤ {P99_MOST_RATIO} x floor",
            reached=columns[OURS] <= P99_MOST_RATIO * columns[FLOOR],
            doubts=doubts,
            details=details,
        )
    ]


def faults(lanes: Sequence[Lane]) -> list[str]:
    """Return which events did not reach whom, in order and once."""
    return [f"{lane.target.name}: {fault}" for lane in lanes for fault in lane.crowd.faults(lane.top)]


def _viewers(lanes: Sequence[Lane]) -> str:
    return f"{lanes[0].crowd.plan.viewers:,}"


def _server_us(cost: Cost) -> float:
    return cost.server_us


def _p99_ms(waits: Waits) -> float:
    return waits.p99_ms


def _cost_details(found: dict[str, list[Cost]]) -> dict[str, float | str]:
    details: dict[str, float | str] = {}
    for name, costs in found.items():
        details[f"{name}: µs of each round"] = ", ".join(f"{one.server_us:.2f}" for one in costs)
        details[f"{name}: bytes per delivery"] = round(middle(costs, lambda one: one.bytes_each), 1)
        details[f"{name}: events in one read"] = round(middle(costs, lambda one: one.joined), 2)
        details[f"{name}: load client, µs per delivery"] = round(middle(costs, lambda one: one.crowd_us), 2)
        details[f"{name}: load client's share of its core"] = round(middle(costs, lambda one: one.crowd_share), 3)
    return details
