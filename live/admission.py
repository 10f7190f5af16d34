"""Who may come in, and how much one address may say, pure (``now`` is in seconds of one monotonic clock)."""

from collections import OrderedDict

from live.handshake import network_of
from live.limits import ADDRESS_BURST_S, ADDRESSES_MOST, JOINS_BURST_S, RETRY_AFTER_MAX_S, RETRY_AFTER_MIN_S
from live.token_bucket import TokenBucket


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
        self._address_per_s = address_messages_per_s
        self._addresses: OrderedDict[str, TokenBucket] = OrderedDict()

    def turned_away(self, connections: int, now: float, random01: float) -> int | None:
        """Decide about one more viewer beside ``connections``, itself among them.

        Returns:
            None to let it in, else after how many seconds to come back: spread, so that a crowd does not come at once.
        """
        if connections <= self._connections_most and self._joins.allows(now):
            return None
        return RETRY_AFTER_MIN_S + int(random01 * (RETRY_AFTER_MAX_S - RETRY_AFTER_MIN_S + 1))

    def rate_of(self, address: str, now: float) -> TokenBucket:
        """Return the bucket that all viewers of one address share; the one unused for longest makes way for a new one.

        A bucket that made way fills up again: an address gains nothing by it while it keeps a connection.
        """
        network = network_of(address)
        bucket = self._addresses.get(network)
        if bucket is None:
            bucket = TokenBucket(self._address_per_s, self._address_per_s * ADDRESS_BURST_S, now)
            self._addresses[network] = bucket
            if len(self._addresses) > ADDRESSES_MOST:
                self._addresses.popitem(last=False)
        self._addresses.move_to_end(network)
        return bucket
