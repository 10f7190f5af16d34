"""The stage that tells the hold book how holds ended, after Postgres decided."""

import time
from collections.abc import Sequence
from typing import Protocol

import msgspec

from checkout.limits import RESOLVE_LEASE_MS, RESOLVE_MAX_ORDERS
from checkout.order import HoldOutcome
from inventory.holds import OrderEnd
from kit.errors import UnavailableError
from kit.log import logger
from kit.traces import NO_TRACES, Traces

_log = logger("checkout")


class Resolution(msgspec.Struct, frozen=True, kw_only=True):
    """One hold's end that the book has to be told, under the lease of ``resolve_at_ms``."""

    order_id: str
    pool_id: str
    hold_id: str
    buyer_id: str
    quantity: int
    outcome: HoldOutcome
    resolve_at_ms: int


class Resolutions(Protocol):
    """Where the ends are kept until the book knows them."""

    async def take(self, limit: int, *, lease_ms: int) -> list[Resolution]:
        """Take ends that the book has not been told."""
        ...

    async def mark(self, told: Sequence[Resolution]) -> None:
        """Note that the book was told."""
        ...


class HoldEnds(Protocol):
    """The part of ``inventory.holds.Holds`` that this stage needs."""

    async def resolve(self, pool_id: str, ends: Sequence[OrderEnd]) -> None:
        """End holds as their orders ended."""
        ...


class Resolver:
    """Tells the hold book, one call per pool and batch. Telling it twice changes nothing.

    Args:
        traces: told of every hold that ended.
    """

    def __init__(self, resolutions: Resolutions, holds: HoldEnds, *, traces: Traces = NO_TRACES) -> None:
        self._traces = traces
        self._resolutions = resolutions
        self._holds = holds
        self._handed: list[Resolution] = []

    def hand(self, ends: Sequence[Resolution]) -> None:
        """Take ends that are leased already; should they not be told, their lease brings them back."""
        self._handed += ends

    async def round(self) -> int:
        """Tell one batch and return how many ends it had."""
        due, self._handed = self._handed[:RESOLVE_MAX_ORDERS], self._handed[RESOLVE_MAX_ORDERS:]
        if not due:
            due = await self._resolutions.take(RESOLVE_MAX_ORDERS, lease_ms=RESOLVE_LEASE_MS)
        by_pool: dict[str, list[Resolution]] = {}
        for one in due:
            by_pool.setdefault(one.pool_id, []).append(one)
        told: list[Resolution] = []
        began_ns = time.time_ns()
        for pool_id, ends in by_pool.items():
            try:
                await self._holds.resolve(pool_id, [_end(one) for one in ends])
            except UnavailableError as error:
                # Another pool's node may be well; these come round again.
                _log.warning("hold_book_waits", offer_id=pool_id, error=error.message)
            else:
                told.extend(ends)
        if told:
            await self._resolutions.mark(told)
        if self._traces.on:
            for one in told:
                ids = {"order_id": one.order_id, "offer_id": one.pool_id, "outcome": one.outcome}
                self._traces.span("resolve", one.hold_id, began_ns, **ids)
        return len(told)


def _end(one: Resolution) -> OrderEnd:
    return OrderEnd(hold_id=one.hold_id, buyer_id=one.buyer_id, quantity=one.quantity, outcome=one.outcome)
