"""What ``/readyz`` of each role says, and does, when Postgres is in trouble."""

import asyncio
import os
import re
import signal
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import httpx
import pytest
from structlog.testing import capture_logs

from kit.child_orphans import pid_in_file
from kit.embedded import EmbeddedServers
from kit.migrate import apply_migrations
from live.api.limits import CHECK_TIMEOUT_S
from live.checkup.doors_http import knock
from live.roles.api import ApiRole
from live.roles.gateway import GatewayRole
from live.roles.process import Role
from live.roles.stores import Place
from live.roles.worker_http import LoneWorker
from live.schema import MIGRATIONS
from loadtests.free_ports import free_port
from tests.integration.conftest import Servers, _execute, scratch
from tests.integration.live.test_roles import a_place

STARTS: dict[str, Callable[[Place], Awaitable[Role]]] = {
    "api": lambda place: ApiRole.start(place, demo=False),
    "gateway": GatewayRole.start,
    "worker": LoneWorker.start,
}
OUR_WORDS = re.compile(r"(Postgres does not answer: )?\w+(; is DATABASE_URL right, and does it run\?)?")


@pytest.fixture
async def own_database(servers: Servers, template: str) -> AsyncIterator[str]:
    """The name of a migrated database that the test may take away."""
    name = f"showdrop_own_{uuid.uuid4().hex}"
    await _execute(servers.database_url, f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    yield name
    await _execute(servers.database_url, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def until_ready(role: str, place: Place) -> None:
    """Ask until it is: a gateway has to hear its own beacon first."""
    async with asyncio.timeout(10):
        while (await ask(role, place)).status_code != 200:
            await asyncio.sleep(0.05)


async def ask(role: str, place: Place) -> httpx.Response:
    port = {"api": place.settings.http_port, "gateway": place.settings.ws_port, "worker": place.settings.worker_port}
    async with httpx.AsyncClient(timeout=10) as client:
        return await client.get(f"http://127.0.0.1:{port[role]}/readyz")


def failing(answer: httpx.Response) -> dict[str, str]:
    """Return what an answer names: the API in an error's details, the others at the top."""
    body = answer.json()
    said: dict[str, str] = body["error"]["details"]["failing"] if "error" in body else body["failing"]
    return said


@pytest.mark.parametrize("role", STARTS)
async def test_nothing_of_what_a_driver_says_reaches_who_asks(
    role: str, servers: Servers, redis_url: str, own_database: str
) -> None:
    place = a_place(servers.database(own_database), redis_url, worker_port=free_port())
    started = await STARTS[role](place)
    with capture_logs():  # loops that cannot go on say so at length
        try:
            await _execute(servers.database_url, f'DROP DATABASE "{own_database}" WITH (FORCE)')
            answer = await ask(role, place)
        finally:
            await asyncio.wait_for(started.stop(), 15)
    said = failing(answer)
    assert answer.status_code == 503
    assert said.keys() >= {"postgres", "schema"}
    assert all(OUR_WORDS.fullmatch(said[name]) for name in ("postgres", "schema")), said
    assert own_database not in answer.text


@pytest.mark.parametrize("role", STARTS)
async def test_a_role_whose_pool_is_well_stays_ready_while_nobody_else_gets_a_connection(
    role: str, servers: Servers, redis_url: str, own_database: str
) -> None:
    place = a_place(servers.database(own_database), redis_url, worker_port=free_port())
    started = await STARTS[role](place)
    with capture_logs():  # a loop that wants one more connection fails at length
        try:
            await until_ready(role, place)
            await _execute(servers.database_url, f'ALTER DATABASE "{own_database}" ALLOW_CONNECTIONS false')
            answers = [await ask(role, place) for _ in range(3)]
        finally:
            await asyncio.wait_for(started.stop(), 15)
    assert [one.status_code for one in answers] == [200, 200, 200], answers[0].text


@asynccontextmanager
async def standing_still(folder: Path, url: str) -> AsyncIterator[None]:
    """Let every process of an embedded Postgres stand still; the kernel still takes what is sent to it."""
    connection = await asyncpg.connect(url)
    pids = [row["pid"] for row in await connection.fetch("SELECT pid FROM pg_stat_activity")]
    postmaster = pid_in_file(folder / "postgres" / "postmaster.pid")
    assert postmaster is not None
    stopped = [postmaster, *pids]
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)
        await connection.close()


async def test_a_postgres_that_stands_still_holds_up_no_answer_and_the_check_knows_us() -> None:
    with tempfile.TemporaryDirectory(prefix="showdrop-readyz-", dir=scratch()) as name:
        folder = Path(name)
        async with await EmbeddedServers.start(folder, durable=False) as own:
            await asyncio.to_thread(apply_migrations, own.database_url, MIGRATIONS)
            place = a_place(own.database_url, own.redis_url, worker_port=free_port())
            started: dict[str, Role] = {}
            try:
                for role, start in STARTS.items():
                    started[role] = await start(place)
                    await until_ready(role, place)
                with capture_logs():
                    async with standing_still(folder, own.database_url):
                        began_s = time.monotonic()
                        answers = await asyncio.gather(*(ask(role, place) for role in STARTS))
                        took_s = time.monotonic() - began_s
                        doors = await knock(place.settings)
            finally:
                for one in started.values():
                    await asyncio.wait_for(one.stop(), 15)
    assert [failing(one)["postgres"] for one in answers] == ["no answer within 2 s"] * 3
    assert took_s < CHECK_TIMEOUT_S + 1.5
    assert [(door.ours, door.ready, door.failing) for door in doors] == [(True, False, ("postgres",))] * 3
