"""The check against real servers: all is well, and then one thing after the other is wrong."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import msgspec
import pytest
from click.testing import CliRunner
from redis.asyncio import Redis

from inventory.holds_redis import RedisHolds
from inventory.pools_pg import Pools
from kit.embedded import EmbeddedServers
from kit.migrate import apply_migrations
from kit.postgres import Postgres
from kit.redis_client import connect_redis
from kit.settings import read_settings
from kit.traces import ENDPOINT
from live.checkup.checkup import Question, check_deployment
from live.checkup.facts import Fleet
from live.checkup.verdict import Report, Verdict
from live.cli import main
from live.roles.gateway import GatewayRole
from live.roles.stores import Place
from live.roles.worker import WorkerRole
from live.roles.worker_http import LoneWorker
from live.schema import MIGRATIONS
from live.variables import ALL_VARIABLES
from loadtests.free_ports import free_port
from tests.integration.conftest import Servers, scratch
from tests.integration.inventory.test_pools import a_pool, a_sku

SECRET = "c9Xe1-wK3_pQ7zRt5mLd8vBn2yHj4sGf"


@pytest.fixture(scope="module")
def own() -> Iterator[EmbeddedServers]:
    """Servers of the test's own, with fsync on: their settings are changed."""
    with tempfile.TemporaryDirectory(prefix="showdrop-check-", dir=scratch()) as folder, asyncio.Runner() as runner:
        embedded = runner.run(EmbeddedServers.start(Path(folder)))
        try:
            apply_migrations(embedded.database_url, MIGRATIONS)
            yield embedded
        finally:
            runner.run(embedded.stop())


@pytest.fixture
def environ(own: EmbeddedServers, tmp_path: Path) -> dict[str, str]:
    """The environment of a deployment on these servers."""
    return {
        "REDIS_URL": own.redis_url,
        "DATABASE_URL": own.database_url,
        "SHOWDROP_SECRET": SECRET,
        "SHOWDROP_DATA_DIR": str(tmp_path),
        "SHOWDROP_HTTP_PORT": str(free_port()),
        "SHOWDROP_WS_PORT": str(free_port()),
        "SHOWDROP_MAX_VIEWERS": "10",
    }


@pytest.fixture
async def redis(own: EmbeddedServers) -> AsyncIterator[Redis]:
    client = connect_redis(own.redis_url)
    yield client
    await client.aclose()


async def not_ok(environ: dict[str, str], fleet: Fleet | None = None) -> dict[str, str]:
    """Return the state of each line that is not ok, but for what depends on how busy this machine is."""
    said = await check_deployment(Question(environ=environ, fleet=fleet or Fleet()))
    return {one.check: one.state for one in said if one.state != "ok" and "latency" not in one.check}


@asynccontextmanager
async def configured(redis: Redis, name: str, value: str) -> AsyncIterator[None]:
    """Run the block with a setting of Redis changed."""
    before = str((await redis.config_get(name))[name])
    await redis.config_set(name, value)
    try:
        yield
    finally:
        await redis.config_set(name, before)


async def test_of_a_deployment_that_is_well_every_line_is_ok(environ: dict[str, str], redis: Redis) -> None:
    async with configured(redis, "maxmemory", "1gb"):
        assert await not_ok(environ) == {}
        said = await check_deployment(Question(environ=environ))
    assert {one.check for one in said} >= {
        "settings", "payments", "secret", "open files", "data directory", "port of the API", "port of the gateway",
        "Redis version", "Redis role", "Redis persistence", "Redis eviction", "Redis memory", "Redis latency",
        "Redis clock", "Postgres version", "Postgres role", "Postgres schema", "Postgres durability",
        "Postgres connections", "Postgres clock", "hold books", "channels",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("maxmemory-policy", "allkeys-lru", {"Redis eviction": "fail"}),
        ("appendonly", "no", {"Redis persistence": "fail"}),
        ("appendfsync", "no", {"Redis persistence": "fail"}),
        ("maxmemory", "0", {"Redis memory": "warn"}),
    ],
)
async def test_a_wrong_setting_of_redis_is_found(
    environ: dict[str, str], redis: Redis, name: str, value: str, found: dict[str, str]
) -> None:
    async with configured(redis, "maxmemory", "1gb"), configured(redis, name, value):
        assert await not_ok(environ) == found


