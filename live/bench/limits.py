"""The sizes of the benchmarks."""

from typing import Final

CLAIMS: Final = 100_000
"""Claims per round: half a second or more even at the highest rate seen."""

CLAIMS_ALONE: Final = 5_000
"""Claims per round of the floor, which is several times slower."""

CLAIMS_IN_FLIGHT: Final = 256
"""Claims under way at a time."""

CLAIMS_PER_CALL: Final = 128
"""Claims of one call: while one call is decided, Python makes the other ready."""
assert CLAIMS_IN_FLIGHT % CLAIMS_PER_CALL == 0

CONNECTIONS: Final = 16
"""Connections to Redis: as many as a gateway has."""

LEAST_TIMES_ALONE: Final = 6.0
"""How many times as fast as one call per claim the book has to be."""

LEAST_TIMES_SCRIPT: Final = 0.7
"""Which share of the script's own rate has to be left when Python calls it."""

HOLD_MOST_BYTES: Final = 300
"""Of Redis, for each live hold."""

SCRIPT_CLIENTS: Final = 2
SCRIPT_PIPELINE: Final = 16
"""Connections of ``redis-benchmark``, and calls under way on each."""

SCRIPT_SECONDS_MOST: Final = 60.0
"""That it may take: the claims of a round take a second or two."""

LEAST_TIMES_ALONE_SETTLED: Final = 5.0
"""How many times as fast as one order per transaction settling has to be."""

SETTLED_LEAST_PER_S: Final = 10_000
"""Orders of one pool, each commit on disk."""

ORDERS: Final = 20_000
"""Orders per round of settling in batches: a second or more."""

ORDERS_ALONE: Final = 500
"""Orders per round of the floor."""

ROUNDS: Final = 3
"""The best round counts: what disturbs a machine only ever makes it slower."""
