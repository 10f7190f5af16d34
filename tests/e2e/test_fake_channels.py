"""``showdrop dev --fake-channels``: nine channels that anyone can see, a rehearsal with them, and nothing left."""

import asyncio
import json
import re
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.conftest import Deployment, Program

KINDS = {"meta", "tiktok", "pinterest", "snapchat", "wechat", "douyin", "line_myshop", "kakao", "shopify"}
PUSHES = {"tiktok", "wechat", "douyin", "shopify"}
SHOWS_UNITS = KINDS - {"pinterest", "snapchat"}
SKUS = {"MUG-BLUE": 20, "CAP": 7}
WITHIN_S = 15.0


async def imported(deployment: Deployment, folder: Path) -> None:
    feed = folder / "feed.csv"
    rows = [
        f"{sku},{sku},Something,in stock,new,20.00 EUR,https://shop.example/p,https://shop.example/i.png,{units}"
        for sku, units in SKUS.items()
    ]
    columns = "id,title,description,availability,condition,price,link,image_link,quantity_to_sell_on_facebook"
    feed.write_text("\n".join([columns, *rows, ""]), encoding="utf-8")
    program = await deployment.run("import", str(feed))
    assert await program.ended(within_s=WITHIN_S) == 0, program.printed


class Watching:
    """The API, and the fakes' own control."""

    def __init__(self, deployment: Deployment, dev: Program) -> None:
        token = re.search(r"/host#token=(\S+)", dev.printed)
        control = re.search(r"export FAKES=(\S+)", dev.printed)
        assert token is not None
        self.api = f"http://127.0.0.1:{deployment.http_port}"
        self.headers = {"authorization": f"Bearer {token[1]}"}
        self.control = control[1] if control else ""

    async def channels(self) -> list[dict[str, Any]]:
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.get(f"{self.api}/v1/channels", headers=self.headers)
        found: list[dict[str, Any]] = answer.json()["items"]
        return found

    async def until_in_step(self) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not _in_step(await self.channels()):
                await asyncio.sleep(0.1)

    async def shown(self) -> dict[str, dict[str, int]]:
        """What each SKU shows, by kind."""
        async with httpx.AsyncClient(trust_env=False) as client:
            answers = {kind: (await client.get(f"{self.control}/{kind}")).json() for kind in KINDS}
        return {kind: {one["sku"]: one["shows"] for one in answer["items"]} for kind, answer in answers.items()}

    async def until_shown(self, units: dict[str, int]) -> None:
        async with asyncio.timeout(WITHIN_S):
            while not _is_shown(await self.shown(), units):
                await asyncio.sleep(0.1)


def _in_step(channels: list[dict[str, Any]]) -> bool:
    waiting = [one for one in channels if one["behind"] or one["unlinked"] or one["state"] != "active"]
    return {one["kind"] for one in channels} == KINDS and not waiting


def _is_shown(found: dict[str, dict[str, int]], units: dict[str, int]) -> bool:
    return all(
        shown == (units if kind in SHOWS_UNITS else {sku: min(count, 1) for sku, count in units.items()})
        for kind, shown in found.items()
    )


async def stop(dev: Program) -> None:
    dev.process.send_signal(signal.SIGINT)
    assert await dev.ended(within_s=WITHIN_S) == 0, dev.printed
    assert "Traceback" not in dev.printed


async def test_a_rehearsal_tells_nine_channels_what_the_ledger_says(deployment: Deployment, tmp_path: Path) -> None:
    await imported(deployment, tmp_path)
    dev = await deployment.start_dev("--fake-channels")
    watching = Watching(deployment, dev)
    await watching.until_in_step()
    await watching.until_shown(SKUS)
    connected = {one["channel_id"] for one in await watching.channels()}

    report_file = tmp_path / "report.json"
    rehearsal = await deployment.run("rehearse", "--viewers", "30", "--units", "10", "--json", str(report_file))
    assert await rehearsal.ended(within_s=60) == 0, rehearsal.printed
    assert "held: 10 of 10 units sold, 0 oversold" in rehearsal.printed
    assert "9 of the shop's own in step" in rehearsal.printed
    check_table(json.loads(report_file.read_bytes())["channels"])
    await watching.until_shown(SKUS)
    left = await sell_elsewhere(watching)

    await stop(dev)
    async with httpx.AsyncClient(trust_env=False) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(watching.control)

    dev = await deployment.start_dev("--fake-channels")
    watching = Watching(deployment, dev)
    # They know what they were told before: nothing has changed since, so nobody is told anything.
    await watching.until_shown(left)
    assert {one["channel_id"] for one in await watching.channels()} == connected
    async with httpx.AsyncClient(trust_env=False) as client:
        fakes = (await client.get(f"{watching.control}/")).json()
    assert (fakes["trouble"], fakes["unconnected"]) == ("", {})
    await stop(dev)


async def test_the_first_levels_of_a_new_catalogue_are_no_part_of_the_shows_figures(
    deployment: Deployment, tmp_path: Path
) -> None:
    dev = await deployment.start_dev("--fake-channels")
    watching = Watching(deployment, dev)
    await watching.until_in_step()

    await imported(deployment, tmp_path)
    report_file = tmp_path / "report.json"
    rehearsal = await deployment.run("rehearse", "--viewers", "5", "--units", "3", "--json", str(report_file))
    assert await rehearsal.ended(within_s=90) == 0, rehearsal.printed
    assert "9 of the shop's own in step" in rehearsal.printed
    table = json.loads(report_file.read_bytes())["channels"]
    # Units come, and are set aside for the offer: two changes of one SKU.
    assert all(line["calls"] <= 2 and line["other_skus"] == 0 for line in table), table
    await stop(dev)


async def sell_elsewhere(watching: Watching) -> dict[str, int]:
    """Buy a mug at every channel that tells of its orders by itself; return what is left, everywhere."""
    async with httpx.AsyncClient(trust_env=False) as client:
        for kind in sorted(PUSHES):
            sale = await client.post(f"{watching.control}/{kind}/orders", json={"sku": "MUG-BLUE", "quantity": 2})
            assert (sale.status_code, sale.json()["push_answered"]) == (200, 200), (kind, sale.text)
    left = SKUS | {"MUG-BLUE": SKUS["MUG-BLUE"] - 2 * len(PUSHES)}
    await watching.until_shown(left)
    for channel in await watching.channels():
        if channel["kind"] in PUSHES:
            async with httpx.AsyncClient(base_url=watching.api, headers=watching.headers, trust_env=False) as client:
                (order,) = (await client.get(f"/v1/channels/{channel['channel_id']}/orders")).json()["items"]
            assert (order["state"], order["lines"][0]["sku"], order["lines"][0]["taken"]) == ("taken", "MUG-BLUE", 2)
    return left


def check_table(lines: list[dict[str, Any]]) -> None:
    table = {line["kind"]: line for line in lines}
    assert set(table) == KINDS
    assert all(line["equal"] and line["shows"] == line["due"] for line in table.values()), table
    assert all(line["calls"] >= line["least_calls"] for line in table.values()), table
    # The units come, and are set aside for the offer; where only "in stock" is shown, nothing changes.
    assert (table["tiktok"]["least_calls"], table["pinterest"]["least_calls"]) == (2, 0)
    assert table["pinterest"]["lag_p99_ms"] is None
    assert all(0 < line["lag_p99_ms"] < 15_000 for kind, line in table.items() if kind != "pinterest"), table
