"""A gateway that dies in the middle of a show costs nobody an event, a unit or money."""

import asyncio
import os
import signal
from pathlib import Path

import msgspec
import pytest

from tests.e2e.conftest import Deployment
from tests.e2e.gateway_pair import Pair

CATALOGUE = Path(__file__).parents[1] / "fixtures" / "catalogue" / "shopify.csv"
VIEWERS, UNITS = 1_000, 100
EVERY_EVENT_IN_ORDER = 8
"""The invariant's number: every viewer saw every event in order."""
EVENTS_LEAST = 6
"""Log events after the viewers have come: the opening and the end of the offer, and four while a process is dead."""

pytestmark = pytest.mark.timeout(115)


async def test_a_gateway_killed_with_nine_in_a_rehearsal_of_a_thousand_loses_no_event(
    deployment: Deployment, tmp_path: Path
) -> None:
    pair = await Pair.start(deployment)
    importing = await deployment.run("import", str(CATALOGUE))
    assert await importing.ended(within_s=15) == 0, importing.printed
    report = tmp_path / "report.json"
    words = ["--viewers", str(VIEWERS), "--units", str(UNITS), "--no-channel", "--ws-url", pair.ws_url]
    rehearsal = await deployment.run("rehearse", *words, "--json", str(report))
    await rehearsal.until_printed("rehearse: selling", within_s=60)
    before = pair.processes()
    show_id = (await pair.first("/v1/shows"))["show_id"]
    product_id = (await pair.first("/v1/products"))["product_id"]
    for number in (0, 1):
        os.kill(before[number], signal.SIGKILL)
        # Half of the viewers are away now, and miss these.
        for product_ids in ([product_id], []):
            await pair.post(f"/v1/shows/{show_id}/spotlight", {"product_ids": product_ids})
        await asyncio.sleep(1.5)
    assert await rehearsal.ended(within_s=80) == 0, rehearsal.printed
    said = msgspec.json.decode(report.read_bytes())
    assert said["reconnects"] >= VIEWERS / 4
    [log] = [one for one in said["invariants"] if one["number"] == EVERY_EVENT_IN_ORDER]
    assert log["faults"] == []
    assert log["figures"].startswith(f"{VIEWERS} viewers at event ")
    # A snapshot would make up for a lost event without a fault; then its viewer would have seen fewer than the others.
    fewest, most = said["events_per_viewer"]
    assert fewest == most >= EVENTS_LEAST
    assert set(pair.processes().values()).isdisjoint(before.values())
    await pair.close()
