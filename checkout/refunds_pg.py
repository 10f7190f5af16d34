"""Refunds in Postgres. An order's row is always locked before its refunds."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import asyncpg

from checkout.limits import LEASE_MS
from checkout.news import news
from checkout.order import WITHOUT_UNITS, Order, move
from checkout.order_rows_pg import lock_orders, save_changes
from checkout.payment_answer import Change
from checkout.refund_rules import (
    CaptureInProgressError,
    EndState,
    Refund,
    RefundInProgressError,
    RefundRequest,
    Share,
    cancel_unpaid,
    finish,
    has_failed,
    release,
    reserve,
    return_rest,
    same_refund,
    share_to_refund,
    units_to_return,
)
from kit.errors import ConflictError, NotFoundError
from kit.money import Money
from kit.postgres import Connection, Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent / "sql" / "refunds.sql")
_orders_sql = Queries(Path(__file__).parent / "sql" / "orders.sql")


class RefundRows:
    """Reserves, finishes and fails refunds, each in one transaction with its order."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def reserve(self, request: RefundRequest) -> Refund | None:
        """Reserve a refund on its order and lease it to the caller.

        Returns:
            The refund, to be paid now; None when this ``refund_id`` was there before.

        Raises:
            NotFoundError, ConflictError, InvalidError: as ``checkout.refund.Refunds.refund``.
        """
        async with self._postgres.transaction() as connection:
            order = await _lock_one(connection, request.order_id)
            if await _is_repeat(connection, request):
                return None
            share = share_to_refund(order, request, units_under_way=await _units_under_way(connection, order))
            return await _reserve(connection, order, request, share)

    async def cancel(self, request: RefundRequest) -> Refund | None:
        """Cancel an order: at once if it is not paid yet, else by a refund of all that is left.

        Returns:
            The refund, to be paid now; None when there is nothing (more) to pay.

        Raises:
            NotFoundError, ConflictError: as ``checkout.refund.Refunds.cancel``.
        """
        async with self._postgres.transaction() as connection:
            order = await _lock_one(connection, request.order_id)
            if order.state == "cancelled" or await _is_repeat(connection, request):
                return None
            if order.state in {"submitted", "authorised"}:
                await save_changes(connection, [cancel_unpaid(order, request.reason)])
                await connection.execute(_orders_sql.notify_workers)
                return None
            if order.state == "confirmed":
                raise CaptureInProgressError("the order's payment is being captured; try again in a moment")
            if order.state != "captured":
                raise ConflictError(f"the order is {order.state}", code="order_ended", details={"state": order.state})
            if order.captured == 0:
                returned, movements = return_rest(order, reason=request.reason, restock=request.restock)
                cancelled = move(returned, "cancelled", reason=request.reason)
                change = Change(order=cancelled, events=(news(cancelled, "order.cancelled"),))
                await save_changes(connection, [change], movements)
                return None
            if order.refundable == 0:
                raise RefundInProgressError("all of the order's money is on its way back already")
            units = units_to_return(order, units_under_way=await _units_under_way(connection, order))
            return await _reserve(connection, order, request, Share(amount=order.refundable, quantity=units))

    async def reserve_give_back(self, order_id: str) -> Refund | None:
        """Reserve the refund of all money of an order that ended without units; None when there is nothing left."""
        async with self._postgres.transaction() as connection:
            order = await _lock_one(connection, order_id)
            if order.state not in WITHOUT_UNITS or order.refundable <= 0:
                return None
            request = RefundRequest(
                refund_id=f"give_back:{order_id}",
                order_id=order_id,
                amount=None,
                reason=order.reason or order.state,
                restock=False,
                end_state=cast(EndState, order.state),
            )
            return await _reserve(connection, order, request, Share(amount=order.refundable, quantity=0))

    async def take(self, limit: int, *, lease_ms: int = LEASE_MS) -> list[Refund]:
        """Take pending refunds that nobody works on."""
        async with self._postgres.connection() as connection:
            return [_refund_from(row) for row in await connection.fetch(_sql.take_refunds, limit, lease_ms)]

    async def finish(self, refund: Refund) -> None:
        """Write down that the provider made a refund; a second time changes nothing."""
        async with self._postgres.transaction() as connection:
            order = await _lock_one(connection, refund.order_id)
            if await connection.fetchval(_sql.end_refund, refund.refund_id, "done") is None:
                return
            cancelling = await connection.fetchrow(_sql.cancelling_refund, refund.order_id)
            decisive = refund if cancelling is None else _refund_from(cancelling)
            change, movements = finish(order, refund, decisive)
            await save_changes(connection, [change], movements)

    async def refuse(self, refund: Refund, *, wait_ms: int) -> bool:
        """Write down that the provider refused; return whether the refund has failed for good."""
        async with self._postgres.transaction() as connection:
            order = await _lock_one(connection, refund.order_id)
            refusals = await connection.fetchval(_sql.refuse_refund, refund.refund_id, wait_ms)
            if refusals is None or not has_failed(order, refusals):
                return False
            await connection.execute(_sql.end_refund, refund.refund_id, "failed")
            await save_changes(connection, [release(order, refund)])
            return True

    async def postpone(self, refund: Refund, *, wait_ms: int) -> None:
        """Let a refund whose outcome is unknown wait."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.postpone_refund, refund.refund_id, wait_ms)


async def _lock_one(connection: Connection, order_id: str) -> Order:
    orders: Sequence[Order] = await lock_orders(connection, [order_id])
    if not orders:
        raise NotFoundError("there is no such order", code="unknown_order", details={"order_id": order_id})
    return orders[0]


async def _is_repeat(connection: Connection, request: RefundRequest) -> bool:
    row = await connection.fetchrow(_sql.refund_by_id, request.refund_id)
    if row is None:
        return False
    if not same_refund(_refund_from(row), request):
        raise ConflictError("this refund id was used for another refund", code="refund_id_reused")
    return True


async def _units_under_way(connection: Connection, order: Order) -> int:
    units: int = await connection.fetchval(_sql.units_under_way, order.order_id)
    return units


async def _reserve(connection: Connection, order: Order, request: RefundRequest, share: Share) -> Refund:
    if order.payment_id is None:
        raise ConflictError("the order has no payment", code="not_captured")
    await connection.execute(
        _sql.insert_refund,
        request.refund_id,
        order.order_id,
        share.amount,
        share.quantity,
        request.reason,
        request.restock,
        request.end_state,
        LEASE_MS,
    )
    await save_changes(connection, [reserve(order, share.amount)])
    return Refund(
        refund_id=request.refund_id,
        order_id=order.order_id,
        provider=order.provider,
        payment_id=order.payment_id,
        amount=Money(share.amount, order.amount.currency),
        quantity=share.quantity,
        reason=request.reason,
        restock=request.restock,
        end_state=request.end_state,
        state="pending",
        attempts=1,
    )


def _refund_from(row: asyncpg.Record) -> Refund:
    return Refund(
        refund_id=row["refund_id"],
        order_id=row["order_id"],
        provider=row["provider"],
        payment_id=row["payment_id"],
        amount=Money(row["amount"], row["currency"]),
        quantity=row["quantity"],
        reason=row["reason"],
        restock=row["restock"],
        end_state=row["end_state"],
        state=row["state"],
        attempts=row["attempts"],
    )
