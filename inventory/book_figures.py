"""What the keeper shows of the hold book: units by where they are, books that are lost, and how late holds end."""

import time
from collections.abc import Iterator, Sequence
from typing import Final

from prometheus_client import CollectorRegistry, Metric

from inventory.holds import PoolCounts
from inventory.pools_pg import PoolState
from kit.metrics import counter, gauge, read_at_scrape

UNITS: Final = ("available", "held", "sold")


class BookFigures:
    """The figures of one keeper; those of the books are the same at all of them.

    Args:
        registry: where they are shown.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._units = dict.fromkeys(UNITS, 0)
        self._pools = self._away = self._waiting = self._oversold = 0
        self._rebuilds = 0
        self._overdue_ms = 0
        self._round_at_s = 0.0
        read_at_scrape(registry, self.collect)

    def seen(self, pools: Sequence[PoolState], found: Sequence[PoolCounts | None]) -> None:
        """Note the counts of the unfinished pools as a round found them; None where nobody answered."""
        there = [counts for counts in found if counts is not None]
        trusted = [
            counts
            for pool, counts in zip(pools, found, strict=True)
            if counts is not None and counts.current and counts.epoch == pool.epoch
        ]
        self._pools, self._away = len(pools), len(pools) - len(trusted)
        self._units = {
            "available": sum(max(0, counts.available) for counts in there),
            "held": sum(counts.held for counts in there),
            "sold": sum(counts.sold for counts in there),
        }
        self._waiting = sum(counts.waiting for counts in there)
        self._oversold = sum(max(0, -counts.available) for counts in there)

    def rebuilt(self) -> None:
        """Count a book that was rebuilt."""
        self._rebuilds += 1

    def overdue(self, overdue_ms: int) -> None:
        """Note how late the sweep comes for the hold that is longest overdue."""
        self._overdue_ms = overdue_ms

    def round_ended(self) -> None:
        """Note that the keeper got through a round."""
        self._round_at_s = time.time()

    def collect(self) -> Iterator[Metric]:
        """Yield the families."""
        yield gauge("showdrop_pools", "Offers' pools that are not finished", [((), self._pools)])
        yield gauge(
            "showdrop_pools_recovering",
            "Pools whose book was lost or did not answer, so that claims are refused as recovering",
            [((), self._away)],
        )
        yield counter("showdrop_pool_rebuilds_total", "Books that this worker rebuilt", [((), self._rebuilds)])
        yield gauge(
            "showdrop_pool_units",
            "Units of unfinished pools, by where they are: available, held or sold",
            [((state,), units) for state, units in self._units.items()],
            ["state"],
        )
        yield gauge(
            "showdrop_pool_oversold_units",
            "Units that books have promised and do not have; 0 is well",
            [((), self._oversold)],
        )
        yield gauge("showdrop_pool_waiting_buyers", "Buyers on the waiting lists of offers", [((), self._waiting)])
        yield gauge(
            "showdrop_sweep_lag_seconds",
            "How long the hold that is longest overdue should have ended, when the sweep came",
            [((), self._overdue_ms / 1000)],
        )
        yield gauge(
            "showdrop_keeper_last_round_timestamp_seconds",
            "When the keeper got through its last round",
            [((), self._round_at_s)],
        )
