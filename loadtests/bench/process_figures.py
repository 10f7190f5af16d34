"""What processes have used, from /proc: CPU time to the nanosecond, and memory."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


def cpu_ns(pids: Iterable[int]) -> int:
    """Return the CPU time of these processes, user and system, of all their threads that live."""
    total = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # the thread may have ended meanwhile
                total += int(task.read_text().split()[0])
    return total


def machine_busy_ns() -> int:
    """Return the CPU time that everything on this machine has used, in steps of 10 ms."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    idle, waiting = fields[3:5]
    return (sum(fields) - idle - waiting) * 1_000_000_000 // _TICKS_PER_S


def rss_bytes(pids: Iterable[int]) -> int:
    """Return the resident memory of these processes; one that has ended has none."""
    return sum(_rss_pages(pid) for pid in pids) * _PAGE_BYTES


def _rss_pages(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def programs(pids: Iterable[int]) -> dict[int, str]:
    """Return what each process runs; one that has ended is left out."""
    found = {}
    for pid in pids:
        with contextlib.suppress(OSError):
            found[pid] = Path(f"/proc/{pid}/comm").read_text().strip()
    return found


def proportional_bytes(pids: Iterable[int]) -> int:
    """Return the memory of these processes, what they share with others counted in parts."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def with_children(pid: int) -> list[int]:
    """Return a process and all that came from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in task.read_text().split():
                found += with_children(int(child))
    return found
