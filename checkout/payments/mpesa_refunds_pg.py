"""Reversals, and questions about transactions, in Postgres."""

from pathlib import Path
from typing import Literal, cast

import asyncpg
import msgspec

from checkout.limits import MPESA_CHECK_AGAIN_MS
from checkout.payments.mpesa_pg import MpesaRequest, request_from
from checkout.payments.mpesa_terms import CURRENCY
from checkout.payments.provider import PaymentRefusedError
from kit.money import Money
from kit.postgres import Postgres
from kit.sql import Queries

_sql = Queries(Path(__file__).parent.parent / "sql" / "mpesa.sql")

ReversalState = Literal["asked", "accepted", "refused", "done"]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """A question about a transaction; ``conversation_id`` is that of the latest time it was asked."""

    check_id: str
    order_id: str
    conversation_id: str | None


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """A reversal that was asked for.

    Attributes:
        reversal_id: of the latest attempt.
        receipt: of the payment that goes back.
        state: ``asked``, and Daraja's answer is not known; ``accepted``, and the result is not; ``refused``: no money
            went back; ``done``.
        conversation_id: Daraja's id of the latest attempt; None while its answer is not known.
    """

    idempotency_key: str
    reversal_id: str
    order_id: str
    receipt: str
    amount: Money
    state: ReversalState
    conversation_id: str | None
    asked_at_ms: int
    read_at_ms: int


class MpesaRefundRows:
    """The reversals and questions of this deployment."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def check(self, order_id: str, subject: str, fresh_id: str) -> Check:
        """Return the question about a subject; one that was never asked gets ``fresh_id``."""
        async with self._postgres.transaction() as connection:
            await connection.execute(_sql.open_check, fresh_id, order_id, subject)
            row = await connection.fetchrow(_sql.check_of, order_id, subject)
        assert row is not None
        return Check(check_id=row["check_id"], order_id=row["order_id"], conversation_id=row["conversation_id"])

    async def take_check(self, check_id: str) -> bool:
        """Take the right to ask; False when it was asked a moment ago."""
        async with self._postgres.connection() as connection:
            return await connection.fetchval(_sql.take_check, check_id, MPESA_CHECK_AGAIN_MS) is not None

    async def check_asked(self, check_id: str, conversation_id: str) -> None:
        """Write down under which id the answer will come."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.check_asked, check_id, conversation_id)

    async def reversal(self, idempotency_key: str) -> Reversal | None:
        """Return the reversal with this key."""
        async with self._postgres.connection() as connection:
            row = await connection.fetchrow(_sql.reversal_by_key, idempotency_key)
        return None if row is None else _reversal_from(row)

    async def open(
        self, payment: MpesaRequest, *, idempotency_key: str, reversal_id: str, receipt: str, amount: Money
    ) -> bool:
        """Write down, durably, that a reversal will be asked for; False when one is under way or done.

        Raises:
            PaymentRefusedError: less than that is left.
        """
        async with self._postgres.transaction() as connection:
            row = await connection.fetchrow(_sql.lock_request, payment.checkout_request_id)
            locked = None if row is None else request_from(row)
            if locked is None or locked.paid is None:
                raise PaymentRefusedError("the payment brought no money")
            taken = await connection.fetchval(_sql.reversed_of_payment, locked.checkout_request_id, idempotency_key)
            left = locked.paid.amount - taken
            if amount.amount > left:
                raise PaymentRefusedError(f"the payment has {left} left to refund")
            opened = await connection.fetchval(
                _sql.open_reversal,
                idempotency_key,
                reversal_id,
                locked.checkout_request_id,
                locked.order_id,
                receipt,
                amount.amount,
            )
        return opened is not None

    async def accepted(self, reversal_id: str, conversation_id: str) -> None:
        """Write down Daraja's id of an attempt."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.reversal_accepted, reversal_id, conversation_id)

    async def end(self, reversal_id: str, state: Literal["refused", "done"]) -> None:
        """Write down how an attempt ended."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.end_reversal, reversal_id, state)


def _reversal_from(row: asyncpg.Record) -> Reversal:
    return Reversal(
        idempotency_key=row["idempotency_key"],
        reversal_id=row["reversal_id"],
        order_id=row["order_id"],
        receipt=row["receipt"],
        amount=Money(row["amount"], CURRENCY),
        state=cast(ReversalState, row["state"]),
        conversation_id=row["conversation_id"],
        asked_at_ms=row["asked_at_ms"],
        read_at_ms=row["read_at_ms"],
    )
