"""What the sizing table is made from: the files of benchmarks and load tests, as far as they are read. Pure."""

from collections.abc import Mapping
from typing import Final

import msgspec

from loadtests.bench.result import Record
from loadtests.memory import Memory
from loadtests.stored import Growth

BENCH_ROWS: Final = ("one", "many", "memory", "claims-accepted", "claims-refused", "paid", "paid-grown")
"""Rows of ``python -m loadtests.bench`` that the table reads."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured in a second."""

    per_s: float


class RateFile(msgspec.Struct, frozen=True, kw_only=True):
    """``claims.json`` and ``settle.json``, as far as they are read here."""

    at: str
    ours: Rate
    machine: dict[str, str | int]
    versions: dict[str, str]


class SizeFile(msgspec.Struct, frozen=True, kw_only=True):
    """``claims-memory.json``, as far as it is read here."""

    bytes_each: float


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """``verdict.json``, as far as it is read here.

    Attributes:
        shape: of what was played; only a whole show counts.
        cpu: by role, the cores that it used on average.
    """

    tool: str
    tier: str
    shape: str
    verdict: str
    held: bool
    cpu: dict[str, float]


class Soaked(msgspec.Struct, frozen=True, kw_only=True):
    """``soak.json``, as far as it is read here.

    Attributes:
        took_s: seconds.
        shows: played one after another.
        broken: what was not as it should be.
        orders: confirmed in all shows.
        memory: of each role; empty when the soak was too short.
        stored: what became of each kind in Redis and Postgres between the warm-up and the end.
    """

    took_s: float
    shows: int
    broken: list[str]
    orders: int
    memory: list[Memory]
    stored: list[Growth]


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the table of rates is made from.

    Attributes:
        bench: by row of the fan-out benchmarks.
        claims: the hold book alone.
        holds: Redis's memory per hold.
        settle: the settle transaction alone.
        tiers: by tier, the newest load test.
    """

    bench: Mapping[str, Record]
    claims: RateFile
    holds: SizeFile
    settle: RateFile
    tiers: Mapping[str, Played]
