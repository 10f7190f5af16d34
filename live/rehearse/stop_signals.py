"""SIGINT and SIGTERM during a rehearsal: the show is stopped, the clearing up is not."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Final, TypeVar

from kit.errors import ShowdropError

T = TypeVar("T")
_NUMBERS: Final = (signal.SIGINT, signal.SIGTERM)


class RehearsalStoppedError(ShowdropError):
    """A signal ended the rehearsal; ``number`` is the signal's."""

    default_code = "stopped"

    def __init__(self, message: str, *, number: int) -> None:
        super().__init__(message)
        self.number = number


class StopSignals:
    """Catches both signals for the time of the block.

    Attributes:
        heard: the first one that came; None so far.
    """

    def __init__(self) -> None:
        self.heard: signal.Signals | None = None
        self._cancel: Callable[[], object] | None = None  # of the work that is under way

    def __enter__(self) -> "StopSignals":
        loop = asyncio.get_running_loop()
        for number in _NUMBERS:
            loop.add_signal_handler(number, self._hear, number)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for number in _NUMBERS:
            loop.remove_signal_handler(number)

    def _hear(self, number: signal.Signals) -> None:
        if self.heard is None:
            self.heard = number
            if self._cancel is not None:
                self._cancel()

    async def stopping(self, work: Coroutine[None, None, T]) -> T:
        """Do the work; a signal cancels it, also one that came before it began.

        Raises:
            CancelledError: a signal came; the work has ended.
        """
        task = asyncio.create_task(work)
        self._cancel = task.cancel
        if self.heard is not None:
            task.cancel()
        try:
            return await task
        finally:
            self._cancel = None
            task.cancel()
            await asyncio.wait((task,))
