"""Who used the machine while a load test was played: the server by role, the load client, and everybody else."""

import os
import resource
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from loadtests.bench.process_figures import cpu_ns, machine_busy_ns

CLIENT: Final = "load client"
OTHERS: Final = "others on this machine"
"""What has no part in the load test: it makes the figures worse."""


class CpuShares:
    """CPU time from here to ``end``.

    Args:
        groups: returns the processes of the server by role, as they are now.
    """

    def __init__(self, groups: Callable[[], Mapping[str, Sequence[int]]]) -> None:
        self._groups = groups
        self._before_ns = {pid: cpu_ns([pid]) for pids in groups().values() for pid in pids}
        self._own_ns = cpu_ns([os.getpid()])
        self._busy_ns = machine_busy_ns()
        self._client_s = _children_s()
        self._began_s = time.monotonic()

    def end(self) -> dict[str, float]:
        """Return by role how many cores were used on average; the load client has ended, the server has not."""
        took_s = time.monotonic() - self._began_s
        used = {role: sum(map(self._used_s, pids)) for role, pids in self._groups().items()}
        used[CLIENT] = _children_s() - self._client_s
        busy_s = (machine_busy_ns() - self._busy_ns) / 1e9
        own_s = (cpu_ns([os.getpid()]) - self._own_ns) / 1e9
        used[OTHERS] = max(0.0, busy_s - sum(used.values()) - own_s)
        return {role: round(seconds / took_s, 3) for role, seconds in used.items()}

    def _used_s(self, pid: int) -> float:
        return (cpu_ns([pid]) - self._before_ns.get(pid, 0)) / 1e9


def _children_s() -> float:
    """Return the CPU time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
