"""CPU time by role: what the gateway, the load client, Redis and the rest used over the same seconds."""

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from loadtests.bench.process_figures import cpu_ns, machine_busy_ns, with_children

GATEWAY: Final = "gateway"
CLIENT: Final = "load client"
REDIS: Final = "Redis"
POSTGRES: Final = "Postgres"
API: Final = "API and worker"

_PROGRAMS: Final = {"redis-server": REDIS, "valkey-server": REDIS, "postgres": POSTGRES}


class Usage:
    """CPU time from here to ``end``.

    Args:
        groups: processes by role.

    Attributes:
        shares: by role, of one core; empty before the end.
        used_us: by role, CPU time in µs; empty before the end.
        others: share of a core that went to what has no part in this: a busy machine makes the figures worse.
    """

    def __init__(self, groups: Mapping[str, Sequence[int]]) -> None:
        self.shares: dict[str, float] = {}
        self.used_us: dict[str, float] = {}
        self.others = 0.0
        self._groups = groups
        self._began = time.monotonic_ns()
        self._busy_before = machine_busy_ns()
        self._before = {role: cpu_ns(pids) for role, pids in groups.items()}

    def end(self, took_s: float) -> None:
        """Note what was used; ``took_s`` is how long the work took."""
        used = {role: cpu_ns(pids) - self._before[role] for role, pids in self._groups.items()}
        busy = machine_busy_ns() - self._busy_before
        self.others = max(0.0, (busy - sum(used.values())) / max(time.monotonic_ns() - self._began, 1))
        self.used_us = {role: ns / 1e3 for role, ns in used.items()}
        self.shares = {role: ns / 1e9 / max(took_s, 1e-9) for role, ns in used.items()}


def usage_groups(gateway: Sequence[int], client: int | None) -> dict[str, list[int]]:
    """Return the processes of this run by role.

    Args:
        gateway: its processes.
        client: the load client's process.
    """
    groups: dict[str, list[int]] = {GATEWAY: list(gateway), CLIENT: [], REDIS: [], API: [], POSTGRES: []}
    for pid in with_children(os.getpid()):
        if pid == client:
            groups[CLIENT].append(pid)
        elif pid != os.getpid() and pid not in gateway:
            groups[_PROGRAMS.get(_program(pid), API)].append(pid)
    return groups


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:  # it has ended
        return ""
