"""Schema migrations: plain SQL files, applied in order and once, by yoyo.

Every package keeps its own ``migrations/`` folder; a file's ``-- depends:`` line orders it after another.
Processes that start together wait for each other on a Postgres advisory lock, which the server itself releases when
a process dies. (yoyo's own lock is a row that a killed process leaves behind.)
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

import psycopg
from yoyo import get_backend, read_migrations
from yoyo.migrations import MigrationList

from kit.errors import SettingError, StartupError, UnavailableError

LOCK_KEY = 0x53484F5744524F50  # "SHOWDROP"
LOCK_TIMEOUT_MS = 60_000
CONNECT_TIMEOUT_S = 10


def apply_migrations(database_url: str, folders: Sequence[Path]) -> list[str]:
    """Apply what is missing and return the ids of what was applied. Blocking: call it in a thread.

    Messages are for an operator: they repeat what the driver said, without the password.

    Raises:
        SettingError: the URL is malformed.
        UnavailableError: the database does not answer.
        StartupError: a migration failed; nothing of it was kept.
    """
    try:
        with _addressed(database_url):
            guard = psycopg.connect(database_url, autocommit=True, connect_timeout=CONNECT_TIMEOUT_S)
        with guard:
            guard.execute("SELECT set_config('lock_timeout', %s, false)", [str(LOCK_TIMEOUT_MS)])
            guard.execute("SELECT pg_advisory_lock(%s)", [LOCK_KEY])
            return _apply(database_url, folders)
    except psycopg.OperationalError as error:
        raise UnavailableError(
            f"Postgres does not answer: {_said(error, database_url)}; is DATABASE_URL right, and does it run?",
            code="postgres_down",
        ) from error
    except psycopg.Error as error:
        raise StartupError(f"a migration failed and was undone: {_said(error, database_url)}") from error


def missing_migrations(database_url: str, folders: Sequence[Path]) -> list[str]:
    """Return the ids of the migrations that this database does not have yet. Blocking: call it in a thread.

    Messages are for anybody, since ``/readyz`` tells them: they repeat nothing of what the driver said.

    Raises:
        SettingError: the URL is malformed.
        UnavailableError: the database does not answer.
    """
    try:
        with _addressed(database_url):
            opened = get_backend(_yoyo_url(database_url))
        with opened as backend:
            return [one.id for one in backend.to_apply(_read(folders))]
    except psycopg.OperationalError as error:
        raise UnavailableError(
            f"Postgres does not answer: {type(error).__name__}; is DATABASE_URL right, and does it run?",
            code="postgres_down",
        ) from error


@contextmanager
def _addressed(database_url: str) -> Iterator[None]:
    """Connect in this block: what is said of a malformed URL becomes a line that repeats nothing of it."""
    malformed = SettingError(
        "DATABASE_URL is malformed; write it like postgresql://user:password@host:5432/database, "
        "with a password that is percent-encoded"
    )
    try:
        urlsplit(database_url).port  # noqa: B018 - reading it is the check
        yield
    except ValueError:
        raise malformed from None
    except psycopg.ProgrammingError as error:
        if error.sqlstate is not None:
            raise  # the server's word, say about permissions
        raise malformed from None


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
    """Name the driver in the URL, and pass ``host=/socket/folder`` on as a query argument, which yoyo understands.

    Without a time limit a thread would wait for ever for a server that stands still.
    """
    parts = urlsplit(database_url)
    query = urlencode(dict(parse_qsl(parts.query)) | {"connect_timeout": str(CONNECT_TIMEOUT_S)})
    return urlunsplit(("postgresql+psycopg", parts.netloc, parts.path, query, ""))


def _said(error: Exception, database_url: str) -> str:
    """Return the first line of what a driver said, with asterisks for what it repeats of the password."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    passwords = re.findall(r"password=([^&#]*)", database_url) + re.findall(r"://[^:@/?#]*:(.*)@", database_url)
    # In pieces: in a password that is not percent-encoded the driver may see a host or a port.
    pieces = {piece for one in passwords for piece in (one, *re.split(r"[:@/?#&=]", one))}
    for piece in sorted(pieces | {unquote(one) for one in pieces}, key=len, reverse=True):
        line = line.replace(piece, "***") if piece else line
    return line
