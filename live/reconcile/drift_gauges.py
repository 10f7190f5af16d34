"""What the watch shows: drift as metrics, and each drift in the log when it begins and when it is over."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Gauge

from kit.log import logger
from live.reconcile.drift import CHECKS
from live.reconcile.findings import Finding, drift_keys
from live.reconcile.limits import SHOWN_AT_MOST

_log = logger("reconcile")


class DriftGauges:
    """The figures of the newest comparison. Every check has its label from the start; 0 is well.

    Args:
        registry: of the role.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._known: frozenset[tuple[str, str]] = frozenset()
        self._drift = Gauge(
            "showdrop_drift", "What lastingly differs, by check; 0 is well", ["check"], registry=registry
        )
        self._took = Gauge(
            "showdrop_reconcile_last_seconds", "Seconds that the newest comparison spent on looking", registry=registry
        )
        self._at = Gauge(
            "showdrop_reconcile_last_timestamp_seconds",
            "When the newest comparison ended; 0 while another worker makes them",
            registry=registry,
        )
        self.forget()

    def show(self, findings: Sequence[Finding], *, looked_s: float) -> None:
        """Show the findings of one comparison, and log what is new in them and what is over."""
        for finding in findings:
            self._drift.labels(finding.check).set(len(finding.drifts))
            self._log_new(finding)
        now_off = drift_keys(findings)
        for check in {check for check, _ in self._known} - {check for check, _ in now_off}:
            _log.info("drift_is_over", check=check)
        self._known = now_off
        self._took.set(looked_s)
        self._at.set_to_current_time()

    def forget(self) -> None:
        """Show nothing: another worker does."""
        for check, _ in CHECKS:
            self._drift.labels(check).set(0)
        self._took.set(0)
        self._at.set(0)
        self._known = frozenset()

    def _log_new(self, finding: Finding) -> None:
        fresh = [drift for drift in finding.drifts if (finding.check, drift.about) not in self._known]
        for drift in fresh[:SHOWN_AT_MOST]:
            _log.warning("drift", check=finding.check, drift=drift.text, remedy=drift.remedy)
        if len(fresh) > SHOWN_AT_MOST:
            _log.warning("drift", check=finding.check, drift=f"and {len(fresh) - SHOWN_AT_MOST} more")
