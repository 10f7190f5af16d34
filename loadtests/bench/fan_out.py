"""Measuring one lane: server CPU per delivery, and how long deliveries take. Any target, any crowd."""

import time

import msgspec

from loadtests.bench.board import Count
from loadtests.bench.lane import Lane
from loadtests.bench.limits import EVENTS_PER_S, HEARTBEAT_EVERY_S, ONE_EVERY_S
from loadtests.bench.process_figures import cpu_ns


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What deliveries cost.

    Attributes:
        server_us: CPU of the server per delivery, in µs, all that the process did included.
        crowd_us: CPU of the crowd per delivery, in µs.
        crowd_share: of its core, that the crowd used.
        bytes_each: on the wire, per delivery.
        joined: events that a viewer found in one read, on average.
    """

    server_us: float
    crowd_us: float
    crowd_share: float
    bytes_each: float
    joined: float


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """How long deliveries took, in ms, from the event to the viewer.

    Attributes:
        crowd_share: of its core, that the crowd used.
        late: events that were published a whole turn late, because the machine was busy.
    """

    p50_ms: float
    p99_ms: float
    most_ms: float
    crowd_share: float
    late: int


def measure_cost(lane: Lane, *, events: int, together: int) -> Cost:
    """Publish ``events`` times ``together`` events; each time after everyone has the last ones.

    Raises:
        LoadError: an event does not reach everyone.
    """
    crowd, pids = lane.crowd, lane.target.pids()
    began_ns, server_ns, crowd_ns = time.monotonic_ns(), cpu_ns(pids), crowd.cpu_ns()
    deliveries, size, reads = (crowd.count(one) for one in (Count.DELIVERIES, Count.READ_BYTES, Count.READS))
    for _ in range(events):
        due = time.monotonic() + ONE_EVERY_S
        lane.publish(together)
        lane.wait()
        time.sleep(max(0.0, due - time.monotonic()))
    made = crowd.count(Count.DELIVERIES) - deliveries
    crowd_ns = crowd.cpu_ns() - crowd_ns
    return Cost(
        server_us=(cpu_ns(pids) - server_ns) / made / 1000,
        crowd_us=crowd_ns / made / 1000,
        crowd_share=crowd_ns / (time.monotonic_ns() - began_ns),
        bytes_each=(crowd.count(Count.READ_BYTES) - size) / made,
        joined=made / (crowd.count(Count.READS) - reads),
    )


def measure_waits(lane: Lane, *, seconds: float) -> Waits:
    """Publish ``EVENTS_PER_S`` events a second, on the clock, whether or not the last one has reached everyone.

    Raises:
        LoadError: an event does not reach everyone.
    """
    crowd = lane.crowd
    crowd.board.clear_waits()
    began_ns, crowd_ns = time.monotonic_ns(), crowd.cpu_ns()
    begins_at, late = time.monotonic(), 0
    beats_at = begins_at + HEARTBEAT_EVERY_S
    for turn in range(int(seconds * EVENTS_PER_S)):
        due = begins_at + turn / EVENTS_PER_S
        wait_s = due - time.monotonic()
        late += wait_s < -1 / EVENTS_PER_S
        time.sleep(max(0.0, wait_s))
        lane.publish()
        if due >= beats_at:
            crowd.heartbeat(HEARTBEAT_EVERY_S)
            beats_at += HEARTBEAT_EVERY_S
    lane.wait()
    waits = crowd.board
    return Waits(
        p50_ms=waits.wait_ms(0.5),
        p99_ms=waits.wait_ms(0.99),
        most_ms=waits.wait_ms(1.0),
        crowd_share=(crowd.cpu_ns() - crowd_ns) / (time.monotonic_ns() - began_ns),
        late=late,
    )


def idle_us_per_s(lane: Lane, seconds: float) -> float:
    """Return the CPU in µs that the server uses each second while nothing is published."""
    pids = lane.target.pids()
    began, used_ns = time.monotonic(), cpu_ns(pids)
    time.sleep(seconds)
    return (cpu_ns(pids) - used_ns) / 1000 / (time.monotonic() - began)
