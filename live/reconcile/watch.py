"""The watch: one worker compares all the time, and shows what lastingly differs. It repairs nothing."""

import asyncio
import time
from typing import Final

from prometheus_client import CollectorRegistry

from kit.leader_pg import Leadership
from live.reconcile.book_turns import BookTurns
from live.reconcile.drift_gauges import DriftGauges
from live.reconcile.facts import Facts
from live.reconcile.findings import drift_keys
from live.reconcile.limits import (
    IN_FLIGHT_S,
    WATCH_EVERY_S,
    WATCH_HOLDS_MOST,
    WATCH_LOOK_EVERY_S,
    WATCH_PAUSE_MOST_S,
    WATCH_SHARE_MOST,
    WATCH_STANDBY_S,
)
from live.reconcile.looks import look, settled
from live.roles.stores import Stores

WATCH_LOCK: Final = 0x5245434F4E43494C
"""Advisory lock ("RECONCIL") of the one process that compares."""


def pause_s(looked_s: float, *, every_s: float = WATCH_EVERY_S) -> float:
    """Return the seconds until the next comparison, after one that spent ``looked_s`` on looking."""
    return min(max(every_s, looked_s / WATCH_SHARE_MOST), WATCH_PAUSE_MOST_S)


class ReconcileWatch:
    """Give ``run`` to ``Tasks.forever``. While it leads, it keeps one connection to Postgres, and uses another.

    Args:
        stores: of the role.
        registry: of the role; gets the gauges of ``DriftGauges``.
        every_s: least pause between two comparisons.
        in_flight_s: what is on its way gets this long to arrive.
        look_every_s: pause between two looks of one comparison.
        holds_most: that one comparison reads; see ``BookTurns``.
    """

    def __init__(
        self,
        stores: Stores,
        registry: CollectorRegistry,
        *,
        every_s: float = WATCH_EVERY_S,
        in_flight_s: float = IN_FLIGHT_S,
        look_every_s: float = WATCH_LOOK_EVERY_S,
        holds_most: int = WATCH_HOLDS_MOST,
    ) -> None:
        self._stores = stores
        self._leadership = Leadership(stores.postgres, WATCH_LOCK)
        self._gauges = DriftGauges(registry)
        self._every_s = every_s
        self._in_flight_s = in_flight_s
        self._look_every_s = look_every_s
        self._turns = BookTurns(holds_most)
        self._looked_s = 0.0

    async def run(self) -> None:
        """Lead until cancelled or until the connection that holds the lead is lost; return after a while as standby.

        Raises:
            UnavailableError: Postgres or Redis does not answer. The gauges keep what was known.
        """
        async with self._leadership.lead() as lead:
            if lead is None:
                self._gauges.forget()
                await asyncio.sleep(WATCH_STANDBY_S)
                return
            while True:
                await self.compare()
                await asyncio.sleep(pause_s(self._looked_s, every_s=self._every_s))
                await lead.check()

    async def compare(self) -> None:
        """Compare once, and show the result.

        Raises:
            UnavailableError: Postgres or Redis does not answer.
        """
        self._looked_s = 0.0
        findings = await settled(self._look, in_flight_s=self._in_flight_s, look_every_s=self._look_every_s)
        self._turns.end(is_well=not drift_keys(findings))
        self._gauges.show(findings, looked_s=self._looked_s)

    async def _look(self) -> Facts:
        began = time.monotonic()
        try:
            return await look(self._stores, turns=self._turns)
        finally:
            self._looked_s += time.monotonic() - began