async def test_a_redis_that_is_nearly_full_or_a_replica_is_found(environ: dict[str, str], redis: Redis) -> None:
    used = int((await redis.info("memory"))["used_memory"])
    async with configured(redis, "maxmemory", str(int(used / 0.95))):
        assert await not_ok(environ) == {"Redis memory": "fail"}
    async with configured(redis, "maxmemory", "1gb"):
        await redis.replicaof("127.0.0.1", "1")
        try:
            assert (await not_ok(environ))["Redis role"] == "fail"
        finally:
            await redis.replicaof("NO", "ONE")


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@asynccontextmanager
async def a_database(own: EmbeddedServers, name: str, statement: str = "SELECT 1") -> AsyncIterator[str]:
    """Lend a database of its own on which a statement was run."""
    url = Servers(own.database_url, own.redis_url).database(name)
    await execute(own.database_url, f"CREATE DATABASE {name}")
    try:
        await execute(url, statement)
        yield url
    finally:
        await execute(own.database_url, f"DROP DATABASE {name} WITH (FORCE)")


async def test_a_database_without_a_schema_is_found_and_left_as_it_is(
    own: EmbeddedServers, environ: dict[str, str]
) -> None:
    async with a_database(own, "empty") as url:
        said = await not_ok(environ | {"DATABASE_URL": url})
        assert said["Postgres schema"] == "fail"
        connection = await asyncpg.connect(url)
        tables = await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        await connection.close()
        assert tables == 0


async def test_a_database_that_does_not_wait_for_its_disk_is_found(
    own: EmbeddedServers, environ: dict[str, str]
) -> None:
    async with a_database(own, "hasty", "ALTER DATABASE hasty SET synchronous_commit = off") as url:
        await asyncio.to_thread(apply_migrations, url, MIGRATIONS)
        said = await not_ok(environ | {"DATABASE_URL": url})
        assert {one for one in said if one.startswith("Postgres")} == {"Postgres durability"}


async def test_too_few_connections_for_the_fleet_are_found(environ: dict[str, str]) -> None:
    said = await not_ok(environ, Fleet(api=10, gateways=20, workers=10))
    assert said["Postgres connections"] == "fail"


async def test_an_offer_that_recovers_and_a_paused_channel_are_found(
    own: EmbeddedServers, environ: dict[str, str], redis: Redis
) -> None:
    async with a_database(own, "busy") as url:
        await asyncio.to_thread(apply_migrations, url, MIGRATIONS)
        postgres = await Postgres.connect(url, max_size=2)
        try:
            pool_id = await a_pool(postgres, await a_sku(postgres, 5), 5)
            await execute(
                url, "INSERT INTO channels (channel_id, kind, name, state) VALUES ('c', 'webhook', 'C', 'paused')"
            )
            async with configured(redis, "maxmemory", "1gb"):
                assert await not_ok(environ | {"DATABASE_URL": url}) == {"hold books": "fail", "channels": "warn"}
                [pool] = await Pools(postgres).unfinished()
                assert pool.pool_id == pool_id
                await RedisHolds(redis).open(pool)
                assert await not_ok(environ | {"DATABASE_URL": url}) == {"channels": "warn"}
                await Pools(postgres).next_epoch(pool_id)  # from here on that book is an old one
                assert (await not_ok(environ | {"DATABASE_URL": url}))["hold books"] == "fail"
        finally:
            await postgres.close()


@pytest.mark.parametrize(
    ("variable", "value", "check"),
    [
        ("REDIS_URL", "unix:///nowhere/redis.sock", "Redis"),
        ("REDIS_URL", "redis://127.0.0.1:1?nonsense=1", "Redis"),
        ("DATABASE_URL", "postgresql://u:pass-word@127.0.0.1:1/d", "Postgres"),
        ("DATABASE_URL", "postgresql://u:pass-word@127.0.0.1:no/d", "Postgres"),
    ],
)
async def test_a_server_that_is_not_there_is_one_line_without_its_password(
    environ: dict[str, str], variable: str, value: str, check: str
) -> None:
    said = await check_deployment(Question(environ=environ | {variable: value}))
    failed = {one.check: one for one in said if one.state == "fail"}
    assert list(failed) == [check]
    assert variable in failed[check].remedy
    assert "pass-word" not in str(said)
    assert SECRET not in str(said)


async def test_a_database_that_does_not_exist_is_one_line(own: EmbeddedServers, environ: dict[str, str]) -> None:
    url = Servers(own.database_url, own.redis_url).database("no_such_database")
    assert (await not_ok(environ | {"DATABASE_URL": url}))["Postgres"] == "fail"


