"""Group commit by name: a batcher for each name that has items under way, so that none waits for another."""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Generic

from kit.batch import Answer, Batcher, Item, Waiter
from kit.errors import UnavailableError
from kit.metrics import Spread


class Batchers(Generic[Item, Answer]):
    """Collects items by name, and hands those of one name to ``flush`` in arrival order, one call at a time.

    Nothing is kept of a name without items.

    Args:
        flush: takes a name and a batch, returns exactly one answer per item, in order. What it raises reaches every
            caller of that batch and no other.
        max_batch: most items per call.
        max_queued: most items of one name that wait for their call.
        max_under_way: most items of all names that wait for their answers; None: as many as there are.
        max_names: most names with items under way; None: as many as there are.
        gather_most_s: see ``Batcher``.
        sizes: where the size of each batch is counted.

    Attributes:
        under_way: items that wait for their answers.
    """

    def __init__(
        self,
        flush: Callable[[str, Sequence[Item]], Awaitable[Sequence[Answer]]],
        *,
        max_batch: int,
        max_queued: int,
        max_under_way: int | None = None,
        max_names: int | None = None,
        gather_most_s: float = 0.0,
        sizes: Spread | None = None,
    ) -> None:
        self.under_way = 0
        self._flush = flush
        self._max_batch = max_batch
        self._max_queued = max_queued
        self._max_under_way = math.inf if max_under_way is None else max_under_way
        self._max_names = math.inf if max_names is None else max_names
        self._gather_most_s = gather_most_s
        self._sizes = sizes
        self._batchers: dict[str, Batcher[Item, Answer]] = {}
        self._closed = False

    def put(self, name: str, item: Item) -> "asyncio.Future[Answer]":
        """Queue one item without waiting; the future gets its answer. Raises as ``put_for`` does."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.put_for(name, item, future)
        return future

    def put_for(self, name: str, item: Item, waiter: Waiter[Answer]) -> None:
        """Queue one item without waiting; the waiter gets its answer, when and if this returns.

        Raises:
            UnavailableError: too many items wait, or too many items or names are under way (code ``overloaded``), or it
                is closed.
        """
        if self._closed or self.under_way >= self._max_under_way:
            raise _overloaded()
        batcher = self._batchers.get(name)
        if batcher is None:
            batcher = self._begin(name)
        batcher.put_for(item, waiter)
        self.under_way += 1

    def __len__(self) -> int:
        """Return how many names have items under way."""
        return len(self._batchers)

    async def submit(self, name: str, item: Item) -> Answer:
        """Queue one item and wait for its answer. Raises as ``put_for`` does, and what the call raises."""
        return await self.put(name, item)

    def answer_waiting(self, name: str, answer: Answer) -> None:
        """Give an answer to all who wait for the next call of a name, instead of the call."""
        batcher = self._batchers.get(name)
        if batcher is not None:
            batcher.answer_waiting(answer)

    async def close(self) -> None:
        """Take no more items; wait until those taken are answered."""
        self._closed = True
        await asyncio.gather(*(batcher.close() for batcher in list(self._batchers.values())))

    def _begin(self, name: str) -> Batcher[Item, Answer]:
        if len(self._batchers) >= self._max_names:
            raise _overloaded()
        batcher = self._batchers[name] = Batcher(
            partial(self._flush, name),
            max_batch=self._max_batch,
            max_queued=self._max_queued,
            gather_most_s=self._gather_most_s,
            sizes=self._sizes,
            settled=self._settled,
            idle=partial(self._forget, name),
        )
        return batcher

    def _settled(self, items: int) -> None:
        self.under_way -= items

    def _forget(self, name: str) -> None:
        del self._batchers[name]


def _overloaded() -> UnavailableError:
    return UnavailableError("too many requests are waiting; try again", code="overloaded")
