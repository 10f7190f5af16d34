"""How many requests one address and one bearer may make, pure. ``now`` is in seconds of one monotonic clock."""

import math
from typing import Final, Literal

from kit.errors import RateLimitedError
from live.api.limits import REQUEST_ADDRESSES_MOST, REQUEST_BEARERS_MOST, REQUESTS_BURST_S
from live.rates import Rates

UNLIMITED: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""Paths that are always answered: a probe that hears 429 would have a busy process killed."""

Who = Literal["address", "token"]

_SAID: Final[dict[Who, str]] = {
    "address": "too many requests from this address; wait as Retry-After says",
    "token": "too many requests with the tokens of this subject; wait as Retry-After says",
}


class RequestRates:
    """One API process's counts.

    Args:
        address_per_s: requests a second from one address, for long; ``REQUESTS_BURST_S`` as many at once. 0: no limit.
        token_per_s: the same of one bearer, over all of their tokens. 0: no limit.
    """

    def __init__(self, *, address_per_s: int, token_per_s: int) -> None:
        self._addresses = _rates(address_per_s, REQUEST_ADDRESSES_MOST)
        self._bearers = _rates(token_per_s, REQUEST_BEARERS_MOST)

    @property
    def counts_addresses(self) -> bool:
        """Whether addresses have a limit at all."""
        return self._addresses is not None

    def take_of_address(self, network: str, now: float) -> None:
        """Count a request from an address, as ``network_of`` names it.

        Raises:
            RateLimitedError: it made too many.
        """
        _take(self._addresses, network, now, "address")

    def take_of_bearer(self, role: str, subject: str, now: float) -> None:
        """Count a request of a bearer whose token holds.

        Raises:
            RateLimitedError: they made too many.
        """
        if self._bearers is not None:
            # A buyer who is called like a member of staff shares nothing with them.
            _take(self._bearers, f"{role}:{subject}", now, "token")


def _rates(per_s: int, most: int) -> Rates | None:
    return Rates(per_s=per_s, burst=max(1, per_s * REQUESTS_BURST_S), most=most) if per_s else None


def _take(rates: Rates | None, name: str, now: float, who: Who) -> None:
    if rates is None:
        return
    if not rates.allows(name, now):
        wait_ms = max(1, math.ceil(rates.wait_s(name, now) * 1000))
        raise RateLimitedError(_SAID[who], details={"limited_by": who, "retry_after_ms": wait_ms})
