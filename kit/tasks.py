"""Long-lived background loops with an owner: they are named, restarted after a failure, and stopped in order."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

from kit.errors import UnavailableError
from kit.log import logger

BACKOFF_FIRST_S = 0.1
BACKOFF_MOST_S = 5.0
CANCEL_AGAIN_S = 1.0
WAITS_AGAIN_S = 30.0
"""Between two lines about one loop that waits for the same reason. A worker has more than a dozen loops: with a line
for every try, a server that is away for minutes would bury all that else is said."""
ROUND_MOST_S = 180.0
"""Seconds after which a round of a watched loop counts as hung: twelve times the longest statement, and far above every
timeout of ours, so that a loop with much to do is never taken for one that does nothing."""

_log = logger("tasks")


class Tasks:
    """The loops of one role. A loop that fails is logged and started again with full-jitter back-off.

    What waits for a server is said when it begins, every ``WAITS_AGAIN_S`` while it lasts (``loop_waits``), and once
    when a round succeeds (``loop_goes_on``).
    """

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []
        self._began_s: dict[str, float] = {}  # of the newest round of each watched loop, on the event loop's clock

    def forever(
        self, name: str, step: Callable[[], Awaitable[object]], *, every_s: float = 0.0, watched: bool = False
    ) -> None:
        """Run ``step`` again and again until ``stop``.

        Args:
            name: shown in logs.
            step: one round. A raised exception delays the next one, at most five seconds.
            every_s: pause between two rounds; 0 when the step does its own waiting.
            watched: whether ``stuck`` names it when a round does not end. Not for a step that waits for long by nature.
        """
        self._tasks.append(asyncio.create_task(self._forever(name, step, every_s, watched), name=name))

    def stuck(self) -> list[str]:
        """Return the watched loops whose round, with the pause after it, lasts longer than ``ROUND_MOST_S``.

        A loop whose rounds fail is not stuck: it turns, and says in the log what it waits for.
        """
        now_s = asyncio.get_running_loop().time()
        return [name for name, began_s in self._began_s.items() if now_s - began_s > ROUND_MOST_S]

    async def failed(self, *others: "asyncio.Task[None]") -> str:
        """Wait, without limit, until a loop ends by itself, which none should; cancel it before ``stop``.

        Args:
            others: tasks that should not end either.

        Returns:
            One line: the name of the task, and what ended it.
        """
        watched = [*self._tasks, *others]
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
        ended = next(task for task in watched if task.done())
        error = None if ended.cancelled() else ended.exception()
        if ended.cancelled():
            why = "it was cancelled"
        elif error is None:
            why = "without an error"
        else:
            why = " ".join(f"{type(error).__name__}: {error}".split())
        return f"{ended.get_name()!r} has ended: {why}"

    async def stop(self) -> None:
        """Cancel every loop, newest first, and wait until each has ended: a round under way is cut off."""
        while self._tasks:
            task = self._tasks.pop()
            while not task.done():
                # Again and again: a driver may swallow a cancellation, as the one of Redis does while it connects.
                task.cancel()
                await asyncio.wait((task,), timeout=CANCEL_AGAIN_S)

    async def _forever(self, name: str, step: Callable[[], Awaitable[object]], every_s: float, watched: bool) -> None:
        delay_s = BACKOFF_FIRST_S
        wait = _Wait(name)
        task = asyncio.current_task()
        assert task is not None
        # Some drivers make an error of a cancellation: then the step fails, and there must be no other.
        while not task.cancelling():
            if watched:
                self._began_s[name] = asyncio.get_running_loop().time()
            try:
                await step()
                delay_s = BACKOFF_FIRST_S
                wait.is_over()
                if every_s:
                    await asyncio.sleep(every_s)
            except Exception as error:  # noqa: BLE001 - the loop must outlive any bug of one round; the trace is logged
                if task.cancelling():
                    return
                if isinstance(error, UnavailableError):
                    # Expected while a server restarts: said without a stack trace.
                    wait.lasts(error)
                else:
                    _log.exception("loop_failed", loop=name)
                await asyncio.sleep(random.uniform(0, delay_s))  # noqa: S311 - jitter, not a secret
                delay_s = min(delay_s * 2, BACKOFF_MOST_S)


class _Wait:
    """Says that a loop waits for a server, but not at every try."""

    def __init__(self, loop: str) -> None:
        self._loop = loop
        self._error: str | None = None  # what was said last; None when it does not wait
        self._said_s = 0.0  # when, on the event loop's clock

    def lasts(self, error: UnavailableError) -> None:
        """Log it, unless the same was said less than ``WAITS_AGAIN_S`` ago."""
        now_s = asyncio.get_running_loop().time()
        if error.message != self._error or now_s - self._said_s >= WAITS_AGAIN_S:
            self._error, self._said_s = error.message, now_s
            _log.warning("loop_waits", loop=self._loop, error=error.message)

    def is_over(self) -> None:
        """Log that the loop goes on, if it was said to wait."""
        if self._error is not None:
            self._error = None
            _log.info("loop_goes_on", loop=self._loop)


class Wakeup:
    """Wakes a loop before its time: ``wait`` returns when ``set`` was called, or after ``timeout_s``."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        """Wake the loop that waits, or let its next wait return at once."""
        self._event.set()

    async def wait(self, timeout_s: float) -> None:
        """Wait for ``set``, at most ``timeout_s`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._event.wait()
        self._event.clear()
