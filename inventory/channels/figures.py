"""What the work on channels is counted with."""

from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

CallResult = Literal["taken", "read", "failed", "gone"]


class ChannelFigures:
    """Counters by channel.

    Args:
        registry: where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "showdrop_channel_calls",
            "Calls to channels by what came of them: taken, read, failed, gone",
            ["channel", "result"],
            registry=registry,
        )
        self._levels = Counter(
            "showdrop_channel_levels",
            "Levels that channels answered, by result: told, refused",
            ["channel", "result"],
            registry=registry,
        )
        self._drift = Gauge(
            "showdrop_channel_drift",
            "Items that showed something else than they were told, in the last round of reading the channel back",
            ["channel"],
            registry=registry,
        )

    def called(self, channel_id: str, result: CallResult) -> None:
        """Count a call."""
        self._calls.labels(channel_id, result).inc()

    def told(self, channel_id: str, told: int, refused: int) -> None:
        """Count levels."""
        self._levels.labels(channel_id, "told").inc(told)
        self._levels.labels(channel_id, "refused").inc(refused)

    def drifts(self, channel_id: str, items: int) -> None:
        """Note how many items a round of reading found to differ."""
        self._drift.labels(channel_id).set(items)

    def forget(self, channel_id: str) -> None:
        """Show no more of a channel that is not worked on any more."""
        for figures in (self._calls, self._levels, self._drift):
            figures.remove_by_labels({"channel": channel_id})
