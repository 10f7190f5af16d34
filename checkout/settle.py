"""The stage ``authorised → confirmed | unfulfillable``: is there a unit?"""

import time
from collections.abc import Callable, Sequence

from checkout.judge import Judge, first_come, nobody
from checkout.limits import SETTLE_MAX_ORDERS
from checkout.order import log_ids
from checkout.settle_pg import Settled, Settlement, UnitsRefusedError
from kit.log import logger
from kit.traces import NO_TRACES, Traces

_log = logger("checkout")


class Settler:
    """Settles authorised orders in batches.

    Args:
        judge: decides who gets the units; the database's constraints decide again.
        limit: most orders per transaction.
        room: how many confirmed orders the next stages take from here, instead of looking for them.
        on_settled: called after a batch: to hand them on, and to wake the next stages.
        traces: told of every order that was decided.
    """

    def __init__(
        self,
        settlement: Settlement,
        *,
        judge: Judge = first_come,
        limit: int = SETTLE_MAX_ORDERS,
        room: Callable[[], int] = lambda: 0,
        on_settled: Callable[[Settled], None] = lambda _settled: None,
        traces: Traces = NO_TRACES,
    ) -> None:
        self._traces = traces
        self._settlement = settlement
        self._judge = judge
        self._limit = limit
        self._room = room
        self._on_settled = on_settled

    async def round(self) -> int:
        """Settle one batch and return how many orders it had.

        When the database refuses the batch, its orders are settled one by one, and those refused again get their
        money back: one wrong row never blocks the others.
        """
        began_ns = time.time_ns()
        try:
            settled = await self._settlement.settle_due(self._judge, limit=self._limit, hand_on=self._room())
        except UnitsRefusedError as error:
            _log.error("settlement_refused", orders=len(error.order_ids), cause=str(error.__cause__))
            settled = _together([await self._settle_alone(order_id) for order_id in error.order_ids])
        if self._traces.on:
            for order in settled.decided:
                self._traces.span("settle", order.hold_id, began_ns, state=order.state, **log_ids(order))
        if settled.orders:
            self._on_settled(settled)
        return settled.orders

    async def _settle_alone(self, order_id: str) -> Settled:
        try:
            return await self._settlement.settle_one(self._judge, order_id)
        except UnitsRefusedError:
            return await self._settlement.settle_one(nobody, order_id)


def _together(parts: Sequence[Settled]) -> Settled:
    """Return what came of orders that were settled one by one; none of them is handed on."""
    return Settled(
        orders=sum(one.orders for one in parts),
        refused=sum(one.refused for one in parts),
        decided=tuple(order for one in parts for order in one.decided),
    )
