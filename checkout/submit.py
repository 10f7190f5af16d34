"""Checkout: a hold becomes an order."""

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

import msgspec

from checkout.limits import (
    INSERT_MAX_ORDERS,
    INSERT_MAX_QUEUED_ORDERS,
    SUBMIT_MAX_HOLDS,
)
from checkout.order import NewOrder, Order, SaleTerms, log_ids
from checkout.orders_pg import Orders
from checkout.payments.provider import Providers
from checkout.shipping import check_shipping
from inventory.holds import Hold, HoldAsked
from kit.batch import Batcher
from kit.errors import ConflictError, NotFoundError, UnavailableError
from kit.ids import new_id
from kit.metrics import ITEMS, Spread
from kit.traces import NO_TRACES, Traces

__all__ = ["CheckoutRequest", "SaleTerms", "Submitter"]


class HoldSubmissions(Protocol):
    """The part of ``inventory.holds.Holds`` that checkout needs."""

    async def submit_many(self, asked: Sequence[HoldAsked]) -> list[Hold | UnavailableError | None]:
        """Turn live holds into ``submitted`` and return them as they are afterwards; each may fail on its own."""
        ...


class CheckoutRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A buyer's wish to pay for a hold; ``terms`` are those of the hold's pool."""

    hold_id: str
    buyer_id: str
    terms: SaleTerms
    payment_method: str
    shipping: dict[str, object] | None = None


class Submitter:
    """Turns holds into durable orders; submissions that come together share one commit.

    The hold is marked as submitted first, so that it cannot expire while the order is written. Between the two a
    process may die: the buyer's retry finishes the work, and without one ``Orders.tombstone`` does.

    Args:
        traces: told of every order that was written.

    Attributes:
        sizes: of the batches, by what they do.
    """

    def __init__(
        self, holds: HoldSubmissions, orders: Orders, providers: Providers, *, traces: Traces = NO_TRACES
    ) -> None:
        self.sizes = {"submit": Spread(ITEMS), "insert": Spread(ITEMS)}
        self._traces = traces
        self._holds = holds
        self._orders = orders
        self._providers = providers
        self._inserts: Batcher[NewOrder, Order] = Batcher(
            orders.insert_many,
            max_batch=INSERT_MAX_ORDERS,
            max_queued=INSERT_MAX_QUEUED_ORDERS,
            sizes=self.sizes["insert"],
        )
        self._submits: Batcher[HoldAsked, Hold | UnavailableError | None] = Batcher(
            holds.submit_many,
            max_batch=SUBMIT_MAX_HOLDS,
            max_queued=INSERT_MAX_QUEUED_ORDERS,
            sizes=self.sizes["submit"],
        )
        self._running: set[asyncio.Task[Order]] = set()

    async def submit(self, request: CheckoutRequest) -> Order:
        """Return the hold's order, written durably; a retry gets the very same one.

        Raises:
            InvalidError: the payment method is unknown or cannot take such money, or ``shipping`` is too large; nothing
                was changed.
            NotFoundError: ``unknown_hold`` - there is no such hold of this buyer.
            ConflictError: ``hold_expired`` or ``hold_released`` - it ended without an order.
            UnavailableError: the hold book or Postgres does not answer; the same call may be repeated.
        """
        provider = self._providers.for_method(request.payment_method, request.terms.unit_price)
        if request.shipping is not None:
            check_shipping(request.shipping)
        if len(self._running) >= INSERT_MAX_QUEUED_ORDERS:
            raise UnavailableError("too many checkouts are under way; try again", code="overloaded")
        # A caller that goes away must not leave a submitted hold without its order.
        task = asyncio.create_task(self._submit(request, provider.name))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(_seen)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Finish what was begun and take no more."""
        if self._running:
            await asyncio.wait(self._running)
        await self._submits.close()
        await self._inserts.close()

    async def _submit(self, request: CheckoutRequest, provider: str) -> Order:
        began_ns = time.time_ns()
        try:
            hold = await self._submit_hold(request)
        except UnavailableError:
            existing = await self._existing(request)
            if existing is None:
                raise
            return existing
        if hold is None or hold.status != "submitted":
            return await self._after_the_end(request, hold)
        order = await self._inserts.submit(
            NewOrder(
                order_id=new_id("order"),
                hold_id=hold.hold_id,
                buyer_id=hold.buyer_id,
                quantity=hold.quantity,
                terms=request.terms,
                payment_method=request.payment_method,
                provider=provider,
                shipping=request.shipping,
            )
        )
        own = _own(order, request)
        self._traces.span("checkout", own.hold_id, began_ns, **log_ids(own))
        return own

    async def _submit_hold(self, request: CheckoutRequest) -> Hold | None:
        asked = HoldAsked(pool_id=request.terms.pool_id, hold_id=request.hold_id, buyer_id=request.buyer_id)
        answer = await self._submits.submit(asked)
        if isinstance(answer, UnavailableError):
            raise answer
        return answer

    async def _existing(self, request: CheckoutRequest) -> Order | None:
        order = await self._orders.by_hold(request.hold_id)
        return None if order is None else _own(order, request)

    async def _after_the_end(self, request: CheckoutRequest, hold: Hold | None) -> Order:
        existing = await self._existing(request)
        if existing is not None:
            return existing
        if hold is None:
            raise _unknown_hold()
        raise ConflictError(
            f"the hold is {hold.status} and cannot be paid any more",
            code=f"hold_{hold.status}",
            details={"hold_id": hold.hold_id},
        )


def _own(order: Order, request: CheckoutRequest) -> Order:
    if order.buyer_id != request.buyer_id:
        raise _unknown_hold()
    return order


def _unknown_hold() -> NotFoundError:
    return NotFoundError("there is no such hold of yours", code="unknown_hold", details={"field": "hold_id"})


def _seen(task: "asyncio.Task[Order]") -> None:
    # The caller may be gone; its error is then nobody's to raise.
    if not task.cancelled():
        task.exception()
