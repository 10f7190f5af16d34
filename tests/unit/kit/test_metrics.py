from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.parser import text_string_to_metric_families

from kit.metrics import Spread, gauge, histogram, new_registry, read_at_scrape, render_metrics


def test_a_spread_counts_a_value_in_every_bucket_that_it_is_not_above() -> None:
    registry, spread = new_registry(), Spread((0.1, 1, 10))
    for value in (0.05, 0.1, 0.5, 10.0, 99.0):
        spread.add(value)
    read_at_scrape(registry, lambda: [histogram("waits_seconds", "Waits", [((), spread)])])
    assert registry.get_sample_value("waits_seconds_bucket", {"le": "0.1"}) == 2
    assert registry.get_sample_value("waits_seconds_bucket", {"le": "1.0"}) == 3
    assert registry.get_sample_value("waits_seconds_bucket", {"le": "10.0"}) == 4
    assert registry.get_sample_value("waits_seconds_bucket", {"le": "+Inf"}) == 5
    assert registry.get_sample_value("waits_seconds_count") == spread.count == 5
    assert registry.get_sample_value("waits_seconds_sum") == pytest.approx(109.65)


def test_roles_that_share_a_registry_share_families_and_not_samples() -> None:
    registry = new_registry()
    for role, busy in (("api", 3), ("worker", 5)):

        def collect(role: str = role, busy: int = busy) -> Iterator[Metric]:
            yield gauge("busy", "Busy connections", [((role,), busy)], ["role"])

        read_at_scrape(registry, collect)
    text = render_metrics(registry).decode()
    assert text.count("# TYPE busy gauge") == 1
    [family] = [one for one in text_string_to_metric_families(text) if one.name == "busy"]
    assert {one.labels["role"]: one.value for one in family.samples} == {"api": 3, "worker": 5}


def test_a_registry_of_the_library_takes_sources_too() -> None:
    registry = CollectorRegistry()
    read_at_scrape(registry, lambda: [gauge("one", "One", [((), 1)])])
    read_at_scrape(registry, lambda: [gauge("two", "Two", [((), 2)])])
    assert (registry.get_sample_value("one"), registry.get_sample_value("two")) == (1, 2)


def test_every_registry_has_the_figures_of_its_process() -> None:
    memory = new_registry().get_sample_value("process_resident_memory_bytes")
    assert memory is not None
    assert memory > 1_000_000
