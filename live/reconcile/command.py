"""``showdrop reconcile``."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from kit.settings import Settings
from live.reconcile.drift import judge
from live.reconcile.facts import Facts
from live.reconcile.facts_pg import read_postgres
from live.reconcile.facts_redis import read_books
from live.reconcile.findings import Finding, drift_keys, lasting
from live.reconcile.limits import IN_FLIGHT_S, LOOK_EVERY_S, POSTGRES_CONNECTIONS, SHOWN_AT_MOST
from live.reconcile.repair import Repairs
from live.roles.place import find_place, servers
from live.roles.stores import Place, Stores


async def reconcile_deployment(settings: Settings, *, repair: bool) -> bool:
    """Compare Redis, Postgres, the test bank and the channels, and print what was found.

    Running servers are used where there are any, else the data directory's own are started meanwhile.

    Args:
        settings: name the servers or the data directory.
        repair: compensate what is off; without it nothing is changed.

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
            findings = await settled(lambda: look(stores))
            if repair and drift_keys(findings):
                screen.print(findings_table(findings, title="Found"))
                await Repairs(stores, lambda line: screen.print(line, markup=False, soft_wrap=True)).repair(findings)
                findings = await settled(lambda: look(stores))
            screen.print(findings_table(findings, title="Reconciliation"))
        finally:
            await stores.close()
    return not drift_keys(findings)


async def look(stores: Stores) -> Facts:
    """Collect everything once: Postgres, and then Redis.

    Raises:
        UnavailableError: one of them does not answer.
    """
    rows = await read_postgres(stores.postgres)
    books = await read_books(stores.redis, [pool.pool_id for pool in rows.pools if not pool.finished])
    positions = await stores.log.positions([log.show_id for log in rows.logs])
    return Facts(
        stock=rows.stock,
        fences=rows.fences,
        pools=rows.pools,
        orders=rows.orders,
        books=books,
        money=rows.money,
        logs=tuple(
            msgspec.structs.replace(log, redis_top=position.seq if position else None)
            for log, position in zip(rows.logs, positions, strict=True)
        ),
        levels=rows.levels,
        totals=rows.totals,
    )


async def settled(look_once: Callable[[], Awaitable[Facts]]) -> list[Finding]:
    """Look until nothing is off, or for ``IN_FLIGHT_S``; only what every look showed is left in the findings.

    Raises:
        UnavailableError: passed on from ``look_once``.
    """
    loop = asyncio.get_running_loop()
    give_up_at = loop.time() + IN_FLIGHT_S
    findings = judge(await look_once())
    while drift_keys(findings) and loop.time() < give_up_at:
        await asyncio.sleep(LOOK_EVERY_S)
        findings = lasting(judge(await look_once()), drift_keys(findings))
    return findings


def findings_table(findings: Sequence[Finding], *, title: str) -> Table:
    """Return every check with what it found; of many drifts the first few."""
    table = Table(title=title, title_justify="left", show_lines=False)
    table.add_column("check")
    table.add_column("", no_wrap=True)
    table.add_column("found", overflow="fold")
    for finding in findings:
        found = Text(finding.figures)
        for drift in finding.drifts[:SHOWN_AT_MOST]:
            found.append(f"\n{drift.text}")
        if len(finding.drifts) > SHOWN_AT_MOST:
            found.append(f"\nand {len(finding.drifts) - SHOWN_AT_MOST} more")
        verdict = (
            Text(f"{len(finding.drifts)} DRIFT", style="bold red") if finding.drifts else Text("ok", style="green")
        )
        table.add_row(finding.check, verdict, found)
    return table


@asynccontextmanager
async def _lend_place(settings: Settings) -> AsyncIterator[Place]:
    place = await find_place(settings)
    if place is not None:
        yield place
        return
    async with servers(settings) as (started, _):
        yield started
