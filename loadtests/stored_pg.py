"""What is kept in Postgres, looked at from outside."""

import psycopg
from psycopg import sql

from loadtests.errors import LoadError
from loadtests.limits import STORE_TIMEOUT_S
from loadtests.stored import Kept

_TABLES = """
    SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY relname
"""


def kept_in_postgres(url: str) -> dict[str, Kept]:
    """Return the rows and bytes of every table, indexes included, and the whole as ``database``. Blocking.

    Raises:
        LoadError: Postgres does not answer.
    """
    try:
        return _look(url)
    except psycopg.Error as error:
        raise LoadError(f"what Postgres keeps could not be looked at ({type(error).__name__})") from error


def _look(url: str) -> dict[str, Kept]:
    found = {}
    with psycopg.connect(url, connect_timeout=STORE_TIMEOUT_S) as connection:
        for table, size_bytes in connection.execute(_TABLES).fetchall():
            count = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
            found[str(table)] = Kept(int(count[0]) if count else 0, int(size_bytes))
        whole = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        found["database"] = Kept(1, int(whole[0]) if whole else 0)
    return found
