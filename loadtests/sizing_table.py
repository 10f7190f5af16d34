"""The sizing tables of ``docs/operations.md``: what was measured, and what to plan with. Pure."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from loadtests.bench.docs_table import markdown, where
from loadtests.bench.limits import FULL, PROCESSES_MANY
from loadtests.bench.result import OURS, Record
from loadtests.errors import LoadError
from loadtests.names import API, GATEWAY, POSTGRES, REDIS, STORES, WORKER
from loadtests.sizing_input import Measured, RateFile, Soaked
from loadtests.tiers import TIERS

FRAMES_PER_S: Final = 10
"""State frames a second to each viewer while the stock changes."""

STEADY_SHARE: Final = 0.3
"""Of a gateway's core that state frames may take: events, claims and everyone coming back are on top, and at once."""

PROCESS_SHARE: Final = 0.6
"""Of the viewers that one process was seen to hold: viewers spread unevenly, and those of a process that ends come to
the others."""

RATE_SHARE: Final = 0.5
"""Of a rate that was measured with nothing else to do."""

AVERAGE_FACTOR: Final = 4.0
"""On the cores of a whole show: the seconds of a drop take several times the average."""

MEMORY_FACTOR: Final = 1.5
"""On memory: fragments, and the longest day rather than the day of the measurement."""

STORE_FACTOR: Final = 2.0
"""On what a store keeps: rewriting an append-only file and vacuuming need room beside it."""

CONNECTIONS: Final[Mapping[str, int]] = {API: 12, GATEWAY: 8, WORKER: 19}
"""Most connections of one process to Postgres, with the one on which a worker hears of new orders; a test compares them
with the program."""

