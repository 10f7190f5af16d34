"""What was asked of M-Pesa, in Postgres: pushes, and what Safaricom posted about them."""

import contextlib
from pathlib import Path
from typing import Any, Final, Literal, cast

import asyncpg
import msgspec

from checkout.limits import MPESA_MAX_CALLBACKS
from checkout.payments.mpesa_answers import Callback, Result, read_callback, read_result
from checkout.payments.mpesa_terms import CURRENCY
from checkout.payments.mpesa_tokens import Purpose
from kit.errors import InvalidError
from kit.money import Money
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent.parent / "sql" / "mpesa.sql")
_body: Final = msgspec.json.Decoder(dict[str, Any])

RequestState = Literal["asked", "pushed", "refused", "failed", "paid"]


def event_kind(purpose: Purpose) -> str:
    """Return the kind under which what Safaricom posts is recorded in ``payment_events``."""
    return f"mpesa.{purpose}"


class MpesaRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that was asked for.

    Attributes:
        state: ``asked``, and Daraja's answer is not known; ``pushed``; ``refused`` by Daraja; ``failed`` by its own
            latest word; ``paid``.
        checkout_request_id: Daraja's id; None while its answer is not known.
        paid: None unless ``paid``.
        receipt: M-Pesa's number of the payment, once it is proven.
    """

    idempotency_key: str
    order_id: str
    phone: str
    amount: Money
    state: RequestState
    checkout_request_id: str | None
    reason: str | None
    paid: Money | None
    receipt: str | None
    asked_at_ms: int
    read_at_ms: int


class ReceivedCallback(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that came with a good token."""

    callback: Callback
    received_at_ms: int


class MpesaRows:
    """The pushes of this deployment."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def open(self, *, idempotency_key: str, order_id: str, phone: str, amount: Money) -> bool:
        """Write down, durably, that a push will be asked for; False when one was before."""
        async with self._postgres.connection() as connection:
            key = await connection.fetchval(_sql.open_request, idempotency_key, order_id, phone, amount.amount)
        return key is not None

    async def forget(self, idempotency_key: str) -> None:
        """Strike a request that Daraja certainly did not hear."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.forget_request, idempotency_key)

    async def by_key(self, idempotency_key: str) -> MpesaRequest | None:
        """Return the request with this key."""
        return await self._one(_sql.request_by_key, idempotency_key)

    async def by_payment(self, checkout_request_id: str) -> MpesaRequest | None:
        """Return the request with this id of Daraja's."""
        return await self._one(_sql.request_by_payment, checkout_request_id)

    async def accepted(self, idempotency_key: str, checkout_request_id: str) -> bool:
        """Write down Daraja's id; False when another request holds it."""
        return await self._try(_sql.request_accepted, idempotency_key, checkout_request_id)

    async def refused(self, idempotency_key: str, reason: str) -> None:
        """Write down that Daraja would not push."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.request_failed, idempotency_key, "refused", reason)

    async def failed(self, idempotency_key: str, reason: str) -> None:
        """Write down that the push brought no money; it may still become ``paid``."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.request_failed, idempotency_key, "failed", reason)

    async def paid(self, idempotency_key: str, checkout_request_id: str, amount: Money, receipt: str | None) -> bool:
        """Write down that money came.

        Args:
            idempotency_key: of the request.
            checkout_request_id: Daraja's id of the payment.
            amount: what was paid.
            receipt: the payment's, if it is proven.

        Returns:
            False when another request holds that payment or that receipt.
        """
        return await self._try(_sql.request_paid, idempotency_key, checkout_request_id, amount.amount, receipt)

    async def keep_receipt(self, idempotency_key: str, receipt: str) -> bool:
        """Write down the proven receipt of a payment; False when another request holds it."""
        return await self._try(_sql.keep_receipt, idempotency_key, receipt)

    async def callbacks(self, order_id: str) -> list[ReceivedCallback]:
        """Return what was claimed about an order's push, the newest first."""
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(_sql.callbacks_of_order, order_id, MPESA_MAX_CALLBACKS)
        received: list[ReceivedCallback] = []
        for row in rows:
            # It was readable when it came; a later version must not stumble over what an earlier one took.
            with contextlib.suppress(InvalidError):
                callback = read_callback(_body.decode(row["body"]))
                received.append(ReceivedCallback(callback=callback, received_at_ms=row["received_at_ms"]))
        return received

    async def results(self, purpose: Purpose, order_id: str, reference: str) -> list[Result]:
        """Return what was posted as the result of a question or a reversal, the newest first."""
        async with self._postgres.connection() as connection:
            rows = await connection.fetch(
                _sql.results_of, order_id, event_kind(purpose), reference, MPESA_MAX_CALLBACKS
            )
        results: list[Result] = []
        for row in rows:
            with contextlib.suppress(InvalidError):
                results.append(read_result(_body.decode(row["body"])))
        return results

    async def _one(self, statement: str, value: str) -> MpesaRequest | None:
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(statement, value)
        return None if row is None else request_from(row)

    async def _try(self, statement: str, *values: object) -> bool:
        try:
            async with self._postgres.connection() as connection:
                return await connection.fetchval(statement, *values) is not None
        except asyncpg.UniqueViolationError:
            return False


def request_from(row: asyncpg.Record) -> MpesaRequest:
    """Return the request of a row of ``mpesa_requests`` with ``read_at_ms``."""
    return MpesaRequest(
        idempotency_key=row["idempotency_key"],
        order_id=row["order_id"],
        phone=row["phone"],
        amount=Money(row["amount"], CURRENCY),
        state=cast(RequestState, row["state"]),
        checkout_request_id=row["checkout_request_id"],
        reason=row["reason"],
        paid=None if row["paid"] is None else Money(row["paid"], CURRENCY),
        receipt=row["receipt"],
        asked_at_ms=row["asked_at_ms"],
        read_at_ms=row["read_at_ms"],
    )
