"""The data directory of the embedded servers: who owns it, where the sockets are, what other processes may know."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

import msgspec

from kit import embedded_postgres, embedded_redis
from kit.child_orphans import pid_in_file
from kit.errors import StartupError

SOCKET_PATH_MAX_BYTES = 103
"""``sun_path`` has 104 bytes on macOS and 108 on Linux, with a zero at the end."""

LOCK_WAIT_SECONDS = 0.3
"""A tool that looks for servers holds the lock for some microseconds; more than this means an owner."""

LOCK_POLL_SECONDS = 0.02
"""Between two tries at the lock."""

SOCKET_DIR_PREFIX = "showdrop-"


class ServerUrls(msgspec.Struct, frozen=True, kw_only=True):
    """Where the servers of a running owner are.

    Attributes:
        database_url: for asyncpg and psycopg.
        redis_url: for ``redis.from_url``.
        owner_pid: the process that runs them.
    """

    database_url: str
    redis_url: str
    owner_pid: int


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    """What is in servers.json; written before the servers start, so that a temp directory is never forgotten."""

    urls: ServerUrls
    socket_dir: str | None
    ready: bool


def fits_in_socket(directory: Path) -> bool:
    """Whether sockets below ``directory`` can be reached: short enough, and no comma (it separates hosts in a URL)."""
    longest = max(
        len(os.fsencode(embedded_postgres.socket_in(directory / "postgres"))),
        len(os.fsencode(embedded_redis.socket_in(directory / "redis"))),
    )
    try:
        text = os.fsencode(directory).decode()
    except UnicodeDecodeError:
        return False
    return longest <= SOCKET_PATH_MAX_BYTES and "," not in text


def _new_socket_dir() -> Path:
    temp = Path(tempfile.gettempdir()).resolve()
    if not fits_in_socket(temp / f"{SOCKET_DIR_PREFIX}12345678"):
        temp = Path("/tmp")  # noqa: S108 - only mkdtemp writes there, a directory of our own
    made = Path(tempfile.mkdtemp(prefix=SOCKET_DIR_PREFIX, dir=temp))
    if os.geteuid() == 0:
        # Postgres runs as another user then and must pass; each server's own directory below is closed.
        made.chmod(0o711)
    return made


class DataDirectory:
    """The directory, its lock and servers.json; made by ``acquire``, given back by ``release``."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock: int | None = lock
        self._socket_dir: Path | None = None

    @classmethod
    async def acquire(cls, wanted: Path) -> "DataDirectory":
        """Make the directory when missing and take its lock.

        Raises:
            StartupError: another process has it, or it cannot be written.
        """
        path = _resolved(wanted)
        lock = _open_lock(path)
        deadline = time.monotonic() + LOCK_WAIT_SECONDS
        while not _try_lock(lock, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                os.close(lock)
                owner = pid_in_file(path / "lock")
                raise StartupError(
                    f"{path} is in use by process {owner}: wait until it is ready or over, stop it, or choose another "
                    "data directory (SHOWDROP_DATA_DIR)."
                )
            await asyncio.sleep(LOCK_POLL_SECONDS)
        directory = cls(path, lock)
        try:
            directory._forget_earlier()
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            directory.release()
            raise StartupError(f"Cannot write in {path}: {error.strerror}.") from error
        return directory

    def choose_sockets(self) -> Path:
        """The parent of the two socket directories ``postgres`` and ``redis``."""
        if fits_in_socket(self.path):
            return self.path
        self._socket_dir = _new_socket_dir()
        return self._socket_dir

    def write(self, urls: ServerUrls, *, ready: bool) -> None:
        """Tell other processes; ``find_running`` shows it when ``ready``."""
        socket_dir = os.fspath(self._socket_dir) if self._socket_dir else None
        record = _Record(urls=urls, socket_dir=socket_dir, ready=ready)
        new = self.path / "servers.json.new"
        try:
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(record))
            new.replace(self.path / "servers.json")
        except OSError as error:
            raise StartupError(f"Cannot write {new}: {error.strerror}.") from error

    def _forget_earlier(self) -> None:
        earlier = _read_record(self.path)
        if earlier is not None and earlier.socket_dir is not None:
            left = Path(earlier.socket_dir)
            if left.name.startswith(SOCKET_DIR_PREFIX):
                shutil.rmtree(left, ignore_errors=True)
        (self.path / "servers.json").unlink(missing_ok=True)

    def release(self) -> None:
        """Remove what other processes read, then let go of the lock. Twice is fine."""
        if self._lock is None:
            return
        with contextlib.suppress(OSError):
            (self.path / "servers.json").unlink(missing_ok=True)
        if self._socket_dir is not None:
            shutil.rmtree(self._socket_dir, ignore_errors=True)
        os.close(self._lock)
        self._lock = None


def _resolved(path: Path) -> Path:
    try:
        return path.absolute().resolve()
    except RuntimeError as error:
        raise StartupError(
            f"{path} leads nowhere: its links go round in a circle. Choose another data directory (SHOWDROP_DATA_DIR)."
        ) from error


def _open_lock(path: Path) -> int:
    try:
        # Root's Postgres is another user and must be able to pass, though not to look.
        path.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        return os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except (FileExistsError, NotADirectoryError) as error:
        raise StartupError(f"{path} is not a directory: choose another data directory (SHOWDROP_DATA_DIR).") from error
    except OSError as error:
        raise StartupError(
            f"Cannot write in {path}: {error.strerror}. Make it writable, or choose another data directory "
            "(SHOWDROP_DATA_DIR)."
        ) from error


def _try_lock(lock: int, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_record(path: Path) -> _Record | None:
    try:
        return msgspec.json.decode((path / "servers.json").read_bytes(), type=_Record)
    except (FileNotFoundError, NotADirectoryError, msgspec.DecodeError):
        return None


def find_running(data_dir: Path) -> ServerUrls | None:
    """The servers that another process runs on ``data_dir``; None when nobody does, or they are not up yet.

    Raises:
        StartupError: they belong to another user.
    """
    path = _resolved(data_dir)
    try:
        record = _read_record(path)
        if record is None or not record.ready:
            return None
        lock = os.open(path / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StartupError(
            f"Cannot read {path}: {error.strerror}. Run this as the user who started the servers."
        ) from error
    # A killed owner's file names another pid than a new owner's lock.
    return record.urls if _is_owned(lock) and pid_in_file(path / "lock") == record.urls.owner_pid else None


def find_starting(data_dir: Path) -> int | None:
    """The process that has ``data_dir`` and whose servers cannot be found (yet); None when nobody has it, or they can.

    They are not up yet, or serve that process alone.

    Raises:
        StartupError: they belong to another user.
    """
    path = _resolved(data_dir)
    if find_running(data_dir) is not None:
        return None
    try:
        lock = os.open(path / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    return pid_in_file(path / "lock") if _is_owned(lock) else None


def _is_owned(lock: int) -> bool:
    try:
        return not _try_lock(lock, fcntl.LOCK_SH)
    finally:
        os.close(lock)
