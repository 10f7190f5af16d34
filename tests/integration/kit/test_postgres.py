"""What a connection that comes back to the pool leaves behind."""

import asyncio
import uuid

import pytest

from kit import known_types_pg
from kit.errors import UnavailableError
from kit.known_types_pg import FIRST_OF_USERS
from kit.leader_pg import Leadership
from kit.postgres import Postgres
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


async def test_a_type_of_a_users_own_is_asked_for_on_each_connection(database_url: str) -> None:
    """Another database, or the same one later, may have another type of that number."""
    postgres = await Postgres.connect(database_url, max_size=2)
    async with postgres.connection() as first, postgres.connection() as second:
        await first.execute("CREATE TYPE one_pair AS (a bigint, b bigint[])")
        for connection in (first, second):
            assert await connection.fetchval("SELECT (1, ARRAY[2, 3])::one_pair") == (1, [2, 3])
        await first.execute("DROP TYPE one_pair; CREATE TYPE one_pair AS (c bigint[])")
        assert await second.fetchval("SELECT ROW(ARRAY[4])::one_pair") == ([4],)
    await postgres.close()
    assert all(oid < FIRST_OF_USERS for oid in known_types_pg._known)
