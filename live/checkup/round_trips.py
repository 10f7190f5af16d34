"""What several round trips to a server say: how long one takes, and how far its clock is from ours. Pure."""

from collections.abc import Sequence
from statistics import median

import msgspec


class RoundTrip(msgspec.Struct, frozen=True):
    """One question for the time, in milliseconds: by our clock when it was asked, by theirs, how long it took."""

    asked_at_ms: float
    their_ms: float
    took_ms: float


def latency_ms(trips: Sequence[RoundTrip]) -> float:
    """Return how long a round trip takes, as a rule."""
    return median(one.took_ms for one in trips)


def ahead_ms(trips: Sequence[RoundTrip]) -> float:
    """Return how far the server's clock is before ours; wrong by at most half of the shortest round trip."""
    best = min(trips, key=lambda one: one.took_ms)
    return best.their_ms - (best.asked_at_ms + best.took_ms / 2)
