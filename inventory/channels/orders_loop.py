"""The orders of one channel: look for those that changed, read them, take their units, cancel what has to be."""

import asyncio
from collections import deque
from collections.abc import Sequence

import msgspec

from inventory.channels.backoff import backoff_ms
from inventory.channels.call_pace import CallPace
from inventory.channels.channel import ChannelDownError, Refused
from inventory.channels.figures import ChannelFigures
from inventory.channels.limits import (
    LOOK_TRIES,
    MISSING_BATCH,
    MISSING_EVERY_S,
    ORDER_RETRY_MS,
    ORDERS_OVERLAP_MS,
    ORDERS_POLL_S,
    UNKNOWN_ORDER_TRIES,
    UNREAD_IN_A_ROW,
)
from inventory.channels.orders_pg import ChannelOrders, DueOrder
from inventory.channels.selling import Cancels, ChannelOrder, Sells
from kit.errors import InvalidError
from kit.log import logger
from kit.tasks import Wakeup

_log = logger("channels")


class _Look(msgspec.Struct, kw_only=True):
    """A look through the channel's list, page by page.

    Attributes:
        since_ms: orders that changed from then on are looked for.
        began_ms: what changed before is known when the look is over.
        after: the next page.
        failures: tries to read it that failed.
    """

    since_ms: int
    began_ms: int
    after: str | None = None
    failures: int = 0


