"""What processes have used, from /proc: CPU time to the nanosecond, and memory."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


def cpu_ns(pids: Iterable[int]) -> int:
    """Return the CPU time of these processes, user and system, of all their threads that live."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # the thread may have ended meanwhile
                total += int(task.read_text().split()[0])
    return total


def rss_bytes(pids: Iterable[int]) -> int:
    """Return the resident memory of these processes."""
    return sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids) * _PAGE_BYTES


def with_children(pid: int) -> list[int]:
    """Return a process and all that came from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += with_children(int(child))
    return found
