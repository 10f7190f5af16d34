"""What the work on channels is counted with."""

from collections.abc import Iterable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge

from inventory.channels.channels_pg import ChannelView
from inventory.channels.order_units import OrderState

CallResult = Literal["taken", "read", "orders", "products", "messages", "failed", "gone"]


class ChannelFigures:
    """Counters by channel.

    Args:
        registry: where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "showdrop_channel_calls",
            "Calls to channels by what came of them: taken, read, orders, products, messages, failed, gone",
            ["channel", "result"],
            registry=registry,
        )
        self._levels = Counter(
            "showdrop_channel_levels",
            "Levels that channels answered, by result: told, refused",
            ["channel", "result"],
            registry=registry,
        )
        self._orders = Counter(
            "showdrop_channel_orders",
            "Orders of channels that were read, by what came of them",
            ["channel", "state"],
            registry=registry,
        )
        self._drift = Gauge(
            "showdrop_channel_drift",
            "Items that showed something else than they were told, in the last round of reading the channel back",
            ["channel"],
            registry=registry,
        )
        self._lag = Gauge(
            "showdrop_channel_lag_seconds",
            "Age of the oldest change that a channel was not told",
            ["channel"],
            registry=registry,
        )
        self._behind = Gauge(
            "showdrop_channel_behind",
            "SKUs of which a channel was not told the last change",
            ["channel"],
            registry=registry,
        )
        self._oversold = Gauge(
            "showdrop_channel_oversold_orders",
            "Orders of a channel for which there are not enough units",
            ["channel"],
            registry=registry,
        )
        self._unlinked = Gauge(
            "showdrop_channel_unlinked_orders",
            "Orders of a channel with an item that is linked to no SKU",
            ["channel"],
            registry=registry,
        )
        self._active = Gauge(
            "showdrop_channel_active",
            "1 while a channel is worked on, 0 while it is paused",
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

    def order_read(self, channel_id: str, state: OrderState) -> None:
        """Count an order that was read."""
        self._orders.labels(channel_id, state).inc()

    def drifts(self, channel_id: str, items: int) -> None:
        """Note how many items a round of reading found to differ."""
        self._drift.labels(channel_id).set(items)

    def measured(self, views: Iterable[ChannelView]) -> None:
        """Show how far every channel is, those that are paused too."""
        gauges = (self._lag, self._behind, self._oversold, self._unlinked, self._active)
        for gauge in gauges:
            gauge.clear()
        for one in views:
            self._lag.labels(one.channel_id).set(one.lag_ms / 1000)
            self._behind.labels(one.channel_id).set(one.behind)
            self._oversold.labels(one.channel_id).set(one.oversold)
            self._unlinked.labels(one.channel_id).set(one.unlinked_orders)
            self._active.labels(one.channel_id).set(one.state == "active")

    def forget(self, channel_id: str) -> None:
        """Show no more of a channel that is not worked on any more."""
        for figures in (self._calls, self._levels, self._orders, self._drift):
            figures.remove_by_labels({"channel": channel_id})
