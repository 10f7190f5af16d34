"""Questions to M-Pesa about a transaction. The answer comes later, as a webhook, so asking takes two calls.

An answer counts when it came to the URL made for this question *and* names the conversation that Daraja opened when
it was asked.
"""

import secrets

from checkout.payments.daraja_http import Daraja
from checkout.payments.mpesa_answers import Result
from checkout.payments.mpesa_pg import MpesaRows
from checkout.payments.mpesa_refunds_pg import Check, MpesaRefundRows
from checkout.payments.mpesa_tokens import Purpose, Token, TokenSigner
from checkout.payments.provider import PaymentUnknownError
from kit.log import logger

_log = logger("mpesa")
_REFERENCE_BYTES = 16


def new_reference() -> str:
    """Return an unguessable name for a question or a reversal, as a token carries it."""
    return secrets.token_urlsafe(_REFERENCE_BYTES)


class CallbackUrls:
    """The URLs that Safaricom is given.

    Args:
        base_url: where this deployment is reached from outside, without a slash at the end.
        tokens: make them unguessable.
    """

    def __init__(self, base_url: str, tokens: TokenSigner) -> None:
        self._url = f"{base_url.rstrip('/')}/v1/webhooks/payments/mpesa"
        self._tokens = tokens

    def make(self, purpose: Purpose, order_id: str, reference: str = "") -> str:
        """Return the URL for one purpose about one order."""
        token = Token(purpose=purpose, order_id=order_id, reference=reference)
        return f"{self._url}?token={self._tokens.make(token)}"


class MpesaChecks:
    """Asks, and finds the answer that came."""

    def __init__(self, rows: MpesaRows, refund_rows: MpesaRefundRows, daraja: Daraja, urls: CallbackUrls) -> None:
        self._rows = rows
        self._refund_rows = refund_rows
        self._daraja = daraja
        self._urls = urls

    async def of_receipt(self, order_id: str, receipt: str, *, again: bool = False) -> Result:
        """Return what M-Pesa says about the transaction with this receipt.

        Args:
            order_id: whose it is said to be.
            receipt: M-Pesa's number of the transaction.
            again: whether an answer that M-Pesa knows no such transaction is reason to ask once more.

        Raises:
            PaymentUnknownError: the answer has not come yet; it was asked for.
        """
        return await self._look(order_id, receipt, {"TransactionID": receipt}, again=again)

    async def of_conversation(self, order_id: str, conversation_id: str) -> Result:
        """Return what M-Pesa says about what was asked for in this conversation; else as ``of_receipt``."""
        subject = {"OriginalConversationID": conversation_id}
        return await self._look(order_id, f"conversation:{conversation_id}", subject, again=True)

    async def _look(self, order_id: str, name: str, subject: dict[str, str], *, again: bool) -> Result:
        check = await self._refund_rows.check(order_id, name, new_reference())
        for result in await self._rows.results("check", order_id, check.check_id):
            if result.conversation_id != check.conversation_id:
                continue
            if again and result.code != "0":
                await self._ask(check, subject)
            return result
        await self._ask(check, subject)
        raise PaymentUnknownError("M-Pesa has not told yet what became of a transaction")

    async def _ask(self, check: Check, subject: dict[str, str]) -> None:
        if not await self._refund_rows.take_check(check.check_id):
            return
        acceptance = await self._daraja.look_up(
            subject=subject,
            order_id=check.order_id,
            result_url=self._urls.make("check", check.order_id, check.check_id),
            late_url=self._urls.make("late", check.order_id, check.check_id),
        )
        if acceptance.state == "accepted":
            await self._refund_rows.check_asked(check.check_id, acceptance.reference)
        else:
            _log.error("mpesa_does_not_look_up", order_id=check.order_id, reason=acceptance.reason)
