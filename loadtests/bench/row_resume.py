"""The row ``resume``: everyone is cut at once and comes back at once, while events are appended."""

import time
from collections import defaultdict

import msgspec

from loadtests.bench.bench import Bench
from loadtests.bench.board import Count, new_clock
from loadtests.bench.lane import Lane
from loadtests.bench.limits import RECOVERED_MOST_S, RESUME_EVENTS, STORM_MOST_READS
from loadtests.bench.ours import Showdrop
from loadtests.bench.reads_redis import ReadCounter
from loadtests.bench.result import OURS, RowResult

_RECOVERED = b'"recovered":true'
_BETWEEN_EVENTS_S = 0.05


class _Storm(msgspec.Struct, frozen=True, kw_only=True):
    """What a storm was like.

    Attributes:
        after_s: from the last reconnect until the last viewer had the last event.
        reads: of Redis that it cost, by command and key: what is more than an idle gateway and the events cost.
    """

    after_s: float
    reads: dict[str, float]
    recovered: int
    faults: list[str]
    details: dict[str, float | str]


def row_resume(bench: Bench) -> list[RowResult]:
    """Cut everyone, append events while they come back, and look at who has what, and at what it cost Redis.

    Raises:
        LoadError: somebody does not get in, or gets no event.
    """
    clock = new_clock()
    target = Showdrop(bench.stand, bench.cores.server, clock, with_offer=True)
    counter = ReadCounter(bench.stand.redis_url)
    try:
        target.start()
        storm = _storm(bench, target, counter, clock)
    finally:
        counter.close()
        target.stop()
    viewers = bench.sizes.viewers
    doubts = list(storm.faults)
    if storm.recovered != viewers:
        doubts.append(f"{viewers - storm.recovered:,} viewers were not recovered")
    reads = sum(max(0.0, count) for count in storm.reads.values())
    return [
        RowResult(
            row="resume",
            what=f"{viewers:,} viewers cut and resuming at once: all recovered, after the last reconnect",
            unit="s",
            columns={OURS: storm.after_s},
            limit=f"≤ {RECOVERED_MOST_S:.0f} s, no loss",
            reached=storm.after_s <= RECOVERED_MOST_S,
            doubts=doubts,
            details=storm.details,
        ),
        RowResult(
            row="resume-reads",
            what="the same: reads of Redis that the resumes cost a gateway",
            unit="reads",
            columns={OURS: round(reads)},
            limit=f"≤ {STORM_MOST_READS}",
            reached=round(reads) <= STORM_MOST_READS,
            details={name: round(count, 1) for name, count in storm.reads.items() if round(count, 1)},
        ),
    ]


def _storm(bench: Bench, target: Showdrop, counter: ReadCounter, clock: memoryview) -> _Storm:
    lane = Lane(target, bench.plan(), clock)
    try:
        lane.connect()
        usual, of_events = _usual_reads(lane, counter, bench.sizes.idle_s)
        lane.crowd.heartbeat(bench.sizes.settle_s / 4)
        time.sleep(bench.sizes.settle_s / 2)
        counter.begin()
        began = time.monotonic()
    finally:
        lane.crowd.stop()
    target.resume_at = target.position()
    again = Lane(
        target,
        msgspec.structs.replace(
            bench.plan(had=lane.top, connecting=bench.sizes.viewers), counts_greeting=True, look_for=_RECOVERED
        ),
        clock,
    )
    try:
        again.crowd.start()
        _publish_few(again)
        again.crowd.wait_in()
        again.wait()
        took_s, found = time.monotonic() - began, counter.end()
        crowd = again.crowd
        last_at_ns = max(crowd.count(Count.DELIVERED_AT_NS), crowd.count(Count.JOINED_AT_NS))
        reads = {name: count - usual[name] * took_s - of_events[name] for name, count in found.items()}
        return _Storm(
            after_s=(last_at_ns - crowd.count(Count.CONNECTED_AT_NS)) / 1e9,
            reads=reads,
            recovered=crowd.count(Count.FOUND),
            faults=crowd.faults(again.top),
            details={
                "from the cut to the end, s": round(took_s, 2),
                "refused and came again": crowd.count(Count.REFUSED),
                "failed and came again": crowd.count(Count.FAILED),
                "usual reads of Redis, per s": round(sum(usual.values()), 1),
            },
        )
    finally:
        again.crowd.stop()


def _usual_reads(
    lane: Lane, counter: ReadCounter, idle_s: float
) -> tuple[defaultdict[str, float], defaultdict[str, float]]:
    """Return the reads of an idle gateway (and of API and worker) per second, and those of the events themselves."""
    usual: defaultdict[str, float] = defaultdict(float)
    of_events: defaultdict[str, float] = defaultdict(float)
    counter.begin()
    began = time.monotonic()
    time.sleep(idle_s)
    took_s = time.monotonic() - began
    usual |= {name: count / took_s for name, count in counter.end().items()}
    counter.begin()
    began = time.monotonic()
    _publish_few(lane)
    lane.wait()
    took_s = time.monotonic() - began
    of_events |= {name: count - usual[name] * took_s for name, count in counter.end().items()}
    return usual, of_events


def _publish_few(lane: Lane) -> None:
    for _ in range(RESUME_EVENTS):
        lane.publish()
        time.sleep(_BETWEEN_EVENTS_S)
