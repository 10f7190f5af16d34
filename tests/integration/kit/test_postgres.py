"""What a connection that comes back to the pool leaves behind."""

import asyncio
import gc
import uuid
from typing import Any

import asyncpg
import pytest

from kit import known_types_pg
from kit import postgres as kit_postgres
from kit.errors import UnavailableError
from kit.leader_pg import Leadership
from kit.postgres import Postgres
from tests.faults.cutting_proxy import CuttingProxy
from tests.integration.conftest import Servers

LOCK = 0x7E57


@pytest.fixture
async def one(database_url: str) -> "Postgres":
    """A pool of one connection: whoever comes next has the same one."""
    return await Postgres.connect(database_url, max_size=1)


async def setting(postgres: Postgres) -> str:
    async with postgres.connection() as connection:
        return str(await connection.fetchval("SELECT current_setting('application_name')"))


async def test_a_session_leaves_nothing_behind(one: Postgres) -> None:
    async with one.session() as connection:
        await connection.execute("SET application_name = 'changed'")
        await connection.fetchval("SELECT pg_advisory_lock($1)", LOCK)
    assert await setting(one) == "showdrop"
    async with one.connection() as connection:
        assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    await one.close()


async def test_a_transaction_that_was_left_open_is_ended(one: Postgres) -> None:
    async with one.connection() as connection:
        await connection.execute("BEGIN")
        await connection.execute("CREATE TABLE left_open (n int)")
    async with one.connection() as connection:
        assert await connection.fetchval("SELECT to_regclass('left_open')") is None
    await one.close()


async def test_a_lead_that_is_cancelled_is_free_again(one: Postgres, database_url: str) -> None:
    taken = asyncio.Event()

    async def lead_for_ever() -> None:
        async with Leadership(one, LOCK).lead() as lead:
            assert lead is not None
            taken.set()
            await asyncio.Event().wait()

    leader = asyncio.create_task(lead_for_ever())
    await taken.wait()
    other = await Postgres.connect(database_url, max_size=1)
    async with Leadership(other, LOCK).lead() as lead:
        assert lead is None
    leader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leader
    async with Leadership(other, LOCK).lead() as lead:
        assert lead is not None
    await one.close()
    await other.close()


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    with pytest.raises(UnavailableError) as refused:
        await Postgres.connect("postgresql://showdrop:pass-word@127.0.0.1:1/none", max_size=1)
    assert refused.value.message == (
        "Postgres does not answer: ConnectionRefusedError, at 127.0.0.1:1; is DATABASE_URL right, and does it run?"
    )
    with pytest.raises(UnavailableError, match=r"at an address whose password") as refused:
        await Postgres.connect("postgresql://localhost:1/pass-word@none", max_size=1)
    assert "pass-word" not in refused.value.message
    with pytest.raises(UnavailableError, match=r"at /no/such/folder; is DATABASE_URL right"):
        await Postgres.connect("postgresql://showdrop@/none?host=/no/such/folder&port=5432", max_size=1)


async def test_a_database_that_was_dropped_is_unavailable_and_may_come_back(one: Postgres, servers: Servers) -> None:
    name = f"showdrop_dropped_{uuid.uuid4().hex}"
    async with one.connection() as elsewhere:
        await elsewhere.execute(f"CREATE DATABASE {name}")
        under_us = await Postgres.connect(servers.database(name), max_size=1)
        await elsewhere.execute(f"DROP DATABASE {name} WITH (FORCE)")
        for _ in range(2):  # the connection is cut, and then there is nothing to connect to
            with pytest.raises(UnavailableError):
                await under_us.ping()
        with pytest.raises(UnavailableError, match="InvalidCatalogNameError"):
            await under_us.ping()
        await elsewhere.execute(f"CREATE DATABASE {name}")
        await under_us.ping()
        await under_us.close()
        await elsewhere.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def test_who_gave_up_waiting_for_a_connection_counts_among_those_who_waited(one: Postgres) -> None:
    async with one.connection():
        before = one.waits.count
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), one.connection():
                pass
    assert one.waits.count == before + 1


async def test_only_the_first_connection_asks_what_an_array_of_numbers_is(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_types_pg, "_known", {})
    postgres = await Postgres.connect(database_url, max_size=2)
    statement = "SELECT $1::bigint[] || $2::int[]::bigint[]"
    asked: list[list[str]] = []
    async with postgres.connection() as first, postgres.connection() as second:
        for connection in (first, second):
            queries: list[str] = []
            with connection.query_logger(lambda record, queries=queries: queries.append(record.query)):
                assert await connection.fetchval(statement, [1, 2], [3]) == [1, 2, 3]
            asked.append(queries)
    await postgres.close()
    assert len(asked[0]) > 1
    assert asked[1] == [statement]


