"""How long things took, counted by millisecond; pure, and of several processes it can be added up."""

from collections.abc import Iterable
from typing import Final

import msgspec

MOST_MS: Final = 60_000
"""Longer times count as this."""


class Waits(msgspec.Struct, kw_only=True):
    """Times of one kind.

    Attributes:
        counts: by whole milliseconds, how many took so long and less than one more.
    """

    counts: dict[int, int] = {}

    def add(self, ms: float) -> None:
        """Count one; what is negative, because clocks differ, counts as 0."""
        bucket = min(max(int(ms), 0), MOST_MS)
        self.counts[bucket] = self.counts.get(bucket, 0) + 1

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    def share_ms(self, share: float) -> int:
        """Return the milliseconds that ``share`` (0 to 1) of them took at most; 0 without any."""
        wanted = share * self.count
        reached = 0
        for bucket in sorted(self.counts):
            reached += self.counts[bucket]
            if reached >= wanted:
                return bucket + 1
        return 0


def added(several: Iterable[Waits]) -> Waits:
    """Return the times of all of them together."""
    counts: dict[int, int] = {}
    for one in several:
        for bucket, count in one.counts.items():
            counts[bucket] = counts.get(bucket, 0) + count
    return Waits(counts=counts)
