"""Schema migrations: plain SQL files, applied in order and once, by yoyo.

Every package keeps its own ``migrations/`` folder; a file's ``-- depends:`` line orders it after another.
Processes that start together wait for each other on a Postgres advisory lock, which the server itself releases when
a process dies. (yoyo's own lock is a row that a killed process leaves behind.)
"""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit, urlunsplit

import psycopg
from yoyo import get_backend, read_migrations
from yoyo.migrations import MigrationList

from kit.errors import StartupError, UnavailableError

LOCK_KEY = 0x53484F5744524F50  # "SHOWDROP"
LOCK_TIMEOUT_MS = 60_000
CONNECT_TIMEOUT_S = 10


def apply_migrations(database_url: str, folders: Sequence[Path]) -> list[str]:
    """Apply what is missing and return the ids of what was applied. Blocking: call it in a thread.

    Raises:
        UnavailableError: the database does not answer.
        StartupError: a migration failed; nothing of it was kept.
    """
    try:
        with psycopg.connect(database_url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S) as guard:
            guard.execute("SELECT set_config('lock_timeout', %s, false)", [str(LOCK_TIMEOUT_MS)])
            guard.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
            return _apply(database_url, folders)
    except psycopg.OperationalError as error:
        raise UnavailableError(
            f"Postgres does not answer: {_first_line(error)}; is DATABASE_URL right, and does it run?",
            code="postgres_down",
        ) from error
    except psycopg.Error as error:
        raise StartupError(f"a migration failed and was undone: {_first_line(error)}") from error


def missing_migrations(database_url: str, folders: Sequence[Path]) -> list[str]:
    """Return the ids of the migrations that this database does not have yet. Blocking: call it in a thread."""
    try:
        with get_backend(_yoyo_url(database_url)) as backend:
            return [one.id for one in backend.to_apply(_read(folders))]
    except psycopg.OperationalError as error:
        raise UnavailableError(f"Postgres does not answer: {_first_line(error)}", code="postgres_down") from error


def _apply(database_url: str, folders: Sequence[Path]) -> list[str]:
    with get_backend(_yoyo_url(database_url)) as backend:
        waiting = backend.to_apply(_read(folders))
        for one in waiting:
            # In one transaction: a process that dies between the two would leave a migration that fails ever after.
            with backend.transaction():
                one.process_steps(backend, "apply")
                # Not in yoyo's log, which wants the name of the system's user: in a container nobody has one.
                backend.mark_one(one, log=False)
        return [one.id for one in waiting]


def _read(folders: Sequence[Path]) -> MigrationList:
    return read_migrations(*(str(folder) for folder in folders))


def _yoyo_url(database_url: str) -> str:
    """Name the driver in the URL, and pass ``host=/socket/folder`` on as a query argument, which yoyo understands."""
    parts = urlsplit(database_url)
    query = "&".join(f"{name}={value}" for name, value in parse_qsl(parts.query))
    return urlunsplit(("postgresql+psycopg", parts.netloc, parts.path, query, ""))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
