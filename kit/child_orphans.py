"""Servers that a killed owner left behind: how to know them, and how to end them."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from kit.child_process import KILL_SECONDS, POLL_SECONDS
from kit.errors import StartupError

ASK_SECONDS = 10.0
"""An orphan asked to end has this long; a Postgres writes its last checkpoint in that time."""

LOOK_SECONDS = 5.0
"""For ``ps`` and ``lsof``, where there is no /proc."""

HAS_PROC = os.path.exists("/proc/self/exe")
"""Linux; elsewhere only the pid in a pid file can be looked at."""


def pid_in_file(path: Path) -> int | None:
    """The pid in the first line of a pid file; None when there is no such file or no number in it."""
    try:
        first = path.read_text(errors="replace").partition("\n")[0].strip()
    except OSError:
        return None
    return int(first) if first.isascii() and first.isdigit() else None


def _place_of(pid: int) -> tuple[str, str] | None:
    """(name of the program, working directory) of a process; None when it is gone or not ours to look at."""
    if HAS_PROC:
        try:
            return os.path.basename(os.readlink(f"/proc/{pid}/exe")), os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            return None
    ps, lsof = shutil.which("ps"), shutil.which("lsof")
    if ps is None or lsof is None:
        return None
    program = _printed_by([ps, "-o", "comm=", "-p", str(pid)])
    opened = _printed_by([lsof, "-a", "-p", str(pid), "-d", "cwd", "-Fn"])
    return os.path.basename(program.strip()), cwd_in_lsof(opened)


def _printed_by(argv: list[str]) -> str:
    # An absolute path and a number; nothing of a user's is in the command.
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=LOOK_SECONDS).stdout  # noqa: S603 - see above


def cwd_in_lsof(printed: str) -> str:
    """The path out of ``lsof -Fn``, whose lines begin with the name of the field; empty when there is none."""
    return next((line[1:] for line in printed.splitlines() if line.startswith("n")), "")


def is_child_of_directory(program: str, cwd: str, directory: Path, programs: tuple[str, ...]) -> bool:
    """Whether a process is one of ``programs`` and works in ``directory`` or in an unfinished ``<directory>.new.*``."""
    in_place = cwd == os.fspath(directory) or cwd.startswith(f"{directory}.new.")
    return in_place and program.startswith(programs)


def find_orphans(directory: Path, pid_file: Path, programs: tuple[str, ...]) -> list[int]:
    """Pids of servers that work in ``directory``, whoever started them.

    Both Postgres and Redis make their data directory their working directory. That is a better mark than a pid in a
    file, which may belong to somebody else by now. Where there is no ``/proc``, only the pid in ``pid_file`` is looked
    at.
    """
    if HAS_PROC:
        candidates = [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]
    else:
        candidates = [pid for pid in (pid_in_file(pid_file),) if pid is not None]
    places = ((pid, _place_of(pid)) for pid in candidates)
    return [pid for pid, place in places if place and is_child_of_directory(*place, directory, programs)]


def _signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


async def _wait_gone(
    pids: list[int], directory: Path, pid_file: Path, programs: tuple[str, ...], seconds: float
) -> list[int]:
    """Those that are still there after ``seconds``."""
    deadline = time.monotonic() + seconds
    while pids and time.monotonic() < deadline:
        await asyncio.sleep(POLL_SECONDS)
        pids = await asyncio.to_thread(find_orphans, directory, pid_file, programs)
    return pids


async def stop_orphans(directory: Path, pid_file: Path, programs: tuple[str, ...], ask: signal.Signals) -> int:
    """End every server left in ``directory``: ``ask`` to the one in ``pid_file`` (else to all), then SIGKILL.

    The caller holds the directory's lock, so nobody else needs them.

    Returns:
        How many processes there were.

    Raises:
        StartupError: one is still there after SIGKILL, or belongs to another user.
    """
    found = await asyncio.to_thread(find_orphans, directory, pid_file, programs)
    leader = pid_in_file(pid_file)
    try:
        _signal_all([leader] if leader in found else found, ask)
        left = await _wait_gone(found, directory, pid_file, programs, ASK_SECONDS)
        _signal_all(left, signal.SIGKILL)
        left = await _wait_gone(left, directory, pid_file, programs, KILL_SECONDS)
    except PermissionError as error:
        raise StartupError(f"Process {found} uses {directory} and belongs to another user; end it first.") from error
    if left:
        raise StartupError(f"Process {left} uses {directory} and does not end; end it first.")
    return len(found)