async def test_a_port_of_somebody_else_is_found(environ: dict[str, str]) -> None:
    async def chat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10)
        writer.write(b"no HTTP at all")
        writer.close()

    server = await asyncio.start_server(chat, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        said = await not_ok(environ | {"SHOWDROP_WS_PORT": str(port)})
    assert said["port of the gateway"] == "fail"


async def test_a_running_gateway_is_recognised(own: EmbeddedServers, environ: dict[str, str]) -> None:
    settings = read_settings(environ)
    place = Place(settings=settings, database_url=own.database_url, redis_url=own.redis_url, secret=SECRET)
    gateway = await GatewayRole.start(place)
    try:
        async with asyncio.timeout(10):
            while "port of the gateway" in await not_ok(environ):
                await asyncio.sleep(0.1)  # it is ready when it has heard its own beacon
        said = {one.check: one.found for one in await check_deployment(Question(environ=environ))}
        http_port, ws_port = environ["SHOWDROP_HTTP_PORT"], environ["SHOWDROP_WS_PORT"]
        swapped = environ | {"SHOWDROP_HTTP_PORT": ws_port, "SHOWDROP_WS_PORT": http_port}
        mistaken = {one.check: one.found for one in await check_deployment(Question(environ=swapped))}
    finally:
        await gateway.stop()
    assert said["port of the gateway"].endswith("answers and is ready")
    assert mistaken["port of the API"].endswith("is answered by the gateway")


async def test_the_port_of_a_worker_is_looked_at_where_it_has_one(
    own: EmbeddedServers, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def line(environ: dict[str, str]) -> Verdict | None:
        said = await check_deployment(Question(environ=environ))
        return next((one for one in said if one.check == "port of the worker"), None)

    assert await line(environ) is None
    environ |= {"SHOWDROP_WORKER_PORT": str(free_port())}
    free = await line(environ)
    assert free is not None
    assert free.found.endswith("is free")
    place = Place(
        settings=read_settings(environ), database_url=own.database_url, redis_url=own.redis_url, secret=SECRET
    )
    worker = await LoneWorker.start(place)
    try:
        runs = await line(environ)
        assert runs is not None
        assert runs.found.endswith("answers and is ready")
        monkeypatch.setattr(WorkerRole, "stuck", lambda _worker: ["keeper"])
        stuck = await line(environ)
        assert stuck is not None
        assert (stuck.state, stuck.found.endswith("not ready: keeper")) == ("fail", True)
    finally:
        await worker.stop()


async def test_a_collector_that_is_away_is_worth_a_thought(environ: dict[str, str], redis: Redis) -> None:
    async with configured(redis, "maxmemory", "1gb"):
        assert await not_ok(environ | {ENDPOINT: f"http://127.0.0.1:{free_port()}"}) == {"traces": "warn"}


async def test_nothing_is_made_where_nothing_runs(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    environ = {"SHOWDROP_DATA_DIR": str(data_dir), "SHOWDROP_MAX_VIEWERS": "10"}
    environ |= {"SHOWDROP_HTTP_PORT": str(free_port()), "SHOWDROP_WS_PORT": str(free_port())}
    assert await not_ok(environ) == {"servers": "warn"}
    assert not data_dir.exists()


def run(environ: dict[str, str], *words: str) -> tuple[int, str]:
    """Return the exit code and the output of ``showdrop check``."""
    environment: dict[str, str | None] = {one.name: None for one in ALL_VARIABLES}
    ran = CliRunner().invoke(main, ["check", *words], env=environment | environ)
    return ran.exit_code, ran.stdout


def test_the_command_prints_a_table_or_json_and_exits_by_what_has_failed(environ: dict[str, str]) -> None:
    code, printed = run(environ, "--json")
    report = msgspec.json.decode(printed, type=Report)
    assert (code, report.ok) == (0, True)
    code, printed = run(environ | {"SHOWDROP_LOG": "xml"}, "--json")
    report = msgspec.json.decode(printed, type=Report)
    assert (code, report.ok, [one.check for one in report.checks]) == (1, False, ["settings"])
    code, printed = run(environ | {"COLUMNS": "200"})
    assert code == 0
    assert "Postgres durability" in printed
    assert " 0 to fix" in printed
    assert SECRET not in printed


@pytest.mark.parametrize("role", ["api", "gateways", "workers"])
def test_a_fleet_on_many_machines_may_be_larger_than_one_gateway(environ: dict[str, str], role: str) -> None:
    code, printed = run(environ, "--json", f"--{role}", "100")
    report = msgspec.json.decode(printed, type=Report)
    [said] = [one for one in report.checks if one.check == "Postgres connections"]
    assert (code, said.state) == (1, "fail")
    assert "100 " in said.found
    assert run(environ, f"--{role}", "10001") == (2, "")
