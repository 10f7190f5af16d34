"""Giving M-Pesa money back: a reversal, whose outcome comes later and unsigned.

A second reversal never leaves before the first one's end is known, because Daraja would make both. So:

1. The payment's receipt is needed. Only a callback tells it, so M-Pesa is asked about it before it is used: it has to
   be a finished payment of that amount by that number, and can belong to one request only.
2. The reversal is written down, then asked for.
3. Its result counts when it came to the URL made for this attempt and names the conversation that Daraja opened. If
   Daraja's answer was lost there is no conversation to compare, and M-Pesa is asked about the transaction that the
   result names. If no result comes, M-Pesa is asked what became of the conversation.
4. A result that says no ends the attempt; the next call with the same key may try again.

Until then ``refund`` raises ``PaymentUnknownError``, and is called again. What stays unknown - the callback with the
receipt was lost, or both Daraja's answer and the result - is logged, and waits for a person.
"""

import asyncio

from checkout.limits import MPESA_RESULT_LATE_MS
from checkout.payments.daraja_http import Daraja, NotSentError
from checkout.payments.mpesa_answers import proves_payment, proves_return
from checkout.payments.mpesa_checks import CallbackUrls, MpesaChecks, new_reference
from checkout.payments.mpesa_pg import MpesaRequest, MpesaRows
from checkout.payments.mpesa_refunds_pg import MpesaRefundRows, Reversal
from checkout.payments.mpesa_terms import shillings_of
from checkout.payments.provider import PaymentRefusedError, PaymentUnknownError
from kit.log import logger
from kit.money import Money

_log = logger("mpesa")


class MpesaRefunds:
    """Makes each refund once, however often it is asked for."""

    def __init__(
        self, rows: MpesaRows, refund_rows: MpesaRefundRows, daraja: Daraja, checks: MpesaChecks, urls: CallbackUrls
    ) -> None:
        self._rows = rows
        self._refund_rows = refund_rows
        self._daraja = daraja
        self._checks = checks
        self._urls = urls
        self._running: set[asyncio.Task[None]] = set()

    async def refund(self, payment_id: str, amount: Money, idempotency_key: str) -> None:
        """Return when M-Pesa says that the money is back.

        Raises:
            PaymentRefusedError: more than is left, cents, or M-Pesa said no.
            PaymentUnknownError: that is not known yet; the same call again goes on where this one stopped.
        """
        payment = await self._rows.by_payment(payment_id)
        if payment is None or payment.paid is None:
            raise PaymentRefusedError(f"payment {payment_id} brought no money")
        reversal = await self._refund_rows.reversal(idempotency_key)
        if reversal is None or reversal.state == "refused":
            # A caller that loses patience must not lose the answer: it alone names the conversation.
            task = asyncio.create_task(self._begin(payment, amount, idempotency_key))
            self._running.add(task)
            task.add_done_callback(self._done)
            await asyncio.shield(task)
            reversal = await self._refund_rows.reversal(idempotency_key)
        if reversal is None:
            raise PaymentUnknownError("the reversal has not been asked for yet")
        if reversal.state != "done":
            await self._settle(payment, reversal)

    async def close(self) -> None:
        """Wait for answers that are under way."""
        if self._running:
            await asyncio.wait(self._running)

    async def _begin(self, payment: MpesaRequest, amount: Money, idempotency_key: str) -> None:
        shillings = shillings_of(amount)
        if shillings is None:
            raise PaymentRefusedError("M-Pesa gives back whole shillings only")
        receipt = payment.receipt or await self._receipt(payment)
        await self._daraja.ready_to_reverse()
        reversal_id = new_reference()
        opened = await self._refund_rows.open(
            payment, idempotency_key=idempotency_key, reversal_id=reversal_id, receipt=receipt, amount=amount
        )
        if not opened:
            return
        try:
            acceptance = await self._daraja.reverse(
                receipt=receipt,
                shillings=shillings,
                order_id=payment.order_id,
                result_url=self._urls.make("reverse", payment.order_id, reversal_id),
                late_url=self._urls.make("late", payment.order_id, reversal_id),
            )
        except NotSentError:
            await self._refund_rows.end(reversal_id, "refused")
            raise
        if acceptance.state == "refused":
            await self._refund_rows.end(reversal_id, "refused")
            raise PaymentRefusedError("Daraja does not take the reversal")
        await self._refund_rows.accepted(reversal_id, acceptance.reference)

    async def _receipt(self, payment: MpesaRequest) -> str:
        received = [one.callback for one in await self._rows.callbacks(payment.order_id)]
        claims = [one for one in received if one.checkout_request_id == payment.checkout_request_id]
        receipts = dict.fromkeys(one.receipt for one in claims if one.receipt is not None)
        if not receipts:
            _log.error("mpesa_receipt_unknown", order_id=payment.order_id)
        for receipt in receipts:
            try:
                result = await self._checks.of_receipt(payment.order_id, receipt, again=True)
            except PaymentUnknownError:
                continue
            proven = proves_payment(result, receipt=receipt, phone=payment.phone)
            same_amount = payment.paid is not None and result.amount == payment.paid.amount
            if proven and same_amount and await self._rows.keep_receipt(payment.idempotency_key, receipt):
                return receipt
        raise PaymentUnknownError("the payment's receipt is not proven yet, so it cannot be reversed")

    async def _settle(self, payment: MpesaRequest, reversal: Reversal) -> None:
        """Return when the reversal is done, and write that down."""
        if await self._is_back(payment, reversal):
            await self._refund_rows.end(reversal.reversal_id, "done")
            return
        late_ms = reversal.read_at_ms - reversal.asked_at_ms
        if late_ms > MPESA_RESULT_LATE_MS:
            _log.error("mpesa_reversal_undecided", order_id=reversal.order_id, minutes=late_ms // 60_000)
        raise PaymentUnknownError("M-Pesa has not told yet what became of a reversal")

    async def _is_back(self, payment: MpesaRequest, reversal: Reversal) -> bool:
        amount = reversal.amount.amount
        for result in await self._rows.results("reverse", reversal.order_id, reversal.reversal_id):
            if reversal.conversation_id is None:
                if result.code == "0" and await self._was_returned(payment, result.transaction_id, amount):
                    return True
            elif result.conversation_id == reversal.conversation_id:
                if result.code == "0":
                    return True
                await self._refund_rows.end(reversal.reversal_id, "refused")
                _log.error("mpesa_reversal_refused", order_id=reversal.order_id, code=result.code[:16])
                raise PaymentRefusedError("M-Pesa did not make the reversal")
        is_late = reversal.read_at_ms - reversal.asked_at_ms > MPESA_RESULT_LATE_MS
        if not is_late or reversal.conversation_id is None:
            return False
        proof = await self._checks.of_conversation(reversal.order_id, reversal.conversation_id)
        return proves_return(proof, receipt=None, phone=payment.phone, amount=amount)

    async def _was_returned(self, payment: MpesaRequest, transaction_id: str, amount: int) -> bool:
        if not transaction_id:
            return False
        try:
            proof = await self._checks.of_receipt(payment.order_id, transaction_id)
        except PaymentUnknownError:
            return False
        return proves_return(proof, receipt=transaction_id, phone=payment.phone, amount=amount)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may be gone; its error is then nobody's to raise
