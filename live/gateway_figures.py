"""What a gateway counts while it serves, in plain numbers; they are read when somebody asks for the metrics.

Nothing here is done per viewer or per message: a broadcast is counted when it begins, a turn of the write loop when it
ends, a slow viewer when its socket is full.
"""

import time
from collections.abc import Iterator
from typing import Final, Literal

from prometheus_client import Metric

from kit.metrics import Spread, counter, histogram

SlowAction = Literal["behind", "skipped", "cut"]
"""What is done with a viewer who reads slowly: its bytes wait; it was not told state; it was cut."""

TURNS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
"""Buckets of what holds the event loop up, in seconds."""


class GatewayFigures:
    """The figures of one gateway process; all rooms share them.

    Attributes:
        deliveries: frames times viewers, of what is sent to a whole room.
        sent_bytes: bytes of the same.
        write_loop: seconds of each turn of a write loop: the event loop does nothing else meanwhile.
        broadcast: seconds from the first to the last write of each broadcast.
        event_lag: seconds from the moment at which an event was recorded, in its host's request, to the last write.
        loop_lag: seconds by which the event loop was late for a tick.
        slow: viewers by what was done with them.
    """

    __slots__ = ("broadcast", "deliveries", "event_lag", "loop_lag", "sent_bytes", "slow", "write_loop")

    def __init__(self) -> None:
        self.deliveries = 0
        self.sent_bytes = 0
        self.write_loop = Spread(TURNS)
        self.broadcast = Spread()
        self.event_lag = Spread()
        self.loop_lag = Spread(TURNS)
        self.slow: dict[SlowAction, int] = {"behind": 0, "skipped": 0, "cut": 0}

    def written(self, made_at_ms: int) -> None:
        """Count an event that everyone has been written; its age is by this machine's clock and that of Postgres."""
        self.event_lag.add(max(0.0, time.time() - made_at_ms / 1000))

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield counter(
            "showdrop_gateway_deliveries_total",
            "Frames sent to whole rooms, times their viewers",
            [((), self.deliveries)],
        )
        yield counter(
            "showdrop_gateway_sent_bytes_total",
            "Bytes of what was sent to whole rooms; answers to single viewers are not in it",
            [((), self.sent_bytes)],
        )
        yield histogram(
            "showdrop_gateway_write_loop_seconds",
            "Seconds of each turn of a write loop, in which the event loop does nothing else",
            [((), self.write_loop)],
        )
        yield histogram(
            "showdrop_gateway_broadcast_seconds",
            "Seconds from the first to the last write of a broadcast",
            [((), self.broadcast)],
        )
        yield histogram(
            "showdrop_gateway_event_lag_seconds",
            "Seconds from the recording of an event, in its host's request, to the last viewer's socket",
            [((), self.event_lag)],
        )
        yield histogram(
            "showdrop_gateway_loop_lag_seconds", "Seconds by which the event loop was late", [((), self.loop_lag)]
        )
        yield counter(
            "showdrop_gateway_slow_viewers_total",
            "Slow viewers by what was done: behind, their bytes wait; skipped, they missed state; cut",
            [((action,), count) for action, count in self.slow.items()],
            ["action"],
        )
