"""The machine kills Showdrop in the middle of a sale: nothing is sold twice, no paid order is lost."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

import asyncpg
import pytest

from checkout.limits import LEASE_MS
from kit.redis_client import connect_redis
from tests.e2e.conftest import Deployment

CATALOGUE = Path(__file__).parents[1] / "fixtures" / "catalogue" / "shopify.csv"
UNDER_WAY = "SELECT count(*) FROM orders WHERE state IN ('submitted', 'authorised', 'confirmed')"
QUIET_S = LEASE_MS / 1000 + 5
"""What a killed worker had taken is free again when its lease ends."""

pytestmark = pytest.mark.timeout(85)


async def import_catalogue(deployment: Deployment) -> None:
    importing = await deployment.run("import", str(CATALOGUE))
    assert await importing.ended(within_s=15) == 0, importing.printed


async def until_orders(deployment: Deployment, least: int, *, within_s: float) -> None:
    """Wait until the sale is in full swing."""
    connection = await asyncpg.connect(deployment.servers().database_url)
    try:
        async with asyncio.timeout(within_s):
            while True:
                if await connection.fetchval("SELECT count(*) FROM orders") >= least:
                    return
                await asyncio.sleep(0.01)
    finally:
        await connection.close()


async def until_quiet(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    async with asyncio.timeout(QUIET_S):
        while True:
            if not await connection.fetchval(UNDER_WAY):
                return
            await asyncio.sleep(0.1)


async def check_sales(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    assert await connection.fetch("SELECT pool_id FROM pools WHERE sold + returned > allocated") == []
    wrong_payments = await connection.fetch(
        "SELECT order_id, array_agg(test_payments.captured) FROM orders LEFT JOIN test_payments USING (order_id) "
        "WHERE orders.state = 'captured' GROUP BY order_id, orders.amount "
        "HAVING count(*) <> 1 OR sum(test_payments.captured) IS DISTINCT FROM orders.amount"
    )
    assert wrong_payments == []
    lost = await connection.fetch(
        "SELECT order_id FROM test_payments LEFT JOIN orders USING (order_id) "
        "WHERE test_payments.captured > test_payments.refunded AND orders.hold_outcome IS DISTINCT FROM 'sold' "
        "AND coalesce(orders.state, 'unknown') NOT IN ('submitted', 'authorised')"
    )
    assert lost == [], "money was kept for nothing"


async def test_showdrop_killed_in_the_middle_of_a_sale_goes_on_where_it_was(deployment: Deployment) -> None:
    dev = await deployment.start_dev()
    await import_catalogue(deployment)
    rehearsal = await deployment.run("rehearse", "--viewers", "100", "--units", "40")
    await rehearsal.until_printed("rehearse: selling", within_s=20)
    await until_orders(deployment, 5, within_s=20)
    dev.kill_nine()
    assert await dev.ended(within_s=5) == -signal.SIGKILL

    assert await rehearsal.ended(within_s=35) == 3, rehearsal.printed
    told = [line for line in rehearsal.printed.splitlines() if line.startswith("rehearse: the server")]
    assert len(told) == 1, rehearsal.printed
    assert "left behind: show show_" in told[0]
    assert "40 units added" in told[0]
    assert "Traceback" not in rehearsal.printed

    await deployment.start_dev()
    connection = await asyncpg.connect(deployment.servers().database_url)
    try:
        await until_quiet(connection)
        reconciling = await deployment.run("reconcile")
        assert await reconciling.ended(within_s=20) == 0, reconciling.printed
        assert await connection.fetchval("SELECT count(*) FROM orders WHERE hold_outcome = 'sold'") > 0
        await check_sales(connection)

        again = await deployment.run("rehearse", "--viewers", "30", "--units", "10")
        assert await again.ended(within_s=40) == 0, again.printed
        assert await connection.fetchval("SELECT count(*) FROM shows WHERE state <> 'ended'") == 0
    finally:
        await connection.close()


async def test_showdrop_whose_redis_is_killed_says_so_in_one_line_and_ends(deployment: Deployment) -> None:
    dev = await deployment.start_dev()
    await import_catalogue(deployment)
    rehearsal = await deployment.run("rehearse", "--viewers", "60", "--units", "20")
    await rehearsal.until_printed("rehearse: selling", within_s=20)
    redis = connect_redis(deployment.servers().redis_url, max_connections=1)
    server = await redis.info("server")
    await redis.aclose()
    await until_orders(deployment, 3, within_s=20)
    os.kill(server["process_id"], signal.SIGKILL)

    assert await dev.ended(within_s=15) == 1, dev.printed
    assert dev.printed.splitlines()[-1].startswith("showdrop: "), dev.printed
    assert "Redis" in dev.printed.splitlines()[-1]
    assert "Traceback" not in dev.printed
    # The directory is free at once: what Redis forgot is rebuilt from Postgres.
    with contextlib.suppress(ProcessLookupError):  # it may have given up by itself
        rehearsal.kill_nine()
    await rehearsal.ended(within_s=5)
    await deployment.start_dev()
    connection = await asyncpg.connect(deployment.servers().database_url)
    try:
        # Orders that were being paid wait for a lease to end; they agree with the rebuilt book already.
        reconciling = await deployment.run("reconcile")
        assert await reconciling.ended(within_s=20) == 0, reconciling.printed
        await check_sales(connection)
    finally:
        await connection.close()
