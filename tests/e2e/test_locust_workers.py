"""Locust on several processes, one of which cannot play: nobody goes on as if it did."""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Mapping
from pathlib import Path

import pytest

from loadtests.free_ports import free_port
from tests.e2e.conftest import Deployment

pytestmark = pytest.mark.timeout(60)

LOCUSTFILE = Path(__file__).parents[2] / "loadtests" / "locustfile.py"
UNABLE = 2
ENDS_S = 30.0
"""From the start of all processes; a show that is played without the worker takes three times as long."""


async def start_locust(records: Path, environ: Mapping[str, str], *words: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--only-summary"),
        *("--tier", "XS", "--shape", "join-storm", "--records", str(records), *words),
        env=environ,
        stdout=PIPE,
        stderr=STDOUT,
    )


def reasons(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("load: ")]


async def test_a_worker_without_the_secret_ends_and_its_master_too(tmp_path: Path, deployment: Deployment) -> None:
    await deployment.start_dev()
    port = str(free_port())
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("SHOWDROP_", "LOCUST_"))}
    knowing = environ | {"SHOWDROP_DATA_DIR": str(deployment.data_dir)}
    nowhere = tmp_path / "nowhere"
    worker = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
    master = ("--headless", "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port)
    host = ("--expect-workers", "2", "--host", f"http://127.0.0.1:{deployment.http_port}")
    processes = [
        await start_locust(tmp_path / "master", knowing, *master, *host),
        await start_locust(tmp_path / "able", knowing, *worker),
        await start_locust(tmp_path / "unable", environ | {"SHOWDROP_DATA_DIR": str(nowhere)}, *worker),
    ]
    try:
        async with asyncio.timeout(ENDS_S):
            ended = await asyncio.gather(*(process.communicate() for process in processes))
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
                await process.wait()
    of_master, of_able, of_unable = (said.decode() for said, _ in ended)
    assert [process.returncode for process in processes] == [UNABLE, 0, UNABLE], (of_master, of_able, of_unable)
    why = f"no secret in {nowhere}; set SHOWDROP_SECRET or SHOWDROP_DATA_DIR to the server's"
    assert reasons(of_unable) == [f"load: {why}"]
    assert reasons(of_master) == [f"load: a worker: {why}"]
    for said in (of_master, of_able, of_unable):
        assert "Traceback" not in said, said
