"""A bucket for each of many, pure. ``now`` is in seconds of one monotonic clock."""

from collections import OrderedDict

from live.token_bucket import TokenBucket


class Rates:
    """One bucket for each name; as many as are not full are remembered, for a full one is like a new one.

    When more than ``most`` are not full, the one unused for longest makes way, and is full again.

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

    def __len__(self) -> int:
        return len(self._buckets)

    def allows(self, name: str, now: float) -> bool:
        """Take a token of a name's bucket; False when there is none."""
        bucket = self._buckets.get(name)
        if bucket is None:
            self._make_room(now)
            bucket = self._buckets[name] = TokenBucket(self._per_s, self._burst, now)
        else:
            self._buckets.move_to_end(name)
        return bucket.allows(now)

    def wait_s(self, name: str, now: float) -> float:
        """Return in how many seconds the name has a token again; 0 when it has one."""
        bucket = self._buckets.get(name)
        return 0.0 if bucket is None else bucket.wait_s(now)

    def _make_room(self, now: float) -> None:
        """Forget up to two for the one that comes, so that what a crowd leaves behind goes as the next one comes."""
        for _ in range(2):
            if not self._buckets:
                return
            name, bucket = next(iter(self._buckets.items()))
            if len(self._buckets) < self._most and not bucket.is_full(now):
                return
            del self._buckets[name]
