"""Who may come in, how much one address may say, and how fast one buyer may claim, pure.

``now`` is in seconds of one monotonic clock.
"""

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
from live.rates import Rates
from live.token_bucket import TokenBucket


class Admission:
    """One gateway process's entrance.

    Args:
        connections_most: viewers at once.
        joins_per_s: new viewers a second, for long; ``JOINS_BURST_S`` as many at once.
        address_messages_per_s: messages a second from one address, for long; ``ADDRESS_BURST_S`` as many at once.
        address_viewers_most: viewers of one address at once; 0 for as many as come.

    Attributes:
        message_rates: of the messages of all viewers of an address, by what ``entered`` names it.
        claim_rates: of a buyer's claims over all of their connections, by the buyer's id.
    """

    def __init__(
        self,
        *,
        connections_most: int,
        joins_per_s: float,
        address_messages_per_s: float,
        now: float,
        address_viewers_most: int = 0,
    ) -> None:
        self._connections_most = connections_most
        self._address_viewers_most = address_viewers_most
        self._viewers: dict[str, int] = {}  # by network; who has none here is not in it
        self._joins = TokenBucket(joins_per_s, max(1, joins_per_s * JOINS_BURST_S), now)
        self.message_rates = Rates(
            per_s=address_messages_per_s, burst=address_messages_per_s * ADDRESS_BURST_S, most=ADDRESSES_MOST
        )
        self.claim_rates = Rates(per_s=BUYER_CLAIMS_PER_S, burst=BUYER_CLAIMS_BURST, most=BUYERS_MOST)

    def turned_away(self, address: str, connections: int, now: float, random01: float) -> int | None:
        """Decide about one more viewer of an address beside ``connections``, itself among them.

        Returns:
            None to let it in, else after how many seconds to come back: spread, so that a crowd does not come at once.
        """
        # In this order: who is not let in anyway takes no token from who comes next.
        if connections <= self._connections_most and self._has_room(address) and self._joins.allows(now):
            return None
        return RETRY_AFTER_MIN_S + int(random01 * (RETRY_AFTER_MAX_S - RETRY_AFTER_MIN_S + 1))

    def entered(self, address: str) -> str:
        """Count a viewer of an address; return what it is counted under, for ``left`` and the rates."""
        network = network_of(address)
        self._viewers[network] = self._viewers.get(network, 0) + 1
        return network

    def left(self, network: str) -> None:
        """Count a viewer no more that ``entered`` counted."""
        others = self._viewers[network] - 1
        if others:
            self._viewers[network] = others
        else:
            del self._viewers[network]

    def _has_room(self, address: str) -> bool:
        most = self._address_viewers_most
        return not most or self._viewers.get(network_of(address), 0) < most
