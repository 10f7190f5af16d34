"""Migrations against a real database."""

from pathlib import Path

import pytest

from kit.errors import StartupError
from kit.migrate import apply_migrations, missing_migrations
from kit.postgres import Postgres

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
