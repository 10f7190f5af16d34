"""Who may come in, how much one address may say, and how fast one buyer may claim, pure.

``now`` is in seconds of one monotonic clock.
"""

from collections import OrderedDict

from live.handshake import network_of
from live.limits import (
    ADDRESS_BURST_S,
    ADDRESSES_MOST,
    BUYER_CLAIMS_BURST,
    BUYER_CLAIMS_PER_S,
    BUYERS_MOST,
    JOINS_BURST_S,
    RETRY_AFTER_MAX_S,
    RETRY_AFTER_MIN_S,
)
from live.token_bucket import TokenBucket


class _Rates:
    """One bucket for each who shares it; the one unused for longest makes way for a new one.

    A bucket that made way fills up again: nobody gains by it while they keep a connection, which keeps its bucket.
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


class Admission:
    """One gateway process's entrance.

    Args:
        connections_most: viewers at once.
        joins_per_s: new viewers a second, for long; ``JOINS_BURST_S`` as many at once.
        address_messages_per_s: messages a second from one address, for long; ``ADDRESS_BURST_S`` as many at once.
    """

    def __init__(self, *, connections_most: int, joins_per_s: float, address_messages_per_s: float, now: float) -> None:
        self._connections_most = connections_most
        self._joins = TokenBucket(joins_per_s, max(1, joins_per_s * JOINS_BURST_S), now)
        self._addresses = _Rates(
            per_s=address_messages_per_s, burst=address_messages_per_s * ADDRESS_BURST_S, most=ADDRESSES_MOST
        )
        self._buyers = _Rates(per_s=BUYER_CLAIMS_PER_S, burst=BUYER_CLAIMS_BURST, most=BUYERS_MOST)

    def turned_away(self, connections: int, now: float, random01: float) -> int | None:
        """Decide about one more viewer beside ``connections``, itself among them.

        Returns:
            None to let it in, else after how many seconds to come back: spread, so that a crowd does not come at once.
        """
        if connections <= self._connections_most and self._joins.allows(now):
            return None
        return RETRY_AFTER_MIN_S + int(random01 * (RETRY_AFTER_MAX_S - RETRY_AFTER_MIN_S + 1))

    def rate_of(self, address: str, now: float) -> TokenBucket:
        """Return the bucket that the messages of all viewers of one address are counted with."""
        return self._addresses.of(network_of(address), now)

    def claim_rate_of(self, buyer_id: str, now: float) -> TokenBucket:
        """Return the bucket that the claims of all connections of one buyer are counted with."""
        return self._buyers.of(buyer_id, now)
