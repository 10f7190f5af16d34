"""Roles start as a whole or not at all, and a role that breaks ends its process."""

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from kit.errors import InvalidError, SettingError, StartupError
from kit.money import Money
from kit.settings import Settings
from live.roles.api import ApiRole
from live.roles.gateway import GatewayRole
from live.roles.process import Role
from live.roles.single import serve_role
from live.roles.stores import Place, Stores
from live.roles.worker import WorkerRole
from loadtests.free_ports import free_port
from tests.integration.conftest import Servers

SECRET = "s" * 40

STARTS: dict[str, Callable[[Place], Awaitable[Role]]] = {
    "api": lambda place: ApiRole.start(place, demo=False),
    "gateway": GatewayRole.start,
    "worker": lambda place: WorkerRole.start(place, demo=False),
}


def a_place(database_url: str, redis_url: str, **settings: object) -> Place:
    made = msgspec.structs.replace(Settings(http_port=free_port(), ws_port=free_port(), secret=SECRET), **settings)
    return Place(settings=made, database_url=database_url, redis_url=redis_url, secret=SECRET)


async def left_open(url: str, role: str) -> list[str]:
    """Return the queries and tasks that a role left open, waiting a while for connections that are being closed.

    Objects that were not closed fail the test by themselves.
    """
    gc.collect()
    connection = await asyncpg.connect(url)
    queries: list[str] = []
    try:
        for _ in range(250):
            rows = await connection.fetch(
                "SELECT query FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database()",
                f"showdrop {role}",
            )
            queries = [row["query"] for row in rows]
            if not queries:
                break
            await asyncio.sleep(0.02)
    finally:
        await connection.close()
    ours = {"http", "idempotency purge", "keeper", "offer clock", "log reader", "gateway tick"}
    return queries + sorted(ours & {task.get_name() for task in asyncio.all_tasks()})