class OrdersLoop:
    """The work on one channel's orders; one call at a time.

    Args:
        channel: owned by the caller, who closes it.
        wakeup: set when orders may have changed.
    """

    def __init__(
        self,
        channel_id: str,
        channel: Sells,
        *,
        orders: ChannelOrders,
        figures: ChannelFigures,
        wakeup: Wakeup,
    ) -> None:
        self._channel_id = channel_id
        self._channel = channel
        self._orders = orders
        self._figures = figures
        self._wakeup = wakeup
        self._selling = channel.selling
        self._pace = CallPace(self._selling.calls_per_s, at_once=self._selling.calls_at_once)
        self._clock = asyncio.get_running_loop().time
        self._singly: deque[DueOrder] = deque()  # of a call that failed: to be read one by one
        self._unread: set[str] = set()  # orders that could not be read since the last that could
        self._look: _Look | None = None
        self._look_at = self._clock()  # at once: nobody knows what was missed while no worker was there
        self._missing_at = self._clock()

    async def step(self) -> None:
        """One round: one call at most, or a wait.

        Raises:
            ChannelGoneError: do not go on.
        """
        if self._missing_at <= self._clock():
            self._missing_at = self._clock() + MISSING_EVERY_S
            await self._orders.take_missing(self._channel_id, most=MISSING_BATCH)
        wait_s = self._pace.wait_s()
        if wait_s > 0:
            await asyncio.sleep(min(wait_s, ORDERS_POLL_S))
        elif self._singly:
            await self._read([self._singly.popleft()])
        elif due := await self._orders.take_due(self._channel_id, self._selling.batch_size):
            await self._read(due)
        elif (unwanted := await self._orders.take_cancel(self._channel_id)) is not None:
            await self._cancel(unwanted)
        elif self._look_at <= self._clock():
            await self._look_further()
        else:
            await self._wakeup.wait(min(ORDERS_POLL_S, max(0.0, self._look_at - self._clock())))

    async def _read(self, due: Sequence[DueOrder]) -> None:
        self._pace.start()
        try:
            found = await self._channel.orders([one.order_id for one in due])
        except ChannelDownError as error:
            await self._not_read(due, error)
            return
        self._unread.clear()
        self._answered()
        for one, order in zip(due, found, strict=True):
            await self._take(one, order)

    async def _not_read(self, due: Sequence[DueOrder], error: ChannelDownError) -> None:
        """Find out whether it is the channel that fails or one of the orders: read them one by one."""
        self._unread.add(due[0].order_id)
        its_own = error.retry_after_ms is None and len(self._unread) < UNREAD_IN_A_ROW
        if its_own and len(due) > 1:
            self._singly.extend(due)
            return
        delay_ms = backoff_ms(due[0].attempts + 1, 1.0) if its_own else self._down(error)
        if its_own:
            _log.warning("order_not_read", channel_id=self._channel_id, order_id=due[0].order_id, why=error.message)
        else:
            due = [*due, *self._singly]
            self._singly.clear()
        ids = [one.order_id for one in due]
        await self._orders.failed(self._channel_id, ids, error.message, delay_ms=delay_ms)

    async def _take(self, due: DueOrder, order: ChannelOrder | None) -> None:
        if order is None:
            await self._not_found(due)
            return
        try:
            state = await self._orders.apply(self._channel_id, due, order)
        except InvalidError as error:
            # Of this order alone: the others of the call are good.
            _log.warning("order_not_read", channel_id=self._channel_id, order_id=due.order_id, why=error.message)
            await self._orders.failed(self._channel_id, [due.order_id], error.message, delay_ms=ORDER_RETRY_MS)
            return
        self._figures.order_read(self._channel_id, state)
        if state in {"oversold_elsewhere", "unlinked"}:
            _log.warning("order_lacks_units", channel_id=self._channel_id, order_id=due.order_id, state=state)

    async def _not_found(self, due: DueOrder) -> None:
        """Some channels tell of an order before they let it be read."""
        if due.attempts + 1 < UNKNOWN_ORDER_TRIES:
            why = "the channel does not know this order yet"
            delay_ms = backoff_ms(due.attempts + 1, 1.0)
            await self._orders.failed(self._channel_id, [due.order_id], why, delay_ms=delay_ms)
        else:
            await self._orders.not_known(self._channel_id, due)
            self._figures.order_read(self._channel_id, "unknown")

    async def _cancel(self, order: DueOrder) -> None:
        if not isinstance(self._channel, Cancels):
            await self._orders.not_cancelled(self._channel_id, order.order_id, "it has no call for it")
            return
        self._pace.start()
        try:
            answer = await self._channel.cancel(order.order_id)
        except ChannelDownError as error:
            delay_ms = self._down(error)
            await self._orders.cancel_failed(self._channel_id, order.order_id, error.message, delay_ms=delay_ms)
            return
        self._answered()
        if not isinstance(answer, Refused):
            await self._orders.cancelled(self._channel_id, order.order_id)
        elif answer.temporary:
            later_ms = backoff_ms(order.attempts + 1, 1.0)
            await self._orders.cancel_failed(self._channel_id, order.order_id, answer.reason, delay_ms=later_ms)
        else:
            await self._orders.not_cancelled(self._channel_id, order.order_id, answer.reason)

    async def _look_further(self) -> None:
        """Read the next page of the list; after the last one the next look is a while away."""
        if self._look is None:
            known_ms, now_ms = await self._orders.known_ms(self._channel_id)
            # Clocks differ, and lists are late: some of what is known is looked through again.
            self._look = _Look(since_ms=max(0, known_ms - ORDERS_OVERLAP_MS), began_ms=now_ms)
        look = self._look
        self._pace.start()
        try:
            page = await self._channel.orders_changed(look.since_ms, after=look.after)
        except ChannelDownError as error:
            look.failures += 1
            if look.failures >= LOOK_TRIES:
                # From the start: the channel may know this place in its list no more.
                self._look = None
            self._look_at = self._clock() + self._down(error) / 1000
            return
        self._answered()
        await self._orders.seen(self._channel_id, page.orders)
        look.after, look.failures = page.next, 0
        if page.next is None:
            await self._orders.set_known_ms(self._channel_id, look.began_ms)
            self._look = None
            self._look_at = self._clock() + self._selling.every_s

    def _answered(self) -> None:
        self._pace.went_well()
        self._figures.called(self._channel_id, "orders")

    def _down(self, error: ChannelDownError) -> int:
        delay_ms = self._pace.failed(error)
        self._figures.called(self._channel_id, "failed")
        _log.warning("channel_down", channel_id=self._channel_id, error=error.message, retry_in_ms=delay_ms)
        return delay_ms
