"""The sizes of the benchmarks of channels, and what their rows must reach."""

from typing import Final

import msgspec

CONVERGE_SPEED: Final = 10
"""How much faster the clocks run while ten thousand SKUs are told: the slowest channel needs 35 minutes of its own,
and a call takes some 20 ms of the world whatever a clock says."""

DEAD_SPEED: Final = 60
"""The same for a channel that is dead for an hour. ``sql/channels.sql`` has a clock for each of the two."""


class ChannelSizes(msgspec.Struct, frozen=True, kw_only=True):
    """How big a run is.

    Attributes:
        skus: that change at once.
        dead_skus: on sale while a channel is dead; so many of the others.
        outage_s: how long it is dead, in seconds of the faster clock.
        around_s: how long lags are measured before the outage, and again after it; the same clock.
    """

    skus: int
    dead_skus: int
    outage_s: float
    around_s: float


FULL: Final = ChannelSizes(skus=10_000, dead_skus=1_000, outage_s=3_600.0, around_s=1_800.0)
"""What counts: about six minutes."""

QUICK: Final = ChannelSizes(skus=200, dead_skus=50, outage_s=180.0, around_s=90.0)
"""A look at whether everything works; its figures say nothing."""

CALLS_MOST_RATIO: Final = 1.1
"""Calls made, against the least possible, for each channel."""

LAG_MOST_RATIO: Final = 1.25
"""p99 of the others' lag with a dead channel among them, against without: what two runs of the same differ by."""

GROWTH_MOST_BYTES: Final = 8 * 1024 * 1024
"""Of the worker's process in that hour: it must not keep what it cannot tell."""

LATE_GROWTH_MOST_BYTES: Final = 2 * 1024 * 1024
"""The same in the second half of it: by then all that is kept for good has been made."""

TOLD_MOST: Final = 1
"""Levels of one SKU that the dead channel is told when it is back."""

VARIANTS: Final = 10
"""SKUs of one product."""

UNITS: Final = 1_000
"""Of each SKU in the beginning: more than any sells."""

SOLD_OUT_EVERY: Final = 20
"""One SKU in so many sells out when all change; those that know availability only are told of no other."""

HEALTHY: Final = 2
"""Channels beside the dead one."""

SALES_PER_S: Final = 30
"""Of the world's seconds: a sale every other second of the faster clock."""

BURST_EVERY: Final = 300
"""Sales after which comes a burst, as when an offer opens ..."""

BURST: Final = 60
"""... of so many sales, as fast as they are recorded."""

PROGRESS_EVERY_S: Final = 5.0
"""Between two lines of progress."""

CONVERGE_TIMEOUT_S: Final = 900.0
"""For all channels to be in step."""

CHILD_START_S: Final = 60.0
"""For a child to be there; the fakes have a hundred thousand items to lay out."""

CHILD_STOP_S: Final = 20.0
"""For it to end; a call under way is waited for."""

assert SOLD_OUT_EVERY % VARIANTS == 0, "whole products keep something to sell"
assert UNITS <= 9_999, "the most that every channel takes"
