"""A crowd as its owner sees it: a child process and a board."""

import contextlib
import gc
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection

from loadtests.bench.board import Board, Count
from loadtests.bench.crowd import CrowdLoop, CrowdPlan
from loadtests.bench.limits import CONNECT_TIMEOUT_S, DELIVERY_TIMEOUT_S, HEARTBEAT_EVERY_S, POLL_S, STOP_TIMEOUT_S
from loadtests.bench.process_figures import cpu_ns
from loadtests.bench.target import Entrance
from loadtests.errors import LoadError

_fork = multiprocessing.get_context("fork")
"""The child inherits the target and the board as they are: both hold what cannot be sent."""


class Crowd:
    """Viewers of one target, in a process of their own; ``start`` connects them, ``stop`` cuts them all with a reset.

    Args:
        target: has started.
        plan: what the viewers do.
        sent_at_ns: by number, when each event was made; see ``board.new_clock``.
        loop: what runs in the process.

    Attributes:
        board: what the viewers have found.
    """

    def __init__(
        self, target: Entrance, plan: CrowdPlan, sent_at_ns: memoryview, *, loop: type[CrowdLoop] = CrowdLoop
    ) -> None:
        self.target = target
        self.plan = plan
        self.board = Board(plan.viewers, sent_at_ns)
        for viewer in range(plan.viewers):
            self.board.newest[viewer] = plan.had
        ours, theirs = _fork.Pipe()
        self._pipe = ours
        self._process = _fork.Process(
            target=_live, args=(partial(loop, target, plan, self.board, theirs), plan.cores, ours), daemon=True
        )
        self._theirs = theirs

    @property
    def readers(self) -> int:
        """How many viewers read."""
        return self.plan.viewers - self.plan.stalled

    def start(self) -> None:
        """Begin to connect."""
        self._process.start()
        self._theirs.close()

    def wait_in(self, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        """Wait until everyone is in.

        Raises:
            LoadError: they are not, in time.
        """
        self._wait(Count.JOINED, self.plan.viewers, timeout_s, "viewers came in")

    def wait_deliveries(self, deliveries: int, timeout_s: float = DELIVERY_TIMEOUT_S) -> None:
        """Wait until so many events have reached viewers, all in all.

        Raises:
            LoadError: they have not, in time.
        """
        self._wait(Count.DELIVERIES, deliveries, timeout_s, "events arrived")

    def count(self, which: Count) -> int:
        """Return a counter."""
        return self.board.count(which)

    def heartbeat(self, over_s: float) -> None:
        """Let each viewer send one heartbeat, spread over a time, where the target wants any."""
        self._pipe.send(over_s)

    @property
    def pid(self) -> int | None:
        """The process; None before it began."""
        return self._process.pid

    def cpu_ns(self) -> int:
        """Return the CPU time that the crowd has used."""
        return 0 if self._process.pid is None else cpu_ns([self._process.pid])

    def faults(self, top: int) -> list[str]:
        """Return what is wrong with the deliveries when ``top`` is the newest event; empty when nothing is."""
        behind = sum(1 for newest in self.board.newest[: self.readers] if newest != top)
        found = {
            "viewers without the newest event": behind,
            "events missed": self.count(Count.MISSED),
            "events twice": self.count(Count.DOUBLES),
            "viewers cut": self.count(Count.LOST),
        }
        return [f"{count:,} {what}" for what, count in found.items() if count]

    def stop(self) -> None:
        """Cut all viewers at once and end the process; harmless when it never began or is over."""
        if self._process.pid is not None:
            with contextlib.suppress(OSError):  # it may be over
                self._pipe.send(None)
            self._process.join(STOP_TIMEOUT_S)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()
        self._pipe.close()

    def _wait(self, which: Count, wanted: int, timeout_s: float, what: str) -> None:
        gives_up_at = time.monotonic() + timeout_s
        beats_at = time.monotonic() + HEARTBEAT_EVERY_S
        while self.count(which) < wanted:
            now = time.monotonic()
            if not self._process.is_alive():
                raise LoadError(f"the crowd of {self.target.name} ended with {self._process.exitcode}")
            if now > gives_up_at:
                raise LoadError(
                    f"{self.target.name}: {self.count(which):,} of {wanted:,} {what} within {timeout_s:.0f} s "
                    f"({self.count(Count.REFUSED):,} refused, {self.count(Count.FAILED):,} failed, "
                    f"{self.count(Count.LOST):,} cut)"
                )
            if now > beats_at:
                self.heartbeat(HEARTBEAT_EVERY_S / 2)
                beats_at = now + HEARTBEAT_EVERY_S
            time.sleep(POLL_S)


def _live(make: Callable[[], CrowdLoop], cores: frozenset[int], owners_end: Connection) -> None:
    owners_end.close()  # else we would never hear its end
    if cores:
        os.sched_setaffinity(0, cores)
    gc.freeze()
    gc.disable()  # nothing there makes cycles, and a collection would stop the clock that is read
    try:
        make().run()
    except KeyboardInterrupt:
        sys.exit(130)
