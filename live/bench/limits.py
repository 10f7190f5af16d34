"""The sizes of the benchmarks."""

from typing import Final

CLAIMS: Final = 20_000
"""Claims per round: half a second or more even at the highest rate seen."""

CLAIMS_ALONE: Final = 5_000
"""Claims per round of the floor, which is several times slower."""

CLAIMS_AT_ONCE: Final = 16
"""Calls under way at a time in the floor: as many as there are connections, its best case."""

ORDERS: Final = 5_000
"""Orders per round of settling in batches."""

ORDERS_ALONE: Final = 500
"""Orders per round of the floor."""

ROUNDS: Final = 3
"""The best round counts: what disturbs a machine only ever makes it slower."""
