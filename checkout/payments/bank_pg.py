"""The built-in payment provider ``test``: a small bank in Postgres, so that it remembers what it promised.

===================  ==================================================================================
``pm_test_ok``       authorised at once
``pm_test_slow``     pending; about two seconds later authorised, told by a signed webhook
``pm_test_declined`` declined
``pm_test_timeout``  authorised, but the answer is lost: ``PaymentUnknownError``; ``find`` tells
``pm_test_no_auth``  charged at once, as iDEAL, UPI or Boleto are
===================  ==================================================================================
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

import asyncpg

from checkout.limits import BANK_MAX_BATCH, BANK_MAX_QUEUED, SLOW_PAYMENT_MS
from checkout.payments.bank_webhook import WebhookSigner, read_event
from checkout.payments.provider import (
    Authorised,
    Charged,
    Declined,
    PaymentEvent,
    PaymentRefusedError,
    PaymentRequest,
    PaymentResult,
    PaymentUnknownError,
    Pending,
    WebhookRequest,
    without_detail,
)
from kit.batch import Batcher
from kit.ids import new_id
from kit.money import Money
from kit.postgres import Postgres
from kit.sql import Queries

PROVIDER: Final = "test"

_sql = Queries(Path(__file__).parent.parent / "sql" / "bank.sql")

_FIRST_STATE: Final = {
    "pm_test_ok": "authorised",
    "pm_test_slow": "pending",
    "pm_test_declined": "declined",
    "pm_test_timeout": "authorised",
    "pm_test_no_auth": "captured",
}

_Capture = tuple[str, int, str]


class TestBank:
    """Fills ``PaymentProvider``. Requests that come together share one commit.

    Args:
        postgres: where the accounts are; they survive any crash of ours.
        secret: the deployment's secret; the webhooks' secret is derived from it.
    """

    __test__: ClassVar[bool] = False  # its name is not meant for pytest

    name = PROVIDER
    methods = frozenset(_FIRST_STATE)

    def __init__(self, postgres: Postgres, secret: str) -> None:
        self._postgres = postgres
        self._signer = WebhookSigner(secret)
        self._opening: Batcher[PaymentRequest, PaymentResult | None] = Batcher(
            self._open, max_batch=BANK_MAX_BATCH, max_queued=BANK_MAX_QUEUED
        )
        self._capturing: Batcher[_Capture, bool] = Batcher(
            self._capture, max_batch=BANK_MAX_BATCH, max_queued=BANK_MAX_QUEUED
        )

    def check_method(self, method: str, unit_price: Money) -> None:  # noqa: ARG002 - it takes any money
        """Refuse a detail: none of its methods takes one."""
        without_detail(method)

    async def authorise(self, request: PaymentRequest) -> PaymentResult:
        """Reserve the money as the method's mood has it.

        Raises:
            PaymentUnknownError: ``pm_test_timeout``, at the first request with its key.
        """
        result = await self._opening.submit(request)
        if result is None:
            raise PaymentUnknownError("the bank's answer was lost")
        return result

    async def find(self, idempotency_key: str) -> PaymentResult | None:
        """Return the payment that was asked for with this key, as it is now."""
        async with self._postgres.connection() as connection:
            await connection.execute(_sql.settle_slow_payments, [idempotency_key])
            row = await connection.fetchrow(_sql.payments_by_key, [idempotency_key])
        return None if row is None else _result(row)

    async def capture(self, payment_id: str, amount: Money, idempotency_key: str) -> None:
        """Take reserved money."""
        if not await self._capturing.submit((payment_id, amount.amount, idempotency_key)):
            raise PaymentRefusedError(f"payment {payment_id} cannot be captured")

    async def void(self, payment_id: str, idempotency_key: str) -> None:  # noqa: ARG002 - void repeats harmlessly
        """Let reserved or pending money go."""
        async with self._postgres.connection() as connection:
            if await connection.fetchval(_sql.void_payment, payment_id) is None:
                raise PaymentRefusedError(f"payment {payment_id} cannot be voided")

    async def refund(self, payment_id: str, amount: Money, idempotency_key: str) -> None:
        """Give captured money back."""
        async with self._postgres.transaction() as connection:
            payment = await connection.fetchrow(_sql.lock_payment, payment_id)
            if await connection.fetchrow(_sql.refund_by_key, idempotency_key) is not None:
                return
            left = 0 if payment is None else payment["captured"] - payment["refunded"]
            if not 0 < amount.amount <= left:
                raise PaymentRefusedError(f"payment {payment_id} has {left} left to refund")
            await connection.execute(_sql.insert_refund, idempotency_key, payment_id, amount.amount)
            await connection.execute(_sql.add_refunded, payment_id, amount.amount)

    def parse_webhook(self, request: WebhookRequest) -> PaymentEvent:
        """Check the signature and read the event."""
        return read_event(PROVIDER, self._signer.verify(request.headers, request.body))

    async def close(self) -> None:
        """Finish what was asked for."""
        await self._opening.close()
        await self._capturing.close()

    async def _open(self, requests: Sequence[PaymentRequest]) -> list[PaymentResult | None]:
        charged = [_FIRST_STATE[one.method] == "captured" for one in requests]
        ids = [new_id("pay") for _ in requests]
        async with self._postgres.transaction() as connection:
            fresh = await connection.fetch(
                _sql.open_payments,
                ids,
                [one.idempotency_key for one in requests],
                [one.order_id for one in requests],
                [one.method for one in requests],
                [one.amount.amount for one in requests],
                [one.amount.currency for one in requests],
                [_FIRST_STATE[one.method] for one in requests],
                [one.idempotency_key if taken else None for one, taken in zip(requests, charged, strict=True)],
                [one.amount.amount if taken else 0 for one, taken in zip(requests, charged, strict=True)],
                [SLOW_PAYMENT_MS if one.method == "pm_test_slow" else None for one in requests],
            )
            rows = await connection.fetch(_sql.payments_by_key, [one.idempotency_key for one in requests])
        by_key = {row["idempotency_key"]: row for row in rows}
        lost = {row["payment_id"] for row in fresh}
        answers: list[PaymentResult | None] = []
        for one in requests:
            row = by_key[one.idempotency_key]
            is_lost = one.method == "pm_test_timeout" and row["payment_id"] in lost
            answers.append(None if is_lost else _result(row))
        return answers

    async def _capture(self, captures: Sequence[_Capture]) -> list[bool]:
        ids = [payment_id for payment_id, _, _ in captures]
        async with self._postgres.transaction() as connection:
            await connection.execute(
                _sql.capture_payments, ids, [amount for _, amount, _ in captures], [key for _, _, key in captures]
            )
            rows = await connection.fetch(_sql.captures, ids)
        done = {(row["payment_id"], row["captured"], row["capture_key"]) for row in rows}
        return [one in done for one in captures]


def _result(row: asyncpg.Record) -> PaymentResult:
    amount = Money(row["amount"], row["currency"])
    match row["state"]:
        case "authorised":
            return Authorised(row["payment_id"], amount)
        case "captured":
            return Charged(row["payment_id"], Money(row["captured"], row["currency"]))
        case "pending":
            return Pending(row["payment_id"])
        case "voided":
            return Declined(row["payment_id"], "voided")
        case _:
            return Declined(row["payment_id"], "card_declined")
