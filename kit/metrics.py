"""Prometheus metrics: one registry per role, so that two roles in one process do not mix.

What is counted where much happens is counted in plain numbers, and read when somebody asks (``read_at_scrape``). Names
are ``showdrop_*``; units are seconds and bytes.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry, Metric, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

CONTENT_TYPE = CONTENT_TYPE_LATEST

Source = Callable[[], Iterable[Metric]]
"""What is read at a scrape."""

Sample = tuple[Sequence[str], float]
"""The values of the labels, and the figure."""

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Buckets of times: from a round trip on one machine to what everybody notices."""

ITEMS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)
"""Buckets of batch sizes."""


class Spread:
    """A histogram of plain numbers: adding one costs a look-up and two additions, and no lock.

    Args:
        bounds: the upper ends of the buckets, ascending; one above the last is added.
    """

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self._bounds = tuple(float(bound) for bound in bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    @property
    def count(self) -> int:
        """How many values were added."""
        return sum(self._counts)

    def into(self, family: HistogramMetricFamily, labels: Sequence[str] = ()) -> None:
        """Add it to a family as one histogram."""
        ends = [*(repr(bound) for bound in self._bounds), "+Inf"]
        counts = [float(count) for count in accumulate(self._counts)]
        family.add_metric(list(labels), list(zip(ends, counts, strict=True)), self._sum)


def gauge(name: str, meaning: str, samples: Iterable[Sample], labels: Sequence[str] = ()) -> Metric:
    """Return a family of gauges."""
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, figure in samples:
        family.add_metric(list(values), figure)
    return family


def counter(name: str, meaning: str, samples: Iterable[Sample], labels: Sequence[str] = ()) -> Metric:
    """Return a family of counters; ``name`` ends in ``_total``."""
    family = CounterMetricFamily(name, meaning, labels=labels)
    for values, figure in samples:
        family.add_metric(list(values), figure)
    return family


def histogram(
    name: str, meaning: str, spreads: Iterable[tuple[Sequence[str], Spread]], labels: Sequence[str] = ()
) -> Metric:
    """Return a family of histograms."""
    family = HistogramMetricFamily(name, meaning, labels=labels)
    for values, spread in spreads:
        spread.into(family, values)
    return family


class _Sources(Collector):
    """Families that several parts share, told apart by a label, are one in the answer."""

    def __init__(self) -> None:
        self.sources: list[Source] = []

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for source in self.sources:
            for family in source():
                known = families.setdefault(family.name, family)
                if known is not family:
                    known.samples += family.samples
        yield from families.values()


class Registry(CollectorRegistry):
    """A registry that takes sources too: roles that share one may have families of the same name."""

    def __init__(self) -> None:
        super().__init__(auto_describe=True)
        self.shared = _Sources()
        self.register(self.shared)


def new_registry() -> Registry:
    """Return a registry with the figures of this process (CPU, memory, open files); a role passes it to its parts."""
    registry = Registry()
    ProcessCollector(registry=registry)
    return registry


def read_at_scrape(registry: CollectorRegistry, source: Source) -> None:
    """Let a registry ask ``source`` at every scrape."""
    if isinstance(registry, Registry):
        registry.shared.sources.append(source)
        return
    alone = _Sources()
    registry.register(alone)
    alone.sources.append(source)


def render_metrics(registry: CollectorRegistry) -> bytes:
    """Return the text exposition of a registry."""
    return generate_latest(registry)
