"""Who has to act when; pure. One process has one of these for all its viewers."""

import heapq
from collections.abc import Iterator
from typing import Final

NEVER: Final = float("inf")


class Alarms:
    """The next moment of each of many; only the earliest one that was noted counts.

    Args:
        count: they are numbered from 0; ``more`` adds some.
    """

    def __init__(self, count: int = 0) -> None:
        self._noted = [NEVER] * count
        self._heap: list[tuple[float, int]] = []

    def more(self) -> int:
        """Add one; return its number."""
        self._noted.append(NEVER)
        return len(self._noted) - 1

    @property
    def next_ms(self) -> float:
        """When the next one is due."""
        return self._heap[0][0] if self._heap else NEVER

    def note(self, number: int, due_ms: float) -> None:
        """Let somebody be due then, unless they are sooner."""
        if due_ms < self._noted[number]:
            self._noted[number] = due_ms
            heapq.heappush(self._heap, (due_ms, number))

    def due(self, now_ms: float) -> Iterator[int]:
        """Yield who is due, the longest overdue first; each has to be noted anew."""
        while self._heap and self._heap[0][0] <= now_ms:
            due_ms, number = heapq.heappop(self._heap)
            if due_ms == self._noted[number]:  # else something more urgent was noted later, and is done
                self._noted[number] = NEVER
                yield number
