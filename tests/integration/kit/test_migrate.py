"""Migrations against a real database."""

import socket
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import psycopg
import pytest

from kit import migrate
from kit.errors import SettingError, StartupError, UnavailableError
from kit.migrate import _addressed, apply_migrations, missing_migrations
from kit.postgres import Postgres
from tests.integration.conftest import Servers

MARK_FAILS = """
    CREATE FUNCTION refuse_mark() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''not marked''; END';
    CREATE TRIGGER refuse_mark BEFORE INSERT ON _yoyo_migration EXECUTE FUNCTION refuse_mark();
"""


async def test_a_migration_that_cannot_be_marked_leaves_nothing_and_is_applied_the_next_time(
    tmp_path: Path, database_url: str, postgres: Postgres
) -> None:
    (tmp_path / "extra-0001.sql").write_text("CREATE TABLE extra (id integer);\nINSERT INTO extra VALUES (1);\n")
    async with postgres.connection() as connection:
        await connection.execute(MARK_FAILS)
        with pytest.raises(StartupError, match="not marked"):
            apply_migrations(database_url, [tmp_path])
        assert await connection.fetchval("SELECT to_regclass('extra')") is None
        assert missing_migrations(database_url, [tmp_path]) == ["extra-0001"]

        await connection.execute("DROP FUNCTION refuse_mark() CASCADE")
        assert apply_migrations(database_url, [tmp_path]) == ["extra-0001"]
        assert apply_migrations(database_url, [tmp_path]) == []
        assert await connection.fetchval("SELECT count(*) FROM extra") == 1


async def test_a_migration_that_fails_half_way_leaves_nothing(
    tmp_path: Path, database_url: str, postgres: Postgres
) -> None:
    (tmp_path / "extra-0001.sql").write_text("CREATE TABLE extra (id integer);\n\nSELECT 1 / 0;\n")
    with pytest.raises(StartupError, match="division by zero"):
        apply_migrations(database_url, [tmp_path])
    async with postgres.connection() as connection:
        assert await connection.fetchval("SELECT to_regclass('extra')") is None


async def test_what_is_missing_is_told_to_anybody_and_how_to_migrate_to_the_operator(servers: Servers) -> None:
    url = servers.database("no_such_database")
    with pytest.raises(UnavailableError) as public:
        missing_migrations(url, [])
    assert public.value.message == (
        "Postgres does not answer: OperationalError; is DATABASE_URL right, and does it run?"
    )
    with pytest.raises(UnavailableError, match='database "no_such_database" does not exist'):
        apply_migrations(url, [])


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:pass-word@127.0.0.1:1/d",
        "postgresql://u:50%off-pass-word@127.0.0.1:1/d",
        "postgresql://u@127.0.0.1:1/d?password=50%off-pass-word",
        "postgresql://u:2 pass-word@127.0.0.1:1/d",
        "postgresql://u:2/pass-word@127.0.0.1:1/d",
        "postgresql://u:2@pass-word@127.0.0.1:1/d",
        "postgresql://u:2#pass-word@127.0.0.1:1/d",
        "postgresql://127.0.0.1:1/d?user=u&password=pass-word&colour=red",
        "postgresql://u:p@[127.0.0.1:pass-word/d",
    ],
)
def test_no_line_repeats_a_password_however_the_address_is_written(url: str) -> None:
    for ask in (apply_migrations, missing_migrations):
        with pytest.raises((UnavailableError, SettingError), match="DATABASE_URL") as error:
            ask(url, [])
        assert "pass-word" not in error.value.message
        assert "off" not in error.value.message
        assert "\n" not in error.value.message


def test_who_may_not_make_tables_is_not_told_that_the_address_is_wrong(database_url: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), _addressed(database_url):
        raise psycopg.errors.InsufficientPrivilege


@pytest.mark.parametrize("option", ["", "?connect_timeout=0"])
def test_a_server_that_takes_connections_and_says_nothing_is_given_up(
    option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "CONNECT_TIMEOUT_S", 2)  # the driver knows no shorter one
    with socket.create_server(("127.0.0.1", 0)) as silent, ThreadPoolExecutor() as threads:
        url = f"postgresql://u@127.0.0.1:{silent.getsockname()[1]}/d{option}"
        asked = [threads.submit(ask, url, []) for ask in (apply_migrations, missing_migrations)]
        _done, waiting = wait(asked, timeout=10)
        silent.close()  # lets go who waits
    assert not waiting
    assert [type(one.exception()) for one in asked] == [UnavailableError, UnavailableError]
