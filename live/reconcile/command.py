"""``showdrop reconcile``."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from rich.console import Console
from rich.table import Table
from rich.text import Text

from kit.settings import Settings
from live.reconcile.findings import Finding, drift_keys
from live.reconcile.limits import IN_FLIGHT_S, POSTGRES_CONNECTIONS, SHOWN_AT_MOST
from live.reconcile.looks import look, settled
from live.reconcile.repair import Repairs
from live.roles.place import find_place, require_data, servers
from live.roles.stores import Place, Stores


async def reconcile_deployment(settings: Settings, *, repair: bool, in_flight_s: float = IN_FLIGHT_S) -> bool:
    """Compare Redis, Postgres, the test bank and the channels, and print what was found.

    Running servers are used where there are any, else the data directory's own are started meanwhile.

    Args:
        settings: name the servers or the data directory.
        repair: compensate what is off; without it nothing is changed.
        in_flight_s: what is on its way gets this long to arrive.

    Returns:
        Whether there is no drift, or none any more.

    Raises:
        StartupError, SettingError, UnavailableError: one line with the remedy.
    """
    screen = Console(highlight=False)
    async with _lend_place(settings) as place:
        stores = await Stores.open(place, "reconcile", connections=POSTGRES_CONNECTIONS)
        try:
            await stores.check_schema()
            findings = await settled(lambda: look(stores), in_flight_s=in_flight_s)
            if repair and drift_keys(findings):
                print_findings(findings, screen, title="Found")
                await Repairs(
                    stores, lambda line: screen.print(f"repair: {line}", markup=False, soft_wrap=True)
                ).repair(findings)
                findings = await settled(lambda: look(stores), in_flight_s=in_flight_s)
            print_findings(findings, screen, title="Reconciliation")
        finally:
            await stores.close()
    return not drift_keys(findings)


def print_findings(findings: Sequence[Finding], screen: Console, *, title: str) -> None:
    """Print every check with what it looked at, and below it, one per line, the first few drifts of each."""
    table = Table(title=title, title_justify="left")
    table.add_column("check")
    table.add_column("verdict", no_wrap=True)
    table.add_column("looked at")
    for finding in findings:
        verdict = (
            Text(f"{len(finding.drifts)} DRIFT", style="bold red") if finding.drifts else Text("ok", style="green")
        )
        table.add_row(finding.check, verdict, finding.figures)
    screen.print(table)
    for finding in findings:
        more = len(finding.drifts) - SHOWN_AT_MOST
        lines = [drift.text for drift in finding.drifts[:SHOWN_AT_MOST]] + ([f"and {more} more"] if more > 0 else [])
        for line in lines:
            screen.print(f"{finding.check}: {line}", markup=False, soft_wrap=True)


@asynccontextmanager
async def _lend_place(settings: Settings) -> AsyncIterator[Place]:
    place = await find_place(settings)
    if place is not None:
        yield place
        return
    require_data(settings)
    async with servers(settings, passing=True) as (started, _):
        yield started
