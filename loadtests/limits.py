"""The sizes of the load tests, and what they need."""

from typing import Final

TIERS: Final[dict[str, tuple[int, int]]] = {"S": (300, 20), "M": (1_500, 100), "L": (10_000, 500)}
"""Viewers and units by tier: a boutique, a strong brand, a record show."""

OTHER_FILES: Final = 500
"""Open files of a process besides its viewers' sockets."""

PRODUCTS: Final = 20
"""Products of the generated catalogue."""

READY_TIMEOUT_S: Final = 60.0
"""From the start of the server until both ports say that they are ready; the first start makes a database."""

STOP_TIMEOUT_S: Final = 20.0
"""For the server to end by itself; then it is killed."""

HTTP_TIMEOUT_S: Final = 10.0
"""For one call."""

REHEARSAL_TIMEOUT_S: Final = 300.0
"""For a whole rehearsal; its own limits add up to less."""
