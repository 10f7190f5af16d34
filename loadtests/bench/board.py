"""What a crowd and its owner share: counters, the newest event of each viewer, and how long deliveries took.

It lies in anonymous memory that a forked child inherits. One side writes each field, the other only reads, so there
are no locks; reading a field that is being written gives its old or its new value.
"""

import mmap
from enum import IntEnum, unique
from typing import Final

from loadtests.bench.limits import EVENTS_MOST, WAIT_BUCKET_NS, WAIT_BUCKETS

_WORD: Final = 8


@unique
class Count(IntEnum):
    """The counters of a crowd, by their place on the board."""

    JOINED = 0
    """Viewers who were subscribed at some time."""
    DELIVERIES = 1
    """Events that reached a viewer for the first time."""
    DOUBLES = 2
    """Events that reached a viewer again, or after a later one."""
    MISSED = 3
    """Events that were skipped on the way to a later one."""
    LOST = 4
    """Viewers who read, cut by the server after they were in."""
    REFUSED = 5
    """Connections answered with another status than the upgrade; the viewer came again."""
    FAILED = 6
    """Connections refused, cut or reset before the viewer was in; the viewer came again."""
    FOUND = 7
    """Viewers whose greeting held what the plan looks for."""
    READ_BYTES = 8
    """Bytes read after the greeting."""
    READS = 9
    """Reads that returned bytes, after the greeting."""
    CONNECTED_AT_NS = 10
    """When the newest TCP connection was made (monotonic)."""
    JOINED_AT_NS = 11
    """When the newest viewer was in (monotonic)."""
    DELIVERED_AT_NS = 12
    """When the newest event reached a viewer (monotonic)."""
    STOCK_COUNTS = 13
    """State frames with the stock of an offer that viewers got; only a crowd that claims counts them."""


def shared_words(count: int) -> memoryview:
    """Return ``count`` integers of 64 bits, all 0, in memory that children share."""
    return memoryview(mmap.mmap(-1, max(count, 1) * _WORD)).cast("q")


class Board:
    """The shared memory of one crowd.

    Args:
        viewers: of the crowd.
        sent_at_ns: by event number, when the event was made (``time.monotonic_ns``); shared, made by the lane.

    Attributes:
        counts: by ``Count``; the crowd writes them.
        newest: by viewer, the number of the newest event that reached it.
        waits: deliveries by wait, in buckets of ``WAIT_BUCKET_NS``.
    """

    def __init__(self, viewers: int, sent_at_ns: memoryview) -> None:
        self.counts = shared_words(len(Count))
        self.newest = shared_words(viewers)
        self.waits = shared_words(WAIT_BUCKETS)
        self.sent_at_ns = sent_at_ns

    def count(self, which: Count) -> int:
        """Return a counter."""
        return int(self.counts[which])

    def clear_waits(self) -> None:
        """Forget all waits; only while nothing is under way."""
        self.waits[:] = memoryview(bytes(WAIT_BUCKETS * _WORD)).cast("q")

    def wait_ms(self, share: float) -> float:
        """Return the time in ms that ``share`` (0 to 1) of the deliveries took at most."""
        return quantile(self.waits.tolist(), share) * WAIT_BUCKET_NS / 1e6


def new_clock() -> memoryview:
    """Return the shared times of a lane's events, by number."""
    return shared_words(EVENTS_MOST + 1)


def quantile(buckets: list[int], share: float) -> int:
    """Return the upper end of the bucket in which ``share`` of the counted things is reached; 0 without any."""
    wanted = share * sum(buckets)
    if not wanted:
        return 0
    reached = 0
    for place, count in enumerate(buckets):
        reached += count
        if reached >= wanted:
            return place + 1
    return len(buckets)
