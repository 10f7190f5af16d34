"""How a worker's stage runs: take due rows, work on each, bounded, again and again.

Stages are driven by what the database says, never by what another stage promised: a wake-up only shortens the wait.
A stage may die at any line; its rows come round again when their lease ends.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from checkout.limits import GATHER_MS, POLL_MS
from kit.errors import UnavailableError
from kit.log import about, logger
from kit.tasks import Wakeup

Row = TypeVar("Row")

_log = logger("checkout")


class BatchLoop:
    """Runs a batch stage: at once again while batches are full, else when it is woken or after ``poll_ms``.

    Args:
        work: works on one batch of what is due and returns how many rows that was.
        full: the size of a full batch, in rows.
        gather_ms: pause after a batch that was not full, so that the next one is larger.
    """

    def __init__(
        self, work: Callable[[], Awaitable[int]], *, full: int, poll_ms: int = POLL_MS, gather_ms: int = GATHER_MS
    ) -> None:
        self.wakeup = Wakeup()
        self._work = work
        self._full = full
        self._poll_s = poll_ms / 1000
        self._gather_s = gather_ms / 1000

    async def step(self) -> None:
        """Do one round, then wait if there is nothing more to do."""
        done = await self._work()
        if done < self._full:
            if done:
                await asyncio.sleep(self._gather_s)
            await self.wakeup.wait(self._poll_s)


class RowLoop(Generic[Row]):
    """Runs a stage whose rows are worked on one by one, so that a slow one holds up no other.

    Args:
        name: for the log.
        take: takes up to that many due rows, under a lease.
        handle: works on one; when it raises, the row waits for the end of its lease.
        in_flight: most rows worked on at once.
        ids_of: returns what a row is found by in the log; every line about it has that.
        on_trouble: called with ``waits`` or ``failed`` when a row was left to the end of its lease.
    """

    def __init__(
        self,
        name: str,
        take: Callable[[int], Awaitable[Sequence[Row]]],
        handle: Callable[[Row], Awaitable[None]],
        *,
        in_flight: int,
        poll_ms: int = POLL_MS,
        ids_of: Callable[[Row], Mapping[str, str]] = lambda _row: {},
        on_trouble: Callable[[str], None] = lambda _what: None,
    ) -> None:
        self._ids_of = ids_of
        self._on_trouble = on_trouble
        self.wakeup = Wakeup()
        self._name = name
        self._take = take
        self._handle = handle
        self._in_flight = in_flight
        self._poll_s = poll_ms / 1000
        self._handed: deque[Row] = deque()
        self._running: set[asyncio.Task[None]] = set()

    @property
    def room(self) -> int:
        """How many rows may be handed in now."""
        return self._in_flight - len(self._running) - len(self._handed)

    def hand(self, rows: Sequence[Row]) -> None:
        """Take rows that are leased already."""
        self._handed += rows
        self.wakeup.set()

    async def round(self) -> int:
        """Take what is due, work on all of it, and return how many rows that was."""
        rows = await self._take(self._in_flight)
        await asyncio.gather(*(self._guarded(row) for row in rows))
        return len(rows)

    async def step(self) -> None:
        """Begin work on what is due and has room; wait when there is nothing, or no room."""
        room = self._in_flight - len(self._running)
        rows: Sequence[Row] = [self._handed.popleft() for _ in range(min(room, len(self._handed)))]
        if room and not rows:
            rows = await self._take(room)
        for row in rows:
            task = asyncio.create_task(self._guarded(row), name=f"checkout {self._name}")
            self._running.add(task)
            task.add_done_callback(self._done)
        if len(rows) < room or not room:
            if rows:
                await asyncio.sleep(GATHER_MS / 1000)
            await self.wakeup.wait(self._poll_s)

    async def close(self, *, finish_s: float = 0.0) -> None:
        """Give what is under way ``finish_s`` seconds to end, then cancel it; the rows' leases bring it back."""
        if self._running and finish_s:
            await asyncio.wait(self._running, timeout=finish_s)
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    def _done(self, task: asyncio.Task[None]) -> None:
        if len(self._running) >= self._in_flight:
            self.wakeup.set()
        self._running.discard(task)

    async def _guarded(self, row: Row) -> None:
        with about(**self._ids_of(row)):
            try:
                await self._handle(row)
            except UnavailableError as error:
                _log.warning("row_waits", stage=self._name, error=error.message)
                self._on_trouble("waits")
            except Exception:  # noqa: BLE001 - one row's trouble must not stop the others; the trace is logged
                _log.exception("row_failed", stage=self._name)
                self._on_trouble("failed")
