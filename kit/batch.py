"""Group commit: batch by the natural rhythm, never by a timer (D2).

While one flush is under way, new items queue; when it returns, everything queued goes in one call, up to a bound.
An idle batcher adds no delay, a busy one sends hundreds of items per call.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar

from kit.errors import UnavailableError
from kit.metrics import Spread

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Answer_contra = TypeVar("Answer_contra", contravariant=True)


class Waiter(Protocol[Answer_contra]):
    """Who waits for an answer: a future, or something that takes one as a future does, in the same turn of the loop."""

    def set_result(self, result: Answer_contra, /) -> None:
        """Take the answer."""
        ...

    def set_exception(self, exception: Exception, /) -> None:
        """Take the error that the call ended with."""
        ...

    def cancel(self) -> object:
        """Take note that there will be no answer."""
        ...


QUIET_TURNS = 3
"""Turns of the loop without a new item after which a batcher that gathers stops waiting."""


class Batcher(Generic[Item, Answer]):
    """Collects items and hands them to ``flush`` in arrival order, one call at a time.

    Should its task be cancelled, everything that waits is cancelled too: nobody waits for an answer that cannot come.

    Args:
        flush: takes a batch, returns exactly one answer per item, in order. What it raises reaches every caller of
            that batch and no other.
        max_batch: most items per call.
        max_queued: most items waiting; one more is refused with ``UnavailableError`` (code ``overloaded``).
        gather_most_s: how long a call may wait, in seconds, while the turns of the loop go on bringing items; for a
            call that costs much more than the wait. Where nothing else is going on the wait is a few empty turns.
        sizes: where the size of each batch is counted.
        settled: told how many items have got their answer, their error, or word that there will be none.
        idle: told when nothing is under way and nothing waits; an item may have come again by then.
    """

    def __init__(
        self,
        flush: Callable[[Sequence[Item]], Awaitable[Sequence[Answer]]],
        *,
        max_batch: int,
        max_queued: int,
        gather_most_s: float = 0.0,
        sizes: Spread | None = None,
        settled: Callable[[int], None] = lambda _: None,
        idle: Callable[[], None] = lambda: None,
    ) -> None:
        self._flush = flush
        self._max_batch = max_batch
        self._max_queued = max_queued
        self._gather_most_s = gather_most_s
        self._sizes = sizes
        self._settled = settled
        self._idle = idle
        self._queue: deque[tuple[Item, Waiter[Answer]]] = deque()
        self._running: asyncio.Task[None] | None = None
        self._closed = False

    def put(self, item: Item) -> "asyncio.Future[Answer]":
        """Queue one item without waiting; the future gets its answer. Raises as ``put_for`` does."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.put_for(item, future)
        return future

    def put_for(self, item: Item, waiter: Waiter[Answer]) -> None:
        """Queue one item without waiting; the waiter gets its answer, when and if this returns.

        Raises:
            UnavailableError: the queue is full, or the batcher is closed.
        """
        if self._closed or len(self._queue) >= self._max_queued:
            raise UnavailableError("too many requests are waiting; try again", code="overloaded")
        self._queue.append((item, waiter))
        if self._running is None:
            self._running = asyncio.create_task(self._run())
            self._running.add_done_callback(self._ended)

    @property
    def waiting(self) -> int:
        """How many items wait for the next call."""
        return len(self._queue)

    def answer_waiting(self, answer: Answer) -> None:
        """Give an answer to all who wait for the next call, instead of the call."""
        waiters = [waiter for _, waiter in self._queue]
        self._queue.clear()
        for waiter in waiters:
            _give(waiter, answer)
        self._settled(len(waiters))

    async def submit(self, item: Item) -> Answer:
        """Queue one item and wait for its answer."""
        return await self.put(item)

    async def close(self) -> None:
        """Take no more items; wait until those taken are answered."""
        self._closed = True
        if self._running is not None:
            await self._running

    async def _run(self) -> None:
        while self._queue:
            if self._gather_most_s:
                await self._gather()
                if not self._queue:
                    break  # they were answered meanwhile
            taken = [self._queue.popleft() for _ in range(min(self._max_batch, len(self._queue)))]
            await self._answer(taken)
        self._running = None

    async def _gather(self) -> None:
        """Wait until no item came for ``QUIET_TURNS`` turns of the loop, the batch is full, or the time is over."""
        now = asyncio.get_running_loop().time
        until, seen, quiet = now() + self._gather_most_s, len(self._queue), 0
        while quiet < QUIET_TURNS and seen < self._max_batch and now() < until:
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._queue) == seen else 0
            seen = len(self._queue)

    def _ended(self, running: "asyncio.Task[None]") -> None:
        # A callback and no ``finally``: a task that is cancelled before its first step runs no line of its own.
        if self._running is running:
            self._running = None
            waiters = [waiter for _, waiter in self._queue]
            self._queue.clear()
            for waiter in waiters:
                waiter.cancel()
            self._settled(len(waiters))
        if self._running is None:
            self._idle()

    async def _answer(self, taken: list[tuple[Item, Waiter[Answer]]]) -> None:
        try:
            await self._call(taken)
        finally:
            self._settled(len(taken))

    async def _call(self, taken: list[tuple[Item, Waiter[Answer]]]) -> None:
        if self._sizes is not None:
            self._sizes.add(len(taken))
        try:
            answers = await self._flush([item for item, _ in taken])
            assert len(answers) == len(taken), f"flush answered {len(answers)} of {len(taken)} items"
        except asyncio.CancelledError:
            for _, waiter in taken:
                waiter.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - whatever it was belongs to the callers of this batch
            for _, waiter in taken:
                with contextlib.suppress(asyncio.InvalidStateError):  # a future that nobody waits for any more
                    waiter.set_exception(error)
            return
        for (_, waiter), answer in zip(taken, answers, strict=True):
            _give(waiter, answer)


def _give(waiter: Waiter[Answer], answer: Answer) -> None:
    try:
        waiter.set_result(answer)
    except asyncio.InvalidStateError:  # a future that nobody waits for any more
        pass
    except Exception as error:  # noqa: BLE001 - one waiter's mistake is not the others'
        context = {"message": "an answer was not taken", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)
