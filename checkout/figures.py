"""What the stages of the checkout are counted with, and what of the orders waits."""

import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Metric

from checkout.backlog_pg import STAGES, Waiting
from kit.metrics import ITEMS, Spread, counter, gauge, histogram, read_at_scrape

BATCHES: Final = ("settle", "resolve", "outbox", "authorise", "capture")
"""What one call does for many: the last two write down what providers answered."""

ROWS: Final = ("authorise", "capture", "give_back", "refund")
"""Stages that work on rows one by one."""


class CheckoutFigures:
    """The figures of one worker. What waits is the same at all of them.

    Args:
        registry: where they are shown.

    Attributes:
        sizes: of batches, by what they do.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.sizes = {batch: Spread(ITEMS) for batch in BATCHES}
        self._seconds = {batch: Spread() for batch in ("settle", "resolve", "outbox")}
        self._verdicts: Tally[str] = Tally()
        self._trouble: Tally[tuple[str, str]] = Tally()
        self._waiting: Waiting | None = None
        self._looked_at_s = 0.0
        read_at_scrape(registry, self.collect)

    def measured(self, batch: str, work: Callable[[], Awaitable[int]]) -> Callable[[], Awaitable[int]]:
        """Return ``work``, which does one batch and says how many rows it had, with its size and time counted."""

        async def measure() -> int:
            began_s = time.perf_counter()
            done = await work()
            if done:
                self.sizes[batch].add(done)
                self._seconds[batch].add(time.perf_counter() - began_s)
            return done

        return measure

    def settled(self, orders: int, refused: int) -> None:
        """Count the verdicts of a batch."""
        self._verdicts["confirmed"] += orders - refused
        self._verdicts["refused"] += refused

    def troubled(self, stage: str, what: str) -> None:
        """Count a row that waits for its lease to end: ``waits`` for a server, or ``failed``."""
        self._trouble[stage, what] += 1

    def show(self, waiting: Waiting) -> None:
        """Show what waits."""
        self._waiting = waiting
        self._looked_at_s = time.time()

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield histogram(
            "showdrop_batch_size",
            "Items that shared one call, by batch",
            [(("worker", batch), spread) for batch, spread in self.sizes.items()],
            ["role", "batch"],
        )
        yield histogram(
            "showdrop_batch_seconds",
            "Seconds of each batch of the checkout that had anything to do",
            [((batch,), spread) for batch, spread in self._seconds.items()],
            ["batch"],
        )
        yield counter(
            "showdrop_orders_settled_total",
            "Orders that Postgres gave their units, or refused them",
            [((verdict,), self._verdicts[verdict]) for verdict in ("confirmed", "refused")],
            ["verdict"],
        )
        yield counter(
            "showdrop_stage_trouble_total",
            "Rows that could not be worked on: waits for a server, or failed",
            [((stage, what), self._trouble[stage, what]) for stage in ROWS for what in ("waits", "failed")],
            ["stage", "what"],
        )
        yield from self._collect_waiting()

    def _collect_waiting(self) -> Iterator[Metric]:
        waiting = self._waiting
        stages = {} if waiting is None else waiting.stages
        yield gauge(
            "showdrop_stage_waiting_orders",
            "Orders that a stage of the checkout may take and has not taken; counted up to 10,000",
            [((stage,), stages[stage].orders) for stage in STAGES if stage in stages],
            ["stage"],
        )
        yield gauge(
            "showdrop_stage_lag_seconds",
            "For how long the first order has waited for a stage of the checkout",
            [((stage,), stages[stage].lag_ms / 1000) for stage in STAGES if stage in stages],
            ["stage"],
        )
        yield gauge(
            "showdrop_settle_lag_seconds",
            "For how long the first order with its money has waited to be settled; workers are added by it",
            [] if waiting is None else [((), waiting.stages["settle"].lag_ms / 1000)],
        )
        yield gauge(
            "showdrop_outbox_depth",
            "News that buyers were not told; counted up to 10,000",
            [] if waiting is None else [((), waiting.outbox)],
        )
        yield gauge(
            "showdrop_outbox_lag_seconds",
            "Age of the oldest news that a buyer was not told",
            [] if waiting is None else [((), waiting.outbox_lag_ms / 1000)],
        )
        yield gauge(
            "showdrop_checkout_looked_timestamp_seconds",
            "When a worker looked last for what waits",
            [] if waiting is None else [((), self._looked_at_s)],
        )
