"""A bucket for each of many, as many as are remembered, pure. ``now`` is in seconds of one monotonic clock."""

from collections import OrderedDict

from live.token_bucket import TokenBucket


class Rates:
    """One bucket for each who shares it; the one unused for longest makes way for a new one.

    A bucket that made way fills up again: nobody gains by it while they keep a connection, which keeps its bucket.

    Args:
        per_s: tokens that flow into each bucket in a second.
        burst: tokens that a bucket holds; it begins full.
        most: buckets that are remembered.
    """

    def __init__(self, *, per_s: float, burst: float, most: int) -> None:
        self._per_s = per_s
        self._burst = burst
        self._most = most
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def of(self, name: str, now: float) -> TokenBucket:
        """Return the bucket of a name."""
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = TokenBucket(self._per_s, self._burst, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        return bucket
