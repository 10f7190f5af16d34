"""M-Pesa (Safaricom Daraja, STK push): the buyer confirms on the phone, and the money is taken at once.

Daraja knows no idempotency key, signs nothing, and cannot be asked about a push by a name of ours: only by the
``CheckoutRequestID`` that its answer brings. So what was asked is remembered in Postgres, in ``mpesa_requests``:

* **The row is there before the push leaves**, one per idempotency key. Whoever finds it there never pushes, so a
  phone is asked once per key, whatever dies. Only when the push certainly did not leave is the row struck again.
* **Known CheckoutRequestID**: ``find`` asks ``stkpushquery``. What was asked is what was paid, unless a callback
  names another amount; then M-Pesa is asked about the callback's receipt, and its word counts.
* **Lost answer**: every push carries a callback URL of its own. Its callback brings the CheckoutRequestID, which is
  then asked about; money counts only when M-Pesa also confirms the callback's receipt as a payment by the number
  that was asked, and when no other request holds that payment or that receipt. Until a callback comes the outcome is
  unknown; after ``MPESA_NO_ANSWER_MS`` it is ``Declined("no_answer")``. A push that never becomes decided is declined
  ``MPESA_CLOSE_MS`` after its last callback.
* **No decline is the last word.** A callback is a rumour that makes the order ask ``find`` again, weeks later too;
  money that then turns out to be there is ``Charged``, and goes back because its order has ended.

So nothing is charged twice (one push per key, one key per order, one request per payment), and no payment is lost for
which a callback or the answer to a question ever arrives.

A prompt cannot be taken back: ``void`` of one that may still live is unknown until it is decided. Refunds are in
``mpesa_refunds``, finding out what became of a push is in ``mpesa_find``.
"""

import asyncio
import hashlib
from typing import Final

from checkout.payments.daraja_http import Daraja, DarajaAccount, NotSentError
from checkout.payments.mpesa_answers import read_body, read_callback, read_result
from checkout.payments.mpesa_checks import CallbackUrls, MpesaChecks
from checkout.payments.mpesa_find import PushFinder, pending
from checkout.payments.mpesa_pg import MpesaRows, event_kind
from checkout.payments.mpesa_refunds import MpesaRefunds
from checkout.payments.mpesa_refunds_pg import MpesaRefundRows
from checkout.payments.mpesa_terms import check_price, phone_number, shillings_of
from checkout.payments.mpesa_tokens import TokenSigner
from checkout.payments.provider import (
    Declined,
    PaymentEvent,
    PaymentRefusedError,
    PaymentRequest,
    PaymentResult,
    PaymentUnknownError,
    WebhookRequest,
)
from kit.log import logger
from kit.money import Money
from kit.postgres import Postgres

_log = logger("mpesa")

PROVIDER: Final = "mpesa"
_DIGEST_CHARS: Final = 32


