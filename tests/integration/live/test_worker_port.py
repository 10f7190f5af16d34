"""A worker on its own tells over a port of its own whether it can work, and whether it does."""

import asyncio
import dataclasses
import socket
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import httpx
import msgspec
import pytest

from kit import tasks as kit_tasks
from kit.errors import StartupError
from kit.migrate import apply_migrations
from live.api.health import Check
from live.roles.process import Role
from live.roles.single import serve_role
from live.roles.stores import Place
from live.roles.worker_http import LoneWorker
from live.schema import MIGRATIONS
from loadtests.free_ports import free_port
from tests.integration.conftest import Servers, _execute
from tests.integration.live.test_roles import a_place, left_open


@pytest.fixture
def place(database_url: str, redis_url: str) -> Place:
    return a_place(database_url, redis_url, worker_port=free_port())


async def ask(place: Place, path: str) -> httpx.Response:
    async with httpx.AsyncClient(timeout=5) as client:
        return await client.get(f"http://127.0.0.1:{place.settings.worker_port}{path}")


async def until(place: Place, path: str, status: int) -> httpx.Response:
    """Ask until that is the answer."""
    async with asyncio.timeout(10):
        while True:
            try:
                answer = await ask(place, path)
            except httpx.TransportError:
                await asyncio.sleep(0.02)
            else:
                if answer.status_code == status:
                    return answer
                await asyncio.sleep(0.02)


async def test_a_worker_that_works_is_alive_and_ready_and_shows_its_figures(place: Place, database_url: str) -> None:
    worker: Role = await LoneWorker.start(place)
    try:
        alive, ready, metrics = [await ask(place, path) for path in ("/healthz", "/readyz", "/metrics")]
        missing = await ask(place, "/v1/shows")
    finally:
        await asyncio.wait_for(worker.stop(), 10)
    assert (alive.status_code, alive.json()) == (200, {"status": "ok", "role": "worker", "loops": []})
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "failing": {}})
    assert metrics.headers["content-type"].startswith("text/plain")
    assert "showdrop_webhook_due_deliveries" in metrics.text
    assert missing.status_code == 404
    assert await left_open(database_url, "worker") == []
    with socket.create_server(("127.0.0.1", place.settings.worker_port or 0)):
        pass  # the port is free again


async def test_without_a_port_in_the_settings_it_listens_on_nothing(
    database_url: str, redis_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = a_place(database_url, redis_url, data_dir=tmp_path).settings
    settings = msgspec.structs.replace(settings, database_url=database_url, redis_url=redis_url)
    process = asyncio.create_task(serve_role("worker", settings))
    async with asyncio.timeout(10):
        printed = ""
        while "is ready" not in printed:
            await asyncio.sleep(0.02)
            printed += capsys.readouterr().out
    assert "http" not in [task.get_name() for task in asyncio.all_tasks()]
    process.cancel()
    with pytest.raises(asyncio.CancelledError):
        await process


@pytest.fixture
async def empty_database_url(servers: Servers) -> AsyncIterator[str]:
    """A database without any migration."""
    name = f"showdrop_empty_{uuid.uuid4().hex}"
    await _execute(servers.database_url, f'CREATE DATABASE "{name}"')
    yield servers.database(name)
    await _execute(servers.database_url, f'DROP DATABASE "{name}" WITH (FORCE)')


async def test_a_worker_before_the_migrations_waits_for_them_and_says_so(
    empty_database_url: str, redis_url: str
) -> None:
    url = empty_database_url
    place = a_place(url, redis_url, worker_port=free_port())
    starting = asyncio.create_task(LoneWorker.start(place))
    refused = await until(place, "/readyz", 503)
    async with asyncio.timeout(10):
        while "schema" not in refused.json()["failing"]:
            refused = await ask(place, "/readyz")
    assert "run showdrop migrate" in refused.json()["failing"]["schema"]
    assert (await ask(place, "/healthz")).status_code == 200
    assert not starting.done()
    await asyncio.to_thread(apply_migrations, url, MIGRATIONS)
    worker = await asyncio.wait_for(starting, 10)
    try:
        assert (await ask(place, "/readyz")).status_code == 200
    finally:
        await worker.stop()


async def test_a_worker_without_redis_is_not_ready_but_alive(place: Place) -> None:
    worker = await LoneWorker.start(place)
    try:
        cast(dict[str, Check], worker._worker.checks)["redis"] = _refuses
        answer = await ask(place, "/readyz")
        assert (answer.status_code, answer.json()["failing"]) == (503, {"redis": "ConnectionRefusedError"})
        assert (await ask(place, "/healthz")).status_code == 200
    finally:
        await worker.stop()


async def _refuses() -> None:
    raise ConnectionRefusedError


async def test_a_loop_that_hangs_makes_the_worker_unwell(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = await LoneWorker.start(place)
    try:
        monkeypatch.setattr(kit_tasks, "ROUND_MOST_S", 0.5)
        never = asyncio.Event()
        worker._worker._tasks.forever("keeper of the test", never.wait, watched=True)
        async with asyncio.timeout(5):
            # With so short a round others are named at times, too.
            while "keeper of the test" not in (await until(place, "/healthz", 503)).json()["loops"]:
                await asyncio.sleep(0.02)
    finally:
        await worker.stop()


async def test_a_port_in_use_is_one_line_and_leaves_nothing_open(place: Place, database_url: str) -> None:
    with (
        socket.create_server(("127.0.0.1", place.settings.worker_port or 0)),
        pytest.raises(StartupError, match=r"cannot listen on .*SHOWDROP_WORKER_PORT"),
    ):
        await LoneWorker.start(place)
    assert await left_open(database_url, "worker") == []


async def test_a_port_that_dies_ends_the_process_with_one_line(place: Place) -> None:
    worker = await LoneWorker.start(place)
    failed = asyncio.create_task(worker.failed())
    [http] = [task for task in asyncio.all_tasks() if task.get_name() == "http"]
    http.cancel()
    assert await asyncio.wait_for(failed, 5) == "'http' has ended: it was cancelled"
    await asyncio.wait_for(worker.stop(), 10)


@pytest.mark.parametrize("host", ["::1", "::"])
async def test_it_listens_on_ipv6_too(place: Place, host: str) -> None:
    port = place.settings.worker_port
    worker = await LoneWorker.start(
        dataclasses.replace(place, settings=msgspec.structs.replace(place.settings, host=host))
    )
    try:
        async with httpx.AsyncClient(timeout=5) as client:
            assert (await client.get(f"http://[::1]:{port}/healthz")).status_code == 200
    finally:
        await worker.stop()


async def test_a_name_that_nobody_has_is_one_line(place: Place) -> None:
    place = dataclasses.replace(place, settings=msgspec.structs.replace(place.settings, host="nobody.invalid"))
    with pytest.raises(StartupError, match="no such host"):
        await LoneWorker.start(place)