CORES_ROLES: Final = (API, WORKER, GATEWAY, *sorted(STORES))


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure.

    Attributes:
        value: as measured.
        source: file and row.
        factor: the head room; 1 for a limit of the program, which needs none.
    """

    what: str
    value: float
    unit: str
    source: str
    factor: float

    @property
    def plan(self) -> float:
        """What to plan with, in two digits: a share is rounded down, a need up."""
        wanted = self.value * self.factor
        if self.factor == 1 or not wanted:
            return wanted
        step = 10.0 ** (math.floor(math.log10(abs(wanted))) - 1)
        steps = round(wanted / step, 9)
        return (math.floor(steps) if self.factor < 1 else math.ceil(steps)) * step


def sizing(measured: Measured) -> str:
    """Return the table in Markdown, and below it when and where its benchmarks were made.

    Raises:
        LoadError: a detail that is needed was not measured.
    """
    made = _table(rows_of(measured))
    files: Iterable[Record | RateFile] = (measured.claims, measured.settle, *measured.bench.values())
    places = dict.fromkeys(where(one.at, one.machine, one.versions) for one in files)
    played = "; ".join(f"{name} by {one.tool}: {one.verdict}" for name, one in measured.tiers.items())
    return f"{made}\n" + "\n".join(places) + f"\nLoad tests: {played}.\n"


def soak_sizing(soak: Soaked, file: str) -> str:
    """Return the table of what only a soak shows, in Markdown, and below it how long that was and what was wrong.

    Args:
        soak: what it found.
        file: where that was written, in ``load-results``.

    Raises:
        LoadError: a detail that is needed was not measured.
    """
    made = _table(soak_rows_of(soak, file))
    held = "all held" if not soak.broken else "not as it should be: " + "; ".join(soak.broken)
    return f"{made}\n{soak.took_s / 3600:.1f} hours, {soak.shows:,} shows, {soak.orders:,} orders; {held}.\n"


def rows_of(measured: Measured) -> list[Row]:
    """Return every rate.

    Raises:
        LoadError: a detail that is needed was not measured.
    """
    rows = [*_viewers(measured), *_claims(measured), *_orders(measured), *_memory(measured)]
    rows += [
        Row(
            what=f"connections to Postgres of one {role} process, at most",
            value=count,
            unit="connections",
            source="limit of the program",
            factor=1,
        )
        for role, count in CONNECTIONS.items()
    ]
    return rows


def _viewers(measured: Measured) -> Iterator[Row]:
    per_delivery_us = measured.bench["one"].result.columns[OURS]
    yield Row(
        what=f"viewers of one gateway core, by the CPU time of {FRAMES_PER_S} state frames a second",
        value=1e6 / (per_delivery_us * FRAMES_PER_S),
        unit="viewers",
        source=f"{_file('one')}, ours ({per_delivery_us:.2f} µs per delivery)",
        factor=STEADY_SHARE,
    )
    large = measured.tiers["L"]
    tier = TIERS["L"]
    yield Row(
        what="viewers of one gateway core, by the average over the whole show of tier L",
        value=tier.viewers / _detail(large.cpu, GATEWAY, _verdict("L")),
        unit="viewers",
        source=f"{_verdict('L')}, cpu ({large.cpu[GATEWAY]:.2f} cores)",
        factor=STEADY_SHARE,
    )
    yield Row(
        what="viewers of one gateway process, tier L",
        value=tier.viewers,
        unit="viewers",
        source=f"{_verdict('L')}, verdict ({large.verdict})",
        factor=PROCESS_SHARE,
    )
    for name, played in measured.tiers.items():
        yield Row(
            what=f"all roles, Redis and Postgres together, {TIERS[name].viewers:,} viewers, average of a show",
            value=sum(_detail(played.cpu, role, _verdict(name)) for role in CORES_ROLES),
            unit="cores",
            source=f"{_verdict(name)}, cpu",
            factor=AVERAGE_FACTOR,
        )


def _claims(measured: Measured) -> Iterator[Row]:
    for row, what in (("claims-accepted", "accepted"), ("claims-refused", "refused (sold out)")):
        yield Row(
            what=f"claims of one gateway core, {what}",
            value=measured.bench[row].result.columns[OURS],
            unit="/s",
            source=f"{_file(row)}, ours",
            factor=RATE_SHARE,
        )
    yield Row(
        what="claims of one Redis master, nothing but claims",
        value=measured.claims.ours.per_s,
        unit="/s",
        source="`bench-results/claims.json`, ours",
        factor=RATE_SHARE,
    )
    accepted = measured.bench["claims-accepted"].result
    yield Row(
        what="claims of one Redis master, with their news to buyers and viewers",
        value=1e6 / _detail(accepted.details, "Redis: µs per claim", "fan-out-claims-accepted.json"),
        unit="/s",
        source=f"{_file('claims-accepted')}, Redis: µs per claim",
        factor=RATE_SHARE,
    )


def _orders(measured: Measured) -> Iterator[Row]:
    yield Row(
        what="orders that one worker settles, nothing else",
        value=measured.settle.ours.per_s,
        unit="/s",
        source="`bench-results/settle.json`, ours",
        factor=RATE_SHARE,
    )
    for row, what in (("paid", "all on two cores"), ("paid-grown", "the same with ten million orders in the table")):
        yield Row(
            what=f"paid orders of one worker, from the claim to the confirmation, {what}",
            value=measured.bench[row].result.columns[OURS],
            unit="/s",
            source=f"{_file(row)}, ours",
            factor=RATE_SHARE,
        )
    details = measured.bench["paid"].result.details
    for role in ("gateway", "API and worker", "Redis", "Postgres"):
        yield Row(
            what=f"{role}, for 1,000 paid orders a second",
            value=_detail(details, f"{role}: µs per order", "fan-out-paid.json") / 1_000,
            unit="cores",
            source=f"{_file('paid')}, {role}: µs per order",
            factor=1 / RATE_SHARE,
        )


def _memory(measured: Measured) -> Iterator[Row]:
    memory, many = measured.bench["memory"].result, measured.bench["many"].result
    base_mib = _detail(memory.details, "before, MiB", "fan-out-memory.json")
    yield Row(
        what="a gateway process before its viewers",
        value=base_mib,
        unit="MiB",
        source=f"{_file('memory')}, before",
        factor=MEMORY_FACTOR,
    )
    yield Row(
        what="a viewer who only watches",
        value=memory.columns[OURS] / 1024,
        unit="KiB",
        source=f"{_file('memory')}, ours",
        factor=MEMORY_FACTOR,
    )
    busy_mib = _detail(many.details, "gateways' memory, MiB", "fan-out-many.json") - PROCESSES_MANY * base_mib
    yield Row(
        what="a viewer who is sent ten events a second",
        value=busy_mib * 1024 / FULL.many_viewers,
        unit="KiB",
        source=f"{_file('many')}, gateways' memory less their base",
        factor=MEMORY_FACTOR,
    )
    yield Row(
        what="Redis, of a live hold",
        value=measured.holds.bytes_each,
        unit="bytes",
        source="`bench-results/claims-memory.json`",
        factor=STORE_FACTOR,
    )


def soak_rows_of(soak: Soaked, file: str) -> list[Row]:
    """Return what only a soak shows.

    Raises:
        LoadError: a detail that is needed was not measured.
    """
    source = f"`load-results/{file}`"
    roles = {one.role: one.most_mib for one in soak.memory}
    rows = [
        Row(
            what=f"memory of the {role}, the most of a soak",
            value=_detail(roles, role, source),
            unit="MiB",
            source=f"{source}, memory",
            factor=MEMORY_FACTOR,
        )
        for role in (API, WORKER, GATEWAY)
    ]
    orders, _ = _grown(soak, POSTGRES, "orders", source)
    if orders <= 0:
        raise LoadError(f"{source.strip('`')} has no new orders between its warm-up and its end: a longer soak has")
    rows += [
        Row(
            what=f"{store}, kept per order of a soak, with its show's events, claims and movements",
            value=_grown(soak, store, kind, source)[1] / orders / 1024,
            unit="KiB",
            source=f"{source}, stored: {kind}",
            factor=STORE_FACTOR,
        )
        for store, kind in ((REDIS, "used_memory"), (POSTGRES, "database"))
    ]
    return rows


def _grown(soak: Soaked, store: str, kind: str, source: str) -> tuple[int, int]:
    """Return by how many things and bytes a kind grew."""
    for one in soak.stored:
        if (one.store, one.kind) == (store, kind):
            return one.after.count - one.before.count, one.after.size_bytes - one.before.size_bytes
    raise LoadError(f"{source.strip('`')} does not say what became of {kind} in {store}: a longer soak does")


def _detail(details: Mapping[str, float | str] | Mapping[str, float], name: str, source: str) -> float:
    value = details.get(name)
    if not isinstance(value, int | float) or value <= 0:
        raise LoadError(f"{source.strip('`')} has no figure for {name!r}: measure it again")
    return float(value)


def _file(row: str) -> str:
    return f"`bench-results/fan-out-{row}.json`"


def _verdict(tier: str) -> str:
    return f"`load-results/{tier}/verdict.json`"


def _table(rows: Iterable[Row]) -> str:
    return markdown(("what", "measured", "unit", "where", "plan with"), [_cells(row) for row in rows])


def _cells(row: Row) -> tuple[str, ...]:
    plan = _number(row.plan) if row.factor == 1 else f"{_number(row.plan)} (x {row.factor:g})"
    return row.what, _number(row.value), row.unit, row.source, plan


def _number(value: float) -> str:
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2
    return f"{value:,.{digits}f}"
