"""What is kept in Postgres, looked at from outside."""

import psycopg
from psycopg import sql

from loadtests.stored import Kept

_TABLES = """
    SELECT relname, pg_total_relation_size(relid) FROM pg_stat_user_tables WHERE schemaname = 'public' ORDER BY relname
"""


def kept_in_postgres(url: str) -> dict[str, Kept]:
    """Return the rows and bytes of every table, indexes included, and the whole as ``database``. Blocking."""
    found = {}
    with psycopg.connect(url) as connection:
        for table, size_bytes in connection.execute(_TABLES).fetchall():
            count = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
            found[str(table)] = Kept(int(count[0]) if count else 0, int(size_bytes))
        whole = connection.execute("SELECT pg_database_size(current_database())").fetchone()
        found["database"] = Kept(1, int(whole[0]) if whole else 0)
    return found