class MpesaProvider:
    """Fills ``PaymentProvider`` for pay bill numbers.

    Args:
        postgres: where the requests are remembered.
        secret: the deployment's secret; that of the callback URLs is derived from it.
        consumer_key: of the Daraja app.
        consumer_secret: of the Daraja app.
        shortcode: the pay bill number.
        passkey: of the shortcode.
        callback_base_url: where Safaricom reaches this deployment's API, https.
        api_url: production unless told otherwise.
        initiator: the operator with the roles for reversals and transaction status.
        security_credential: the operator's encrypted password.
        per_s: calls to Daraja a second.
    """

    name = PROVIDER
    methods = frozenset({PROVIDER})

    def __init__(
        self,
        postgres: Postgres,
        *,
        secret: str,
        consumer_key: str,
        consumer_secret: str,
        shortcode: str,
        passkey: str,
        callback_base_url: str,
        initiator: str,
        security_credential: str,
        api_url: str = "https://api.safaricom.co.ke",
        per_s: float = 10,
    ) -> None:
        account = DarajaAccount(
            consumer_key=consumer_key,
            consumer_secret=consumer_secret,
            shortcode=shortcode,
            passkey=passkey,
            initiator=initiator,
            security_credential=security_credential,
        )
        self._tokens = TokenSigner(secret)
        self._urls = CallbackUrls(callback_base_url, self._tokens)
        self._daraja = Daraja(account, api_url=api_url, per_s=per_s)
        self._rows = MpesaRows(postgres)
        refund_rows = MpesaRefundRows(postgres)
        checks = MpesaChecks(self._rows, refund_rows, self._daraja, self._urls)
        self._finder = PushFinder(self._rows, self._daraja, checks)
        self._refunds = MpesaRefunds(self._rows, refund_rows, self._daraja, checks, self._urls)
        self._pushes: set[asyncio.Task[PaymentResult]] = set()

    async def close(self) -> None:
        """Wait for answers that are under way, then close the connections."""
        if self._pushes:
            await asyncio.wait(self._pushes)
        await self._refunds.close()
        await self._daraja.close()

    def check_method(self, method: str, unit_price: Money) -> None:
        """Check the number behind ``mpesa:``, and that the price is in whole shillings."""
        phone_number(method.partition(":")[2])
        check_price(unit_price)

    async def authorise(self, request: PaymentRequest) -> PaymentResult:
        """Ask the phone for the money.

        Returns:
            ``Pending`` while the buyer has to confirm. ``Declined`` with ``currency_not_supported`` for other
            currencies, cents and amounts beyond M-Pesa's limit; Daraja is not asked then.

        Raises:
            UnavailableError: the phone was certainly not asked.
            PaymentUnknownError: it may have been.
        """
        shillings = shillings_of(request.amount)
        if shillings is None:
            return Declined(None, "currency_not_supported")
        phone = phone_number(request.detail)
        await self._daraja.ready_to_push()
        fresh = await self._rows.open(
            idempotency_key=request.idempotency_key, order_id=request.order_id, phone=phone, amount=request.amount
        )
        if not fresh:
            found = await self.find(request.idempotency_key)
            if found is None:
                raise PaymentUnknownError("the same payment is just being asked for")
            return found
        # A caller that loses patience must not lose the answer: it alone brings the CheckoutRequestID.
        task = asyncio.create_task(self._push(request, phone, shillings))
        self._pushes.add(task)
        task.add_done_callback(self._pushed)
        return await asyncio.shield(task)

    async def find(self, idempotency_key: str) -> PaymentResult | None:
        """Return what became of a push, as far as Daraja itself tells."""
        return await self._finder.find(idempotency_key)

    async def capture(self, payment_id: str, amount: Money, idempotency_key: str) -> None:  # noqa: ARG002 - the port's
        """Refuse: M-Pesa never reserves, so there is nothing to capture."""
        raise PaymentRefusedError(f"payment {payment_id} was charged at once, or not at all")

    async def void(self, payment_id: str, idempotency_key: str) -> None:  # noqa: ARG002 - nothing is sent
        """Return when a push is over without money; a prompt cannot be taken back.

        Raises:
            PaymentRefusedError: it was paid.
            PaymentUnknownError: it may still be.
        """
        request = await self._rows.by_payment(payment_id)
        if request is None or request.state == "paid":
            raise PaymentRefusedError(f"payment {payment_id} cannot be voided")
        if request.state not in {"refused", "failed"}:
            raise PaymentUnknownError("a prompt cannot be taken back from a phone; it is over soon")

    async def refund(self, payment_id: str, amount: Money, idempotency_key: str) -> None:
        """Give money back by a reversal; see ``mpesa_refunds``."""
        await self._refunds.refund(payment_id, amount, idempotency_key)

    def parse_webhook(self, request: WebhookRequest) -> PaymentEvent:
        """Check the token and read what is claimed; every event is a rumour.

        Its ``payment_id`` is the CheckoutRequestID of a push's callback; for what belongs to a question or a reversal
        it is the name that we gave to that.
        """
        token = self._tokens.read(request.token)
        body = read_body(request.body)
        payment_id = token.reference
        if token.purpose == "pay":
            payment_id = read_callback(body).checkout_request_id
        elif token.purpose != "late":
            read_result(body)
        digest = hashlib.sha256(request.body).hexdigest()[:_DIGEST_CHARS]
        return PaymentEvent(
            provider=PROVIDER,
            event_id=f"{token.purpose}:{token.order_id}:{token.reference}:{digest}",
            kind=event_kind(token.purpose),
            payment_id=payment_id,
            order_id=token.order_id,
            result=None,
            body=body,
            is_rumour=True,
        )

    async def _push(self, request: PaymentRequest, phone: str, shillings: int) -> PaymentResult:
        key = request.idempotency_key
        try:
            acceptance = await self._daraja.push(
                phone=phone,
                shillings=shillings,
                order_id=request.order_id,
                callback_url=self._urls.make("pay", request.order_id),
            )
        except NotSentError:
            await self._rows.forget(key)
            raise
        if acceptance.state == "refused":
            await self._rows.refused(key, acceptance.reason)
            return Declined(None, acceptance.reason)
        if not await self._rows.accepted(key, acceptance.reference):
            _log.error("mpesa_payment_of_another_order", order_id=request.order_id)
            raise PaymentUnknownError("Daraja gave an id that another payment has")
        return pending(acceptance.reference)

    def _pushed(self, task: asyncio.Task[PaymentResult]) -> None:
        self._pushes.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may be gone; its error is then nobody's to raise
