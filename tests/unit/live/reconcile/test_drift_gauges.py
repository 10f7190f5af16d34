"""What the watch shows: every check from the start, zero when all is well, and each drift in the log once."""

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from kit.metrics import new_registry
from live.reconcile.drift import CHECKS
from live.reconcile.drift_gauges import DriftGauges
from live.reconcile.findings import Drift, Finding
from live.reconcile.limits import SHOWN_AT_MOST, WATCH_EVERY_S, WATCH_PAUSE_MOST_S, WATCH_SHARE_MOST
from live.reconcile.watch import pause_s

NAMES = [name for name, _ in CHECKS]


def findings(**drifts: list[str]) -> list[Finding]:
    """One finding per check; ``c0`` is the first check."""
    found = []
    for number, name in enumerate(NAMES):
        abouts = drifts.get(f"c{number}", [])
        rows = tuple(Drift(about=about, text=f"{about} is off", remedy="none", target=about) for about in abouts)
        found.append(Finding(check=name, figures="", drifts=rows))
    return found


def shown(registry: CollectorRegistry) -> list[float | None]:
    return [registry.get_sample_value("showdrop_drift", {"check": name}) for name in NAMES]


def test_every_check_is_there_before_the_first_comparison_and_reads_zero() -> None:
    registry = new_registry()
    DriftGauges(registry)
    assert shown(registry) == [0] * len(NAMES)
    assert registry.get_sample_value("showdrop_reconcile_last_timestamp_seconds") == 0


def test_the_gauges_are_those_of_the_newest_comparison() -> None:
    registry = new_registry()
    gauges = DriftGauges(registry)
    gauges.show(findings(c0=["a", "b"], c2=["x"]), looked_s=1.5)
    assert shown(registry)[:3] == [2, 0, 1]
    assert registry.get_sample_value("showdrop_reconcile_last_seconds") == 1.5
    assert (registry.get_sample_value("showdrop_reconcile_last_timestamp_seconds") or 0) > 1e9
    gauges.show(findings(c2=["x"]), looked_s=0.5)
    assert shown(registry)[:3] == [0, 0, 1]
    gauges.forget()
    assert shown(registry) == [0] * len(NAMES)
    assert registry.get_sample_value("showdrop_reconcile_last_timestamp_seconds") == 0


def test_a_drift_is_logged_when_it_begins_and_its_check_when_it_is_over_and_never_between() -> None:
    gauges = DriftGauges(new_registry())
    with capture_logs() as said:
        gauges.show(findings(c0=["a"]), looked_s=0)
        gauges.show(findings(c0=["a", "b"]), looked_s=0)
        gauges.show(findings(c0=["b"]), looked_s=0)
        gauges.show(findings(), looked_s=0)
        gauges.show(findings(), looked_s=0)
    assert [(one["event"], one.get("drift")) for one in said] == [
        ("drift", "a is off"),
        ("drift", "b is off"),
        ("drift_is_over", None),
    ]


def test_ten_thousand_drifts_are_a_few_lines() -> None:
    gauges = DriftGauges(new_registry())
    with capture_logs() as said:
        gauges.show(findings(c0=[str(number) for number in range(10_000)]), looked_s=0)
    assert len(said) == SHOWN_AT_MOST + 1
    assert said[-1]["drift"] == f"and {10_000 - SHOWN_AT_MOST} more"


def test_the_pause_keeps_the_share_of_time_within_bounds() -> None:
    assert pause_s(0.01) == WATCH_EVERY_S
    assert pause_s(3.0) == 3.0 / WATCH_SHARE_MOST
    assert pause_s(10_000.0) == WATCH_PAUSE_MOST_S