NUMBER_OF_A_USERS_OWN = """
CREATE TYPE own_number;
CREATE FUNCTION own_in(cstring) RETURNS own_number LANGUAGE internal STRICT IMMUTABLE AS 'int4in';
CREATE FUNCTION own_out(own_number) RETURNS cstring LANGUAGE internal STRICT IMMUTABLE AS 'int4out';
CREATE TYPE own_number (INPUT = own_in, OUTPUT = own_out, INTERNALLENGTH = 4, PASSEDBYVALUE);
"""


@pytest.mark.parametrize(
    ("create", "name"),
    [
        pytest.param("CREATE TYPE one_pair AS (a bigint, b bigint[])", "one_pair", id="a user's own pair"),
        pytest.param(NUMBER_OF_A_USERS_OWN, "own_number[]", id="a user's own number"),
        pytest.param("SELECT", "information_schema.sql_features", id="made by initdb"),
        pytest.param("SELECT", "int4range[]", id="made by hand, but of ranges"),
    ],
)
async def test_any_other_type_is_asked_for_on_each_connection(
    database_url: str, monkeypatch: pytest.MonkeyPatch, create: str, name: str
) -> None:
    monkeypatch.setattr(known_types_pg, "_known", {})
    postgres = await Postgres.connect(database_url, max_size=2)
    asked: list[int] = []
    async with postgres.connection() as first, postgres.connection() as second:
        await first.execute(create)
        for connection in (first, second):
            queries: list[str] = []
            with connection.query_logger(lambda record, queries=queries: queries.append(record.query)):
                assert await connection.fetchval(f"SELECT NULL::{name}") is None
            asked.append(len(queries))
    await postgres.close()
    assert min(asked) > 1


@pytest.mark.parametrize("statement", ["SELECT one FROM pg_namespace AS one", "SELECT one FROM pg_type AS one"])
async def test_a_type_that_cannot_be_read_spoils_no_other_connection(
    database_url: str, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    monkeypatch.setattr(known_types_pg, "_known", {})
    postgres = await Postgres.connect(database_url, max_size=2)
    async with postgres.connection() as first, postgres.connection() as second:
        assert await first.fetchval("SELECT $1::bigint[]", [1]) == [1]
        with pytest.raises(asyncpg.UnsupportedClientFeatureError):
            await first.fetchval(statement)
        assert await second.fetchval("SELECT $1::bigint[]", [1]) == [1]
    await postgres.close()


async def test_a_type_that_was_made_anew_is_read_as_what_it_is_now(database_url: str) -> None:
    postgres = await Postgres.connect(database_url, max_size=2)
    async with postgres.connection() as first, postgres.connection() as second:
        await first.execute("CREATE TYPE one_pair AS (a bigint, b bigint[])")
        for connection in (first, second):
            assert await connection.fetchval("SELECT (1, ARRAY[2, 3])::one_pair") == (1, [2, 3])
        await first.execute("DROP TYPE one_pair; CREATE TYPE one_pair AS (c bigint[])")
        assert await second.fetchval("SELECT ROW(ARRAY[4])::one_pair") == ([4],)
    await postgres.close()


async def test_a_connection_that_went_straight_to_who_waited_for_it_is_not_taken_for_one_that_nobody_has(
    one: Postgres,
) -> None:
    async def use() -> None:
        async with one.connection() as connection:
            for _ in range(9):
                await asyncio.sleep(0)  # so that its first user is through with giving it back
            one._cut_those_not_lent()
            assert await connection.fetchval("SELECT 1") == 1

    async with one.connection():
        waiting = asyncio.create_task(use())
        await asyncio.sleep(0)
    await waiting
    one._cut_those_not_lent()
    await one.ping()


async def test_who_is_cancelled_twice_waits_no_longer_and_the_silent_connections_are_cut_all_the_same(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit_postgres, "GIVE_BACK_MOST_S", 0.5)
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))
    async with CuttingProxy(database_url) as proxy:
        far = await Postgres.connect(proxy.url, max_size=2)
        async with far.connection(), far.connection():
            pass  # both are open
        proxy.silence()
        async with asyncio.timeout(5):
            asking = asyncio.create_task(far.ping())
            for _ in range(2):
                await asyncio.sleep(0.1)
                asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asyncio.wait_for(asking, 0.2)
            await asyncio.sleep(0.6)
            await far.ping()
        await far.close()
    gc.collect()
    assert errors == []


async def test_who_gives_up_on_a_connection_that_went_silent_does_not_wait_for_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kit_postgres, "GIVE_BACK_MOST_S", 0.2)
    async with CuttingProxy(database_url) as proxy:
        far = await Postgres.connect(proxy.url, max_size=1)
        proxy.silence()
        async with asyncio.timeout(5):
            asking = asyncio.create_task(far.ping())
            await asyncio.sleep(0.1)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            await far.ping()
        await far.close()
