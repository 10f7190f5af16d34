"""The sizes and times of the peers."""

from typing import Final

import msgspec

READY_TIMEOUT_S: Final = 20.0
"""From a peer's start until it accepts connections; the slowest here, a Python server, takes about one second."""

READY_POLL_S: Final = 0.05
"""Between two tries to connect to a peer that starts."""

STOP_TIMEOUT_S: Final = 5.0
"""For a peer to end by itself; then it is killed."""

PUBLISH_TIMEOUT_S: Final = 30.0
"""For a peer to take one batch of events; a loop over 10,000 viewers takes well under one second."""

BACKLOG: Final = 4096
"""Viewers who wait to be accepted: Linux allows no more by default."""

NGINX_CONNECTIONS: Final = 20_000
"""Connections of the nginx worker; it sets memory aside for all of them at its start."""

NCHAN_BUFFER_EVENTS: Final = 16
"""Events that nchan keeps for late comers: twice a batch of the benchmark, so none is dropped before it is sent."""

NATS_PAYLOAD_BYTES: Final = 65_536
"""The largest event that NATS takes."""

HEADER_BYTES: Final = 4
"""Of a number on the control port: unsigned, big-endian."""

EVENT_BYTES: Final = 65_536
"""The largest event on the control port."""

BATCH_EVENTS: Final = 1_024
"""The most events in one batch on the control port."""


class Sizes(msgspec.Struct, frozen=True, kw_only=True):
    """How big a run is.

    Attributes:
        viewers: of each server, and of the floor beside it.
        rounds: how often a server and the floor take turns; medians are reported.
        events: published one at a time in each round.
        batches: of events that arrive together, in each round.
        paced_s: seconds of evenly spaced events in each round.
    """

    viewers: int = 4_000
    rounds: int = 3
    events: int = 50
    batches: int = 15
    paced_s: float = 6.0
