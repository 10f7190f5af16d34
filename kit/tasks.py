"""Long-lived background loops with an owner: they are named, restarted after a failure, and stopped in order."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

from kit.errors import UnavailableError
from kit.log import logger

BACKOFF_FIRST_S = 0.1
BACKOFF_MOST_S = 5.0

_log = logger("tasks")


class Tasks:
    """The loops of one role. A loop that fails is logged once and started again with full-jitter back-off."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def forever(self, name: str, step: Callable[[], Awaitable[object]], *, every_s: float = 0.0) -> None:
        """Run ``step`` again and again until ``stop``.

        Args:
            name: shown in logs.
            step: one round. A raised exception delays the next one, at most five seconds.
            every_s: pause between two rounds; 0 when the step does its own waiting.
        """
        self._tasks.append(asyncio.create_task(self._forever(name, step, every_s), name=name))

    async def stop(self) -> None:
        """Cancel every loop, newest first, and wait until each has ended."""
        for task in reversed(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    @staticmethod
    async def _forever(name: str, step: Callable[[], Awaitable[object]], every_s: float) -> None:
        delay_s = BACKOFF_FIRST_S
        while True:
            try:
                await step()
                delay_s = BACKOFF_FIRST_S
                if every_s:
                    await asyncio.sleep(every_s)
            except UnavailableError as error:
                # Expected while a server restarts: said without a stack trace.
                _log.warning("loop_waits", loop=name, error=error.message)
                await asyncio.sleep(random.uniform(0, delay_s))  # noqa: S311 - jitter, not a secret
                delay_s = min(delay_s * 2, BACKOFF_MOST_S)
            except Exception:  # noqa: BLE001 - the loop must outlive any bug of one round; the trace is logged
                _log.exception("loop_failed", loop=name)
                await asyncio.sleep(random.uniform(0, delay_s))  # noqa: S311 - jitter, not a secret
                delay_s = min(delay_s * 2, BACKOFF_MOST_S)


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
