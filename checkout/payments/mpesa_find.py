"""Finding out what became of a push; the rules are at the top of ``mpesa_http``."""

from collections.abc import Sequence
from typing import Final

from checkout.limits import MPESA_CLOSE_MS, MPESA_NO_ANSWER_MS, MPESA_PUSH_TIMEOUT_S
from checkout.payments.daraja_http import Daraja
from checkout.payments.mpesa_answers import Callback, proves_payment
from checkout.payments.mpesa_checks import MpesaChecks
from checkout.payments.mpesa_pg import MpesaRequest, MpesaRows, ReceivedCallback
from checkout.payments.mpesa_terms import CURRENCY
from checkout.payments.provider import Charged, Declined, PaymentAction, PaymentResult, PaymentUnknownError, Pending
from kit.log import logger
from kit.money import Money

_log = logger("mpesa")

_NO_ANSWER: Final = "no_answer"


class PushFinder:
    """Asks Daraja about pushes, and believes no callback that M-Pesa does not confirm."""

    def __init__(self, rows: MpesaRows, daraja: Daraja, checks: MpesaChecks) -> None:
        self._rows = rows
        self._daraja = daraja
        self._checks = checks

    async def find(self, idempotency_key: str) -> PaymentResult | None:
        """Return what became of the push with this key; None when it was never begun.

        Raises:
            PaymentUnknownError: Daraja does not tell, or not yet.
        """
        request = await self._rows.by_key(idempotency_key)
        if request is None:
            return None
        if request.paid is not None:
            return Charged(str(request.checkout_request_id), request.paid)
        received = await self._rows.callbacks(request.order_id)
        silent_ms = request.read_at_ms - max([request.asked_at_ms, *(one.received_at_ms for one in received)])
        if request.checkout_request_id is not None:
            return await self._find_pushed(request, request.checkout_request_id, received, silent_ms)
        if request.state == "refused" and not received:
            return Declined(None, str(request.reason))
        return await self._find_lost(request, received, silent_ms)

    async def _find_pushed(
        self, request: MpesaRequest, payment_id: str, received: Sequence[ReceivedCallback], silent_ms: int
    ) -> PaymentResult:
        outcome = await self._daraja.push_result(payment_id)
        if outcome.state == "failed":
            await self._rows.failed(request.idempotency_key, outcome.reason)
            return Declined(payment_id, outcome.reason)
        if outcome.state == "paid":
            odd = [
                one.callback
                for one in received
                if one.callback.checkout_request_id == payment_id
                and one.callback.amount not in {None, request.amount.amount}
            ]
            proven = await self._prove(request, odd, patient=silent_ms <= MPESA_CLOSE_MS)
            amount, receipt = (request.amount, None) if proven is None else proven
            return await self._charged(request, payment_id, amount, receipt)
        if silent_ms > MPESA_CLOSE_MS:
            return Declined(payment_id, request.reason or _NO_ANSWER)
        if outcome.state == "processing":
            return pending(payment_id)
        raise PaymentUnknownError("Daraja does not tell what became of a push")

    async def _find_lost(
        self, request: MpesaRequest, received: Sequence[ReceivedCallback], silent_ms: int
    ) -> PaymentResult:
        if request.read_at_ms - request.asked_at_ms <= MPESA_PUSH_TIMEOUT_S * 1000:
            raise PaymentUnknownError("Daraja may still be answering")
        reasons: list[str] = []
        undecided = not received
        for payment_id in dict.fromkeys(one.callback.checkout_request_id for one in received):
            outcome = await self._daraja.push_result(payment_id)
            if outcome.state == "failed":
                reasons.append(outcome.reason)
                continue
            if outcome.state == "paid":
                claims = [one.callback for one in received if one.callback.checkout_request_id == payment_id]
                proven = await self._prove(request, claims, patient=silent_ms <= MPESA_CLOSE_MS)
                if proven is not None and await self._rows.paid(request.idempotency_key, payment_id, *proven):
                    return Charged(payment_id, proven[0])
            undecided = True
        if reasons and not undecided:
            return Declined(None, reasons[0])
        if silent_ms > (MPESA_CLOSE_MS if received else MPESA_NO_ANSWER_MS):
            _log.warning("mpesa_push_given_up", order_id=request.order_id, callbacks=len(received))
            return Declined(None, _NO_ANSWER)
        raise PaymentUnknownError("nobody knows yet what became of a push")

    async def _charged(
        self, request: MpesaRequest, payment_id: str, amount: Money, receipt: str | None
    ) -> PaymentResult:
        if not await self._rows.paid(request.idempotency_key, payment_id, amount, receipt):
            _log.error("mpesa_payment_of_another_order", order_id=request.order_id)
            raise PaymentUnknownError("another request holds this payment")
        return Charged(payment_id, amount)

    async def _prove(
        self, request: MpesaRequest, claims: Sequence[Callback], *, patient: bool
    ) -> tuple[Money, str] | None:
        """Return the amount and receipt of the first claim that M-Pesa confirms as a payment by this number.

        Raises:
            PaymentUnknownError: none is confirmed, and about one the answer has not come; not raised without patience.
        """
        waiting: PaymentUnknownError | None = None
        for receipt in dict.fromkeys(one.receipt for one in claims if one.receipt is not None):
            try:
                result = await self._checks.of_receipt(request.order_id, receipt)
            except PaymentUnknownError as error:
                waiting = error
                continue
            if result.amount and proves_payment(result, receipt=receipt, phone=request.phone):
                return Money(result.amount, CURRENCY), receipt
        if waiting is not None and patient:
            raise waiting
        return None


def pending(payment_id: str) -> Pending:
    """Return the result of a push whose buyer has the prompt on the phone."""
    return Pending(payment_id, PaymentAction(kind="confirm"))
