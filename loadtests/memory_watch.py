"""Samples the memory of processes while a load test is played."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from loadtests.bench.process_figures import proportional_bytes, rss_bytes
from loadtests.memory import Samples
from loadtests.names import POSTGRES

EVERY_S: Final = 10.0
"""Between two samples."""


class MemoryWatch:
    """Samples the memory of processes until it is told to stop.

    Postgres's processes share most of what they have, so theirs is counted in parts; of the others it is what is
    resident.

    Args:
        groups: returns the processes by role, as they are now.

    Attributes:
        samples: what was found so far.
    """

    def __init__(self, groups: Callable[[], Mapping[str, Sequence[int]]]) -> None:
        self.samples = Samples(list(groups()))
        self._groups = groups
        self._began_s = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> Samples:
        """End, and return what was found."""
        self._over.set()
        self._thread.join()
        return self.samples

    def _run(self) -> None:
        while True:
            used = {
                role: proportional_bytes(pids) if role == POSTGRES else rss_bytes(pids)
                for role, pids in self._groups().items()
            }
            self.samples.add(time.monotonic() - self._began_s, used)
            if self._over.wait(EVERY_S):
                return
