"""Which hold books a comparison reads whole, pure: a bounded number of holds at a time, and each book in its turn."""

from bisect import bisect_right
from collections.abc import Mapping


class BookTurns:
    """Remembers whose turn it is. All looks of one comparison read the same books whole, so that they can be compared.

    Args:
        holds_most: of all books that are read whole at a time. A book with more is always only counted.
    """

    def __init__(self, holds_most: int) -> None:
        self._holds_most = holds_most
        self._last = ""
        self._whole: frozenset[str] | None = None

    def end(self, *, is_well: bool) -> None:
        """End a comparison. It is the next books' turn, unless something is off, which has to stay in sight."""
        if is_well:
            self._whole = None

    def counted(self, holds: Mapping[str, int]) -> frozenset[str]:
        """Return the pools whose books are only counted.

        Args:
            holds: how many each book has, by pool id.
        """
        if self._whole is None:
            self._whole = self._next(holds)
        return frozenset(holds) - self._whole

    def _next(self, holds: Mapping[str, int]) -> frozenset[str]:
        queue = sorted(pool_id for pool_id, count in holds.items() if count <= self._holds_most)
        at = bisect_right(queue, self._last)
        chosen, left = [], self._holds_most
        for pool_id in queue[at:] + queue[:at]:
            left -= holds[pool_id]
            if left < 0:
                break
            chosen.append(pool_id)
        if chosen:
            self._last = chosen[-1]
        return frozenset(chosen)
