"""A rehearsal that is stopped leaves the shop as it was, less what it really sold."""

import asyncio
import signal
from pathlib import Path

import asyncpg
import pytest

from loadtests.free_ports import free_port
from tests.e2e.conftest import Deployment, Program

CATALOGUE = Path(__file__).parents[1] / "fixtures" / "catalogue" / "shopify.csv"
ON_HAND = "SELECT sum(on_hand)::bigint FROM stock"
SOLD = "SELECT coalesce(sum(sold), 0)::bigint FROM pools"
SHOWS_ON = "SELECT count(*) FROM shows WHERE state <> 'ended'"
CHANNELS = "SELECT count(*) FROM channels WHERE state = 'active'"

pytestmark = pytest.mark.timeout(85)


async def stopped(rehearsal: Program, number: signal.Signals) -> str:
    """Stop it and return the one line that it says about that."""
    rehearsal.process.send_signal(number)
    assert await rehearsal.ended(within_s=20) == 128 + number, rehearsal.printed
    assert "Traceback" not in rehearsal.printed
    assert "exception was never retrieved" not in rehearsal.printed
    said = [line for line in rehearsal.printed.splitlines() if line.startswith("rehearse: stopped by")]
    assert len(said) == 1, rehearsal.printed
    return said[0]


async def test_a_stopped_rehearsal_takes_back_exactly_what_it_did_not_sell(deployment: Deployment) -> None:
    await deployment.start_dev()
    importing = await deployment.run("import", str(CATALOGUE))
    assert await importing.ended(within_s=15) == 0, importing.printed
    connection = await asyncpg.connect(deployment.servers().database_url)
    try:
        before = await connection.fetchval(ON_HAND)
        rehearsal = await deployment.run("rehearse", "--viewers", "60", "--units", "30", knows_ports=False)
        await rehearsal.until_printed("rehearse: selling", within_s=20)
        async with asyncio.timeout(20):
            while not await connection.fetchval(SOLD):
                await asyncio.sleep(0.01)
        said = await stopped(rehearsal, signal.SIGINT)
        sold = await connection.fetchval(SOLD)
        assert f" {sold} of 30 units were sold, {30 - sold} taken back" in said
        assert await connection.fetchval(ON_HAND) == before

        early = await deployment.run("rehearse", "--viewers", "60", "--units", "30")
        await early.until_printed("rehearse: connecting", within_s=20)
        assert "0 of 30 units were sold, 30 taken back" in await stopped(early, signal.SIGTERM)
        assert await connection.fetchval(SOLD) == sold
        assert await connection.fetchval(ON_HAND) == before
        assert await connection.fetchval(SHOWS_ON) == 0
        assert await connection.fetchval(CHANNELS) == 0
    finally:
        await connection.close()


async def test_a_rehearsal_without_a_server_says_so_and_ends(deployment: Deployment) -> None:
    await deployment.start_dev()
    for words, hint in (
        (("--url", f"http://127.0.0.1:{free_port()}"), "start it with make run"),
        (("--ws-url", f"ws://127.0.0.1:{free_port()}"), "no gateway at"),
    ):
        rehearsal = await deployment.run("rehearse", *words)
        assert await rehearsal.ended(within_s=20) == 2, rehearsal.printed
        assert hint in rehearsal.printed
        assert len(rehearsal.printed.splitlines()) <= 2, rehearsal.printed
