"""Webhooks out as metrics: how tries and deliveries end, and what waits."""

from typing import Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from checkout.webhooks.backlog_pg import Backlog
from checkout.webhooks.endpoint import ErrorWord, Tried

_ENDS: Final = ("delivered", "failed")


class HookMetrics:
    """The figures of one worker. Every result has its label from the start.

    Args:
        registry: of the role.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._tries = Counter(
            "showdrop_webhook_tries_total", "Calls to webhook endpoints, by result", ["result"], registry=registry
        )
        self._deliveries = Counter(
            "showdrop_webhook_deliveries_total",
            "Webhook deliveries that ended, by result; failed is given up",
            ["result"],
            registry=registry,
        )
        self._news = Gauge(
            "showdrop_webhook_news_lag_seconds",
            "How long the oldest event of an order has waited to get into webhook queues",
            registry=registry,
        )
        self._due = Gauge(
            "showdrop_webhook_due_deliveries", "Webhook deliveries that are due and wait for a call", registry=registry
        )
        for result in ("delivered", *get_args(ErrorWord)):
            self._tries.labels(result)
        for end in _ENDS:
            self._deliveries.labels(end)

    def tried(self, tried: Tried) -> None:
        """Count a try, and its delivery when that has ended."""
        self._tries.labels(tried.outcome.error or "delivered").inc()
        if tried.step.state in _ENDS:
            self._deliveries.labels(tried.step.state).inc()

    def show(self, backlog: Backlog) -> None:
        """Show what waits."""
        self._news.set(backlog.news_lag_ms / 1000)
        self._due.set(backlog.due)