@pytest.mark.parametrize("role", ["api", "gateway"])
async def test_a_port_in_use_is_one_line_and_leaves_nothing_open(role: str, database_url: str, redis_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        setting = {"api": "http_port", "gateway": "ws_port"}[role]
        with pytest.raises(StartupError, match=f"cannot listen on 127.0.0.1:{port}") as error:
            await STARTS[role](a_place(database_url, redis_url, **{setting: port}))
    assert "\n" not in error.value.message
    assert await left_open(database_url, role) == []


@pytest.mark.parametrize("role", STARTS)
@pytest.mark.parametrize("wrong", ["redis://u:pass-word@h:port", "redis://u:pass-word@h/0?colour=red"])
async def test_a_malformed_redis_url_names_the_setting_and_leaves_nothing_open(
    role: str, wrong: str, database_url: str
) -> None:
    place = a_place(database_url, wrong)
    with pytest.raises(SettingError, match="REDIS_URL") as error:
        await STARTS[role](place)
    assert "pass-word" not in error.value.message
    assert await left_open(database_url, role) == []
    with socket.create_server(("127.0.0.1", place.settings.http_port)):
        pass  # the port is free again


async def test_a_worker_whose_first_round_fails_leaves_nothing_open(servers: Servers, redis_url: str) -> None:
    without_tables = servers.database("postgres")
    with pytest.raises(asyncpg.UndefinedTableError):
        await WorkerRole.start(a_place(without_tables, redis_url), demo=False)
    assert await left_open(without_tables, "worker") == []


@pytest.mark.parametrize("role", STARTS)
async def test_a_stopped_role_leaves_nothing_open(role: str, database_url: str, redis_url: str) -> None:
    started = await STARTS[role](a_place(database_url, redis_url))
    await asyncio.wait_for(started.stop(), 5)
    assert await left_open(database_url, role) == []


async def test_a_step_of_the_end_that_fails_skips_no_other(database_url: str, redis_url: str) -> None:
    stores = await Stores.open(a_place(database_url, redis_url), "test", connections=2)

    async def breaks() -> None:
        raise RuntimeError("this part is unwell")

    stores._opened.push_async_callback(breaks)
    with pytest.raises(RuntimeError):
        await stores.close()
    assert await left_open(database_url, "test") == []


async def test_with_the_test_bank_off_its_methods_are_unknown(database_url: str, redis_url: str) -> None:
    for test_bank in (True, False):
        stores = await Stores.open(a_place(database_url, redis_url, test_bank=test_bank), "test", connections=2)
        try:
            if test_bank:
                assert stores.providers.for_method("pm_test_ok", Money(100, "EUR")) is stores.bank
            else:
                with pytest.raises(InvalidError):
                    stores.providers.for_method("pm_test_ok", Money(100, "EUR"))
        finally:
            await stores.close()


def serving(role: str, settings: Settings) -> "asyncio.Task[None]":
    return asyncio.create_task(serve_role(role, settings), name="process")


async def until_ready(settings: Settings) -> None:
    async with asyncio.timeout(10), httpx.AsyncClient() as client:
        while True:
            try:
                answer = await client.get(f"http://127.0.0.1:{settings.http_port}/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.02)
            else:
                assert answer.status_code == 200
                return


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    made = a_place(database_url, redis_url, data_dir=tmp_path).settings
    return msgspec.structs.replace(made, database_url=database_url, redis_url=redis_url)


async def test_an_http_server_that_dies_ends_the_process_with_one_line(settings: Settings, database_url: str) -> None:
    process = serving("api", settings)
    await until_ready(settings)
    [http] = [task for task in asyncio.all_tasks() if task.get_name() == "http"]
    http.cancel()
    with pytest.raises(StartupError) as error:
        await asyncio.wait_for(process, 10)
    assert error.value.message == "'http' has ended: it was cancelled"
    assert await left_open(database_url, "api") == []
    with socket.create_server(("127.0.0.1", settings.http_port)):
        pass  # nobody listens on behalf of the dead


@pytest.mark.parametrize("role", STARTS)
async def test_a_loop_that_dies_ends_the_process_with_one_line(
    role: str, settings: Settings, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    process = serving(role, settings)
    async with asyncio.timeout(10):
        printed = ""
        while "is ready" not in printed:
            await asyncio.sleep(0.02)
            printed += capsys.readouterr().out
    at = {"api": f" on http://127.0.0.1:{settings.http_port}", "gateway": f" on ws://127.0.0.1:{settings.ws_port}"}
    assert f"payments: test\nshowdrop {role} is ready{at.get(role, '')}\n" in printed
    name = {"api": "idempotency purge", "gateway": "log reader", "worker": "offer clock"}[role]
    [loop] = [task for task in asyncio.all_tasks() if task.get_name() == name]
    async with asyncio.timeout(10):
        while not loop.done():
            loop.cancel()  # again and again: the driver of Redis may swallow one while it connects
            await asyncio.sleep(0.05)
        with pytest.raises(StartupError, match=f"'{name}' has ended"):
            await process
    assert await left_open(database_url, role) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_a_role_without_an_error(settings: Settings, database_url: str, number: int) -> None:
    process = serving("api", settings)
    await until_ready(settings)
    os.kill(os.getpid(), number)
    await asyncio.wait({process}, timeout=10)
    assert process.done()
    assert process.exception() is None
    assert await left_open(database_url, "api") == []


@pytest.mark.parametrize("test_bank", [True, False])
async def test_a_single_role_warns_of_the_test_bank_once(settings: Settings, *, test_bank: bool) -> None:
    chosen = msgspec.structs.replace(settings, test_bank=test_bank)
    with capture_logs() as said:
        process = serving("api", chosen)
        await until_ready(chosen)
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.wait_for(process, 10)
    warnings = [one for one in said if one["event"] == "test_bank_is_on"]
    assert len(warnings) == test_bank
    assert all("SHOWDROP_TEST_BANK=off" in one["meaning"] for one in warnings)
